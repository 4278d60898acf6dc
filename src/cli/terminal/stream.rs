//! Writing to stdout and stderr without waiting for the reader.
//!
//! A pipe that nobody reads fills up, and a plain write to it blocks for ever: because of its log,
//! a server would stop serving and ignore signals. Setting `O_NONBLOCK` on the standard streams is
//! not an option: the flag belongs to the open file description, which other processes share.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest line that a pipe takes as a whole or not at all: `PIPE_BUF`, 4,096 bytes. pipe(7),
/// on smaller writes with `O_NONBLOCK`: "If there is room to write n bytes to the pipe, then
/// write(2) succeeds immediately, writing all n bytes".
pub(in crate::cli) const LINE_BYTES_MAX: usize = 4096;

static STDOUT: LazyLock<Mutex<Stream>> = LazyLock::new(|| Stream::new(rustix::stdio::stdout()));
static STDERR: LazyLock<Mutex<Stream>> = LazyLock::new(|| Stream::new(rustix::stdio::stderr()));

/// The standard output of this process.
pub(in crate::cli) fn stdout() -> MutexGuard<'static, Stream> {
    STDOUT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The standard error of this process.
pub(in crate::cli) fn stderr() -> MutexGuard<'static, Stream> {
    STDERR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A standard stream. Lines are written whole, without waiting for the reader.
#[derive(Debug)]
pub(in crate::cli) struct Stream {
    descriptor: BorrowedFd<'static>,
    method: Method,
    /// The rest of a line that was written in part. It is written before anything else.
    rest: Vec<u8>,
}

/// How to write without blocking.
#[derive(Debug)]
enum Method {
    /// A regular file: a write waits for the disk at most.
    Write,
    /// A pipe that was opened again, so that its open file description, and `O_NONBLOCK`, is ours.
    Pipe(OwnedFd),
    /// A socket, such as that of systemd's journal: the call takes a flag.
    Send,
    /// Anything else, such as a terminal: poll before each write. A write of [`LINE_BYTES_MAX`] to
    /// a writable pipe does not block unless another process fills the pipe in between.
    PollFirst,
}

impl Stream {
    fn new(descriptor: BorrowedFd<'static>) -> Mutex<Self> {
        Mutex::new(Self { descriptor, method: Method::of(descriptor), rest: Vec::new() })
    }

    /// Writes a whole line of at most [`LINE_BYTES_MAX`] bytes, or nothing. Returns whether it was
    /// written.
    pub(in crate::cli) fn write_line(&mut self, line: &[u8]) -> bool {
        self.offer(line).is_ok()
    }

    /// Writes a text of any length, waiting at most `patience` for the reader. Returns whether all
    /// of it was written.
    pub(in crate::cli) fn write_within(&mut self, text: &[u8], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        text.chunks(LINE_BYTES_MAX).all(|chunk| self.offer_until(deadline, chunk))
            && self.offer_until(deadline, &[])
    }

    fn offer_until(&mut self, deadline: Instant, line: &[u8]) -> bool {
        loop {
            match self.offer(line) {
                Ok(()) => return true,
                Err(Errno::AGAIN) => {}
                Err(_) => return false,
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.polls_writable(left) {
                return false;
            }
            // There may be less room than the line needs: do not spin.
            std::thread::sleep(left.min(Duration::from_millis(1)));
        }
    }

    /// Writes the rest of an earlier line and then the whole line, or nothing of the line.
    fn offer(&mut self, line: &[u8]) -> Result<(), Errno> {
        while !self.rest.is_empty() {
            let taken = self.write(&self.rest)?;
            self.rest.drain(..taken);
        }
        if !line.is_empty() {
            let taken = self.write(line)?;
            self.rest.extend_from_slice(&line[taken..]);
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes were written.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let written = rustix::io::retry_on_intr(|| match &self.method {
            Method::Write => rustix::io::write(self.descriptor, bytes),
            Method::Pipe(own) => rustix::io::write(own, bytes),
            Method::Send => send(self.descriptor, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Method::PollFirst if self.polls_writable(Duration::ZERO) => {
                rustix::io::write(self.descriptor, bytes)
            }
            Method::PollFirst => Err(Errno::AGAIN),
        });
        written.and_then(|count| if count == 0 { Err(Errno::AGAIN) } else { Ok(count) })
    }

    fn polls_writable(&self, timeout: Duration) -> bool {
        // A timeout of about a second always fits.
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        let mut descriptors = [PollFd::new(&self.descriptor, PollFlags::OUT)];
        matches!(poll(&mut descriptors, Some(&timeout)), Ok(1..))
    }
}

impl Method {
    fn of(descriptor: BorrowedFd<'_>) -> Self {
        let kind = fstat(descriptor).map(|stat| FileType::from_raw_mode(stat.st_mode));
        match kind {
            Ok(FileType::RegularFile) => Self::Write,
            Ok(FileType::Socket) => Self::Send,
            Ok(FileType::Fifo) => open_anew(descriptor).map_or(Self::PollFirst, Self::Pipe),
            _ => Self::PollFirst,
        }
    }
}

/// Opens the same pipe again, with an open file description of our own that does not block.
/// proc_pid_fd(5): for pipes, the entries are links that can be opened.
fn open_anew(descriptor: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, pipe};
    use std::os::fd::AsFd;

    /// A stream on a descriptor that stays open for as long as the test process runs.
    fn stream_on(descriptor: OwnedFd) -> Stream {
        let descriptor: &'static OwnedFd = Box::leak(Box::new(descriptor));
        Stream::new(descriptor.as_fd()).into_inner().unwrap()
    }

    fn line(number: usize) -> String {
        format!("{number:>5}{}\n", "x".repeat(number * 37 % 4_000))
    }

    /// Fills `stream`, drains it through `reader`, and checks that every line arrived whole or not
    /// at all.
    fn assert_whole_lines(mut stream: Stream, mut reader: impl Read) {
        let written = |stream: &mut Stream| {
            (0..5_000).filter(|&number| stream.write_line(line(number).as_bytes())).count()
        };
        let first = written(&mut stream);
        assert!((1..5_000).contains(&first), "the pipe fills up: {first}");
        let mut received = Vec::new();
        let mut buffer = [0; 1 << 16];
        let mut count = 0;
        while count < first {
            let taken = reader.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..taken]);
            // The rest of a line is written with the next one.
            stream.write_line(b"");
            count = received.iter().filter(|&&byte| byte == b'\n').count();
        }
        for text in String::from_utf8(received).unwrap().split_inclusive('\n') {
            let number = text[..5].trim().parse().unwrap();
            assert_eq!(text, line(number));
        }
        assert!(stream.write_line(b"there is room again\n"));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no /proc")]
    fn a_full_pipe_takes_whole_lines_or_nothing() {
        let (reader, writer) = pipe().unwrap();
        let stream = stream_on(writer.into());
        assert!(matches!(stream.method, Method::Pipe(_)));
        assert_whole_lines(stream, reader);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no /proc")]
    fn a_pipe_that_cannot_be_reopened_takes_whole_lines_or_nothing() {
        let (reader, writer) = pipe().unwrap();
        let stream = Stream { method: Method::PollFirst, ..stream_on(writer.into()) };
        assert_whole_lines(stream, reader);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no such socket")]
    fn a_socket_takes_whole_lines_or_nothing() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let stream = stream_on(writer.into());
        assert!(matches!(stream.method, Method::Send));
        assert_whole_lines(stream, reader);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no /proc")]
    fn a_write_within_a_time_gives_up_after_it() {
        let (_reader, writer) = pipe().unwrap();
        let mut stream = stream_on(writer.into());
        let start = Instant::now();
        assert!(!stream.write_within(&vec![b'x'; 1 << 20], Duration::from_millis(50)));
        assert!((Duration::from_millis(50)..Duration::from_secs(5)).contains(&start.elapsed()));
    }

    #[test]
    fn a_file_takes_everything() {
        let path = std::env::temp_dir().join(format!("halloo-stream-{}", std::process::id()));
        let mut stream = stream_on(std::fs::File::create(&path).unwrap().into());
        assert!(stream.write_within(&vec![b'x'; 1 << 20], Duration::ZERO));
        assert_eq!(std::fs::read(&path).unwrap().len(), 1 << 20);
        std::fs::remove_file(&path).unwrap();
    }
}

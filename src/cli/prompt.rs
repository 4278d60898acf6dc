//! The input of the interactive client: lines of stdin, and on a terminal the prompt.

use super::terminal::editor::{Editor, Entered};
use super::terminal::mode::{RawMode, can_edit, columns};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, IsTerminal, Write};

/// Bytes read from stdin at once: 64 KiB, the capacity of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// What stdin has to offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line without its terminator.
    Line(Vec<u8>),
    /// Nothing yet.
    Pending,
    /// The end of the input.
    End,
    /// Ctrl-C, in raw mode, where it does not raise a signal.
    Interrupt,
    /// A line that is too long.
    TooLong,
}

/// Stdin, line by line. It is read only when it is readable, and never made non-blocking, because
/// it may be shared with the shell.
pub(super) struct Prompt {
    lines: Lines,
    is_ended: bool,
    /// The largest number of bytes in a line.
    line_bytes_max: u64,
    /// Stdin and stdout are a terminal.
    is_terminal: bool,
    /// The prompt was written, on a terminal without line editing.
    is_shown: bool,
    terminal: Option<(RawMode, Editor)>,
}

impl Prompt {
    pub(super) fn new(line_bytes_max: u64) -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        // A terminal that cannot switch to raw mode is read line by line.
        let mode = (is_terminal && can_edit()).then(RawMode::enter).and_then(Result::ok);
        Self {
            lines: Lines::default(),
            is_ended: false,
            line_bytes_max,
            is_terminal,
            is_shown: false,
            terminal: mode.map(|mode| (mode, Editor::new())),
        }
    }

    /// Whether stdin and stdout are a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Shows the prompt on a terminal, unless it is shown already.
    pub(super) fn show(&mut self) -> io::Result<()> {
        if let Some((_, editor)) = &mut self.terminal {
            let mut screen = String::new();
            editor.show(columns(), &mut screen);
            return write(&screen);
        }
        if !self.is_terminal || std::mem::replace(&mut self.is_shown, true) {
            return Ok(());
        }
        write(">>> ")
    }

    /// Removes the prompt, so that something else can be printed in its place.
    pub(super) fn hide(&mut self) -> io::Result<()> {
        if let Some((_, editor)) = &mut self.terminal {
            let mut screen = String::new();
            editor.hide(&mut screen);
            return write(&screen);
        }
        if std::mem::take(&mut self.is_shown) { write("\n") } else { Ok(()) }
    }

    /// The next line, if there is one.
    pub(super) fn next(&mut self) -> io::Result<Input> {
        loop {
            if let Some(input) = self.take()? {
                return Ok(input);
            }
            if self.is_ended {
                return Ok(Input::End);
            }
            if !is_ready()? {
                return Ok(Input::Pending);
            }
            self.read()?;
        }
    }

    /// The next line of the input that was read already.
    fn take(&mut self) -> io::Result<Option<Input>> {
        let Some((mode, editor)) = &mut self.terminal else {
            let line = self.lines.next(self.is_ended);
            let is_too_long = |bytes: usize| bytes as u64 > self.line_bytes_max;
            return Ok(match line {
                Some(line) if is_too_long(line.len()) => Some(Input::TooLong),
                None if is_too_long(self.lines.rest_bytes()) => Some(Input::TooLong),
                Some(line) => {
                    // The user's Return has moved the cursor to the next line.
                    self.is_shown = false;
                    Some(Input::Line(line))
                }
                None => None,
            });
        };
        let mut screen = String::new();
        let entered = editor.next(columns(), &mut screen);
        write(&screen)?;
        Ok(match entered {
            None if editor.line_bytes() as u64 > self.line_bytes_max => Some(Input::TooLong),
            None => None,
            Some(Entered::Line(line)) if line.len() as u64 > self.line_bytes_max => {
                Some(Input::TooLong)
            }
            Some(Entered::Line(line)) => Some(Input::Line(line.into_bytes())),
            Some(Entered::Interrupt) => Some(Input::Interrupt),
            Some(Entered::End) => Some(Input::End),
            Some(Entered::Suspend) => {
                mode.suspend()?;
                Some(Input::Pending)
            }
        })
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            // Reading a terminal that has hung up fails with EIO.
            Ok(0) | Err(rustix::io::Errno::IO) => self.is_ended = true,
            Ok(count) => match &mut self.terminal {
                Some((_, editor)) => editor.type_bytes(&buffer[..count]),
                None => self.lines.push(&buffer[..count]),
            },
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// A buffer of input that is split into lines. Each byte is searched once and moved once, whatever
/// the number and length of the lines.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// The first `taken` bytes have been returned.
    taken: usize,
    /// There is no newline between `taken` and this index.
    searched: usize,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes of the incomplete line.
    fn rest_bytes(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// The next line without its terminator. At the end of the input the last line may lack one.
    fn next(&mut self, is_ended: bool) -> Option<Vec<u8>> {
        let start = self.taken;
        let end = match memchr::memchr(b'\n', &self.bytes[self.searched..]) {
            Some(at) => self.searched + at + 1,
            None => {
                self.searched = self.bytes.len();
                if !is_ended || self.rest_bytes() == 0 {
                    return None;
                }
                self.bytes.len()
            }
        };
        (self.taken, self.searched) = (end, end);
        Some(super::terminal::printable::without_terminator(&self.bytes[start..end]).to_vec())
    }
}

fn write(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

/// Whether a read of stdin would not block.
fn is_ready() -> io::Result<bool> {
    let stdin = rustix::stdio::stdin();
    let mut descriptors = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_bytes_come() {
        let bytes = b"one\n\ntwo\r\nthree";
        for step in 1..=bytes.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for piece in bytes.chunks(step) {
                lines.push(piece);
                found.extend(std::iter::from_fn(|| lines.next(false)));
            }
            assert_eq!(lines.rest_bytes(), 5);
            found.extend(std::iter::from_fn(|| lines.next(true)));
            assert_eq!(found, [&b"one"[..], b"", b"two", b"three"]);
        }
    }
}

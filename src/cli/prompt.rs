//! What a person types: lines of stdin, and the prompt that asks for them.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, IsTerminal, Write};

/// Bytes read from stdin at once: 64 KiB, what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

/// What stdin has.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line without its terminator.
    Line(Vec<u8>),
    /// Nothing yet.
    Pending,
    /// The end.
    End,
}

/// Stdin, line by line, read only when it has something: it is never made non-blocking, because it may be
/// shared with the shell.
pub(super) struct Prompt {
    typed: Vec<u8>,
    is_ended: bool,
    is_terminal: bool,
    is_shown: bool,
}

impl Prompt {
    pub(super) fn new() -> Self {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        Self { typed: Vec::new(), is_ended: false, is_terminal, is_shown: false }
    }

    /// Asks for a line, if a person is there to be asked and was not yet.
    pub(super) fn show(&mut self) -> io::Result<()> {
        if !self.is_terminal || std::mem::replace(&mut self.is_shown, true) {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(b">>> ").and_then(|()| stdout.flush())
    }

    /// Makes room where the prompt stands for something else to be printed.
    pub(super) fn hide(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_shown) { io::stdout().write_all(b"\r") } else { Ok(()) }
    }

    /// Takes the next line, if there is one.
    pub(super) fn next(&mut self) -> io::Result<Input> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.typed) {
                let rest = self.typed.split_off(end + 1);
                let line = std::mem::replace(&mut self.typed, rest);
                return Ok(self.line(&line));
            }
            if self.is_ended {
                let last = std::mem::take(&mut self.typed);
                return Ok(if last.is_empty() { Input::End } else { self.line(&last) });
            }
            if !is_ready()? {
                return Ok(Input::Pending);
            }
            self.read()?;
        }
    }

    fn line(&mut self, line: &[u8]) -> Input {
        // The person's own Return has moved to the next line.
        self.is_shown = false;
        Input::Line(super::printable::without_terminator(line).to_vec())
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => self.is_ended = true,
            Ok(count) => self.typed.extend_from_slice(&buffer[..count]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
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

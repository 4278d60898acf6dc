//! The output of a session: messages on stdout, notes on stderr, and the handshake in the log.

use super::{Conversation, Stop};
use crate::cli::connect::reply::Print;
use crate::cli::terminal::printable;
use crate::cli::terminal::stream::stderr;
use log::info;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How long a note waits for a slow reader of stderr: 1 s.
const NOTE_WAIT: Duration = Duration::from_secs(1);

/// Header fields whose values are secrets, in lower case.
const SECRET_FIELDS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

impl Conversation<'_> {
    /// Prints a raw reply, or a piece of one.
    pub(super) fn print_raw(&mut self, print: Print) -> Result<(), Stop> {
        match print {
            Print::Nothing => Ok(()),
            Print::Piece(bytes) => self.print(&bytes, false),
            Print::Whole(bytes) => self.print(&bytes, true),
        }
    }

    /// Prints a message, followed by a newline if it is whole.
    pub(super) fn print(&mut self, message: &[u8], is_whole: bool) -> Result<(), Stop> {
        self.prompt.hide()?;
        let mut stdout = io::stdout().lock();
        match (stdout.is_terminal(), is_whole) {
            (true, _) => stdout.write_all(printable::line(message).as_bytes())?,
            (false, true) => stdout.write_all(printable::without_terminator(message))?,
            (false, false) => stdout.write_all(message)?,
        }
        if is_whole {
            stdout.write_all(b"\n")?;
        }
        Ok(stdout.flush()?)
    }

    /// Prints a note of our own to stderr.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Stop> {
        self.prompt.hide()?;
        stderr().write_within(format!("halloo: {text}\n").as_bytes(), NOTE_WAIT);
        Ok(())
    }

    /// Prints the notice about an end that came while the prompt waited.
    pub(super) fn show_notice(&mut self) -> Result<(), Stop> {
        match self.notice.take() {
            Some(notice) => {
                self.note(&notice)?;
                Ok(self.prompt.show()?)
            }
            None => Ok(()),
        }
    }

    pub(super) fn pong(&mut self) -> Result<(), Stop> {
        match self.pinged.take() {
            Some(pinged) => {
                let time = Instant::now() - pinged;
                self.note(&format!("pong after {:.1} ms", time.as_secs_f64() * 1e3))
            }
            None => Ok(()),
        }
    }

    /// Logs the request and response of the opening handshake, for `-v`.
    pub(super) fn show_handshake(&self) {
        let inbox = self.reactor.service();
        for (mark, bytes) in [('>', inbox.request()), ('<', inbox.response())] {
            for line in head_lines(bytes) {
                info!("{mark} {line}");
            }
        }
    }
}

/// The lines of a head, escaped and with secrets masked.
fn head_lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    let lines =
        bytes.split(|&byte| byte == b'\n').map(|line| printable::line(line.trim_ascii_end()));
    lines.take_while(|line| !line.is_empty()).map(|line| match line.split_once(':') {
        Some((name, _)) if SECRET_FIELDS.contains(&&*name.to_lowercase()) => format!("{name}: ***"),
        _ => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_shown_without_its_secrets() {
        let head = b"GET / HTTP/1.1\r\nHost: a\x1b\r\nauthorization: Basic x\r\n\r\nframes\n";
        let lines: Vec<String> = head_lines(head).collect();
        assert_eq!(lines, ["GET / HTTP/1.1", "Host: a\\u{1b}", "authorization: ***"]);
    }
}

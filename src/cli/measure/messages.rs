//! What a team's conductor and its members say to each other: lines of JSON, on a member's standard input and
//! output.

use crate::load::Outcome;
use crate::load::run::Progress;
use serde::{Deserialize, Serialize};
use std::io;

/// What a member is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Command {
    /// Make the connections.
    Connect,
    /// All members are ready: send.
    Go,
    /// What was measured so far is all.
    Stop,
}

/// What a member says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Report {
    /// It waits to be told to connect.
    Begun,
    /// Its connections are up, as far as they will be.
    Ready,
    /// How it goes, about every second.
    Progress(Progress<'static>),
    /// What it measured.
    Done(Box<Outcome>),
    /// It has nothing to measure, for the reason in this sentence.
    Failed(String),
}

/// One line.
pub(super) fn line(words: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(words)?;
    line.push(b'\n');
    Ok(line)
}

/// Lines that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes a piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// Takes out the next line that is whole, and reads it.
    pub(super) fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Option<io::Result<T>> {
        let end = memchr::memchr(b'\n', &self.0)?;
        let line: Vec<u8> = self.0.drain(..=end).collect();
        Some(serde_json::from_slice(&line).map_err(io::Error::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_in_whatever_pieces() {
        let mut lines = Lines::default();
        let sent = [line(&Command::Go).unwrap(), line(&Command::Stop).unwrap()].concat();
        let mut received = Vec::new();
        for byte in sent {
            lines.push(&[byte]);
            received.extend(lines.next::<Command>().map(Result::unwrap));
        }
        assert_eq!(received, [Command::Go, Command::Stop]);
        lines.push(b"what?\n");
        assert!(lines.next::<Command>().unwrap().is_err());
    }
}

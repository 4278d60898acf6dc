//! The messages between a coordinator and its workers: lines of JSON on a worker's standard input
//! and output.

use crate::load::Outcome;
use crate::load::run::Progress;
use serde::{Deserialize, Serialize};
use std::io;

/// A coordinator's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Command {
    /// Make the connections.
    Connect,
    /// All workers are ready: start sending.
    Go,
    /// Stop, and report what was measured so far.
    Stop,
}

/// A worker's message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Report {
    /// It waits for [`Command::Connect`].
    Begun,
    /// All connections that could be made are up.
    Ready,
    /// Its progress, about once a second.
    Progress(Progress<'static>),
    /// Its result.
    Done(Box<Outcome>),
    /// It has no result, for this reason.
    Failed(String),
}

/// Encodes a message as one line.
pub(super) fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Lines that arrive in pieces.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Appends a piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// Removes and decodes the next complete line.
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
    fn messages_arrive_however_they_are_split() {
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

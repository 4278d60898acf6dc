//! Replies in a raw stream, where nothing marks the end of one.

use std::time::{Duration, Instant};

/// How long a reply must pause to count as complete: 50 ms. On all but the worst paths its pieces
/// arrive closer together, and a user does not notice the wait.
const PAUSE: Duration = Duration::from_millis(50);

/// The most bytes of a reply that are kept until it is complete: 256 KiB, one read.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// A reply, as far as it has arrived. It is complete when it is as long as the line that it replies
/// to, as every echo is, or when it pauses.
#[derive(Debug, Default)]
pub(super) struct RawReply {
    /// Bytes of the reply that have not been printed.
    bytes: Vec<u8>,
    /// The number of bytes that have been printed.
    printed: usize,
    /// The length of the line that it replies to.
    line_bytes: usize,
    whole_at: Option<Instant>,
}

/// What to print of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Print {
    Nothing,
    /// These bytes; more of the reply follows.
    Piece(Vec<u8>),
    /// These bytes, which complete the reply.
    Whole(Vec<u8>),
}

impl RawReply {
    /// Notes that a line of this length was sent.
    pub(super) fn expect(&mut self, line_bytes: usize) {
        self.line_bytes = line_bytes;
    }

    /// When the reply counts as complete if nothing arrives before.
    pub(super) fn whole_at(&self) -> Option<Instant> {
        self.whole_at
    }

    /// Appends input.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Print {
        self.bytes.extend_from_slice(bytes);
        if self.printed + self.bytes.len() >= self.line_bytes {
            return self.end();
        }
        self.whole_at = Some(now + PAUSE);
        if self.bytes.len() < KEPT_BYTES_MAX {
            return Print::Nothing;
        }
        self.printed += self.bytes.len();
        Print::Piece(std::mem::take(&mut self.bytes))
    }

    /// The reply, if it has paused for long enough.
    pub(super) fn pause(&mut self, now: Instant) -> Print {
        if self.whole_at.is_some_and(|at| at <= now) { self.end() } else { Print::Nothing }
    }

    /// The reply, because nothing more arrives.
    pub(super) fn end(&mut self) -> Print {
        let is_begun = self.printed > 0 || !self.bytes.is_empty();
        let reply = std::mem::take(self);
        if is_begun { Print::Whole(reply.bytes) } else { Print::Nothing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_complete_at_its_lines_length_or_after_a_pause() {
        let now = Instant::now();
        let mut reply = RawReply::default();
        reply.expect(5);
        assert_eq!(reply.receive(b"hel", now), Print::Nothing);
        assert_eq!(reply.receive(b"lo", now), Print::Whole(b"hello".into()));
        assert_eq!(reply.receive(b"more", now), Print::Whole(b"more".into()), "unsolicited");
        reply.expect(100);
        assert_eq!(reply.receive(b"ok", now), Print::Nothing);
        assert_eq!(reply.pause(now), Print::Nothing);
        assert_eq!(reply.pause(now + PAUSE), Print::Whole(b"ok".into()));
        assert_eq!(reply.end(), Print::Nothing);
    }

    #[test]
    fn a_long_reply_is_printed_in_pieces_that_end_as_one() {
        let now = Instant::now();
        let mut reply = RawReply::default();
        reply.expect(KEPT_BYTES_MAX + 2);
        assert!(matches!(reply.receive(&vec![b'x'; KEPT_BYTES_MAX], now), Print::Piece(_)));
        assert_eq!(reply.receive(b"yz", now), Print::Whole(b"yz".into()));
    }
}

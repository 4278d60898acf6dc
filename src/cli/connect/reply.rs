//! Replies of a server that speaks bare bytes: nothing says where one ends.

use std::time::{Duration, Instant};

/// How long a reply must pause until it counts as whole: 50 ms. The pieces of one come closer together on every path
/// but the worst, and a person does not notice the wait.
const PAUSE: Duration = Duration::from_millis(50);

/// The most bytes of a reply that are kept until it is whole: 256 KiB, one read.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// A reply as far as it came. It is whole when it has as many bytes as the line it answers, which every echo has,
/// or when it pauses.
#[derive(Debug, Default)]
pub(super) struct RawReply {
    /// Bytes of the reply that are kept.
    bytes: Vec<u8>,
    /// Bytes of it that have been printed.
    printed: usize,
    /// Bytes of the line that it answers.
    line_bytes: usize,
    whole_at: Option<Instant>,
}

/// What is to be printed of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Print {
    Nothing,
    /// This, and more of the reply comes.
    Piece(Vec<u8>),
    /// This, and the reply is whole.
    Whole(Vec<u8>),
}

impl RawReply {
    /// A line of so many bytes was sent.
    pub(super) fn expect(&mut self, line_bytes: usize) {
        self.line_bytes = line_bytes;
    }

    /// When a reply counts as whole if nothing comes before.
    pub(super) fn whole_at(&self) -> Option<Instant> {
        self.whole_at
    }

    /// Takes what came.
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

    /// The reply if it has paused for long enough.
    pub(super) fn pause(&mut self, now: Instant) -> Print {
        if self.whole_at.is_some_and(|at| at <= now) { self.end() } else { Print::Nothing }
    }

    /// The reply, because nothing more comes.
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
    fn a_reply_is_whole_with_the_length_of_its_line_or_after_a_pause() {
        let now = Instant::now();
        let mut reply = RawReply::default();
        reply.expect(5);
        assert_eq!(reply.receive(b"hel", now), Print::Nothing);
        assert_eq!(reply.receive(b"lo", now), Print::Whole(b"hello".into()));
        assert_eq!(reply.receive(b"more", now), Print::Whole(b"more".into()), "unasked");
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

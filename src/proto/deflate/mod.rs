//! permessage-deflate (RFC 7692): what was agreed on, and what a session remembers for it.
//!
//! Compressing and decompressing state is large, so it belongs to the batch and is shared by all
//! connections. What makes that possible is that a message is collected before it is
//! decompressed. With context takeover a session remembers the end of what it sent and received, at most
//! 32 KiB each, and the shared state begins each message with it.

pub(crate) mod codec;
pub(crate) mod negotiation;

use super::error::Error;
use super::send_buffer::SendBuffer;

/// Whether and how a server or client agrees to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Let messages refer to earlier ones. It compresses better, and costs up to 64 KiB for each
    /// connection; otherwise each message stands alone.
    pub context_takeover: bool,
    /// Messages of fewer bytes go uncompressed, except that an echo is compressed if its message was.
    pub message_bytes_min: usize,
}

/// What both sides agreed on, in one byte.
///
/// The low four bits are the window bits of what we send, 8 to 15; 0 means that nothing was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement(u8);

impl Agreement {
    const SEND_TAKEOVER: u8 = 0x10;
    const RECEIVE_TAKEOVER: u8 = 0x20;

    pub(crate) fn new(send_window_bits: u8, send_takeover: bool, receive_takeover: bool) -> Self {
        debug_assert!((8..=15).contains(&send_window_bits));
        let send_takeover = if send_takeover { Self::SEND_TAKEOVER } else { 0 };
        let receive_takeover = if receive_takeover { Self::RECEIVE_TAKEOVER } else { 0 };
        Self(send_window_bits | send_takeover | receive_takeover)
    }

    /// Whether the extension is in use.
    pub(crate) fn is_on(self) -> bool {
        self.0 != 0
    }

    pub(crate) fn send_window_bits(self) -> u8 {
        self.0 & 0x0f
    }

    pub(crate) fn send_takeover(self) -> bool {
        self.0 & Self::SEND_TAKEOVER != 0
    }

    pub(crate) fn receive_takeover(self) -> bool {
        self.0 & Self::RECEIVE_TAKEOVER != 0
    }
}

/// The end of what was sent or received: what later messages may refer to.
#[derive(Debug, Default)]
pub(crate) struct History(SendBuffer);

impl History {
    /// The largest window: 2^15 bytes (RFC 1951 §2).
    const BYTES_MAX: usize = 1 << 15;

    /// Adds a message.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`], and the history is of no more use.
    pub(crate) fn extend(&mut self, message: &[u8]) -> Result<(), Error> {
        let kept = message.len().min(Self::BYTES_MAX);
        let dropped = (self.0.len() + kept).saturating_sub(Self::BYTES_MAX);
        self.0.drop_front(dropped);
        self.0.extend(&message[message.len() - kept..], usize::MAX)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_the_last_32_kib() {
        let mut history = History::default();
        history.extend(&[1; 20_000]).unwrap();
        history.extend(&[2; 20_000]).unwrap();
        assert_eq!(history.bytes().len(), 32_768);
        assert_eq!(history.bytes()[..12_768], [1; 12_768]);
        history.extend(&[3; 50_000]).unwrap();
        assert_eq!(history.bytes(), [3; 32_768]);
    }
}

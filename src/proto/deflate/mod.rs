//! permessage-deflate (RFC 7692): the negotiated parameters, and the history that a session keeps.
//!
//! Compressor and decompressor state is large, so it belongs to the batch and is shared by all
//! connections. That is possible because a message is assembled before it is decompressed. With
//! context takeover, a session keeps the last 32 KiB that it sent and the last 32 KiB that it
//! received, and the shared state is primed with them for each message.

pub(crate) mod codec;
pub(crate) mod negotiation;

use super::error::Error;
use super::send_buffer::SendBuffer;

/// The compression settings of a server or client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Let messages refer to earlier ones. Compresses better, but costs up to 64 KiB per
    /// connection; otherwise each message is compressed on its own.
    pub context_takeover: bool,
    /// Messages of fewer bytes are sent uncompressed, except that the echo of a compressed message
    /// is compressed too.
    pub message_bytes_min: usize,
}

/// The negotiated parameters, in one byte.
///
/// The low four bits are the window bits for sending, 8 to 15; 0 means that no extension was
/// negotiated.
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

/// The last 32 KiB that were sent or received: the data that later messages may refer to.
#[derive(Debug, Default)]
pub(crate) struct History(SendBuffer);

impl History {
    /// The largest window: 2^15 bytes (RFC 1951 §2).
    const BYTES_MAX: usize = 1 << 15;

    /// Appends a message.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`]; the history is then unusable.
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
    fn a_history_keeps_the_last_32_kib() {
        let mut history = History::default();
        history.extend(&[1; 20_000]).unwrap();
        history.extend(&[2; 20_000]).unwrap();
        assert_eq!(history.bytes().len(), 32_768);
        assert_eq!(history.bytes()[..12_768], [1; 12_768]);
        history.extend(&[3; 50_000]).unwrap();
        assert_eq!(history.bytes(), [3; 32_768]);
    }
}

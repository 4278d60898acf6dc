//! WebSocket bytes on a real socket (RFC 6455 §5.2): the code shared with the tests in memory, and
//! what only a socket needs.

#[allow(dead_code, reason = "shared with tests/pair, which uses more of it")]
#[path = "../pair/wire.rs"]
mod frames;

pub(crate) use frames::*;

/// The accept value for that key (RFC 6455 §1.3).
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Frame {
    /// The code of a Close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        code.filter(|_| self.first == CLOSE)
    }
}

/// The header of a frame as a client sends it, up to its payload.
pub(crate) fn masked_header(first: u8, len: usize) -> Vec<u8> {
    let mut header = header(first, 0x80, len);
    header.extend_from_slice(&KEY);
    header
}

/// The valid request with one change.
pub(crate) fn changed(from: &str, to: &str) -> Vec<u8> {
    let request = String::from_utf8(REQUEST.to_vec()).expect("it is ASCII");
    assert!(request.contains(from), "{from}");
    request.replacen(from, to, 1).into_bytes()
}

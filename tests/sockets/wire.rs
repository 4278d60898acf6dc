//! WebSocket as bytes on a real socket (RFC 6455 §5.2): the upgrade request, and frames both ways.

use std::fmt;

// The first byte of a frame: FIN and the opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// The key of every masked frame.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A good upgrade request.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: halloo.test\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The answer to that key (RFC 6455 §1.3).
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// One frame, as a server sends it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(first: u8, payload: &[u8]) -> Self {
        Self { first, payload: payload.to_vec() }
    }

    /// The code of a close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let code = self.payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        code.filter(|_| self.first == CLOSE)
    }
}

/// Long payloads are cut short: a failure must stay readable.
impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.payload[..self.payload.len().min(32)];
        let len = self.payload.len();
        write!(formatter, "Frame({:#04x}, {len} bytes: {})", self.first, shown.escape_ascii())
    }
}

/// The flags and the length in its shortest form. `mask_bit` is 0x80 or 0.
pub(crate) fn header(first: u8, mask_bit: u8, len: usize) -> Vec<u8> {
    let mut header = vec![first];
    match len {
        0..126 => header.push(mask_bit | len as u8),
        126..65_536 => {
            header.push(mask_bit | 126);
            header.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    header
}

/// The header of a frame as a client sends it, up to its payload.
pub(crate) fn masked_header(first: u8, len: usize) -> Vec<u8> {
    let mut header = header(first, 0x80, len);
    header.extend_from_slice(&KEY);
    header
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = masked_header(first, payload.len());
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A close frame as a client sends it.
pub(crate) fn masked_close(code: u16) -> Vec<u8> {
    masked(CLOSE, &code.to_be_bytes())
}

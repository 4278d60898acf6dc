//! What a connection sends, and what must come back.

use halloo::proto::frame::{Header, Opcode};
use halloo::proto::mask;

/// A character of each length that UTF-8 has.
const TEXT: &str = "aß水🎉";

/// A message, ready to be sent as often as it is in flight.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The message as it is sent, repeated.
    pub(crate) requests: Vec<u8>,
    /// Bytes of one repetition.
    pub(crate) request_bytes: usize,
    /// What comes back of one message, without frame headers.
    pub(crate) answer: Vec<u8>,
    /// Whether it comes back in frames.
    pub(crate) is_framed: bool,
}

impl Exchange {
    /// A masked message of `bytes` bytes of payload. Messages with another `seed` are different.
    pub(crate) fn new(
        bytes: usize,
        in_flight: usize,
        text: bool,
        is_framed: bool,
        seed: u8,
    ) -> Self {
        let payload = if text { text_of(bytes, seed) } else { noise(bytes, seed) };
        let key = [0x37, 0xfa, 0x21, 0x3d ^ seed];
        let header = Header {
            rsv1: false,
            fin: true,
            opcode: if text { Opcode::Text } else { Opcode::Binary },
            masking_key: Some(key),
            payload_len: bytes as u64,
        };
        let mut request = header.encode().to_vec();
        let start = request.len();
        request.extend_from_slice(&payload);
        mask::apply(&mut request[start..], key);
        Self {
            requests: request.repeat(in_flight),
            request_bytes: request.len(),
            answer: if is_framed { payload } else { request },
            is_framed,
        }
    }
}

/// Text of exactly `bytes` bytes.
fn text_of(bytes: usize, seed: u8) -> Vec<u8> {
    let mut text = vec![b'a' + seed];
    while text.len() + TEXT.len() <= bytes {
        text.extend_from_slice(TEXT.as_bytes());
    }
    text.resize(bytes, b'.');
    text
}

/// Bytes without a pattern (xorshift), so that a byte in the wrong place shows.
fn noise(bytes: usize, seed: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

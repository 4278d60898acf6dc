//! The messages of a connection, and the echoes that must come back.

use crate::deflate;
use halloo::proto::frame::{Header, Opcode};
use halloo::proto::mask;
use std::io;

/// A character of each length that UTF-8 has.
const TEXT: &str = "aß水🎉";

/// The words of the prose.
const WORDS: [&str; 16] = [
    "echo ",
    "answer ",
    "mountain ",
    "valley ",
    "voice ",
    "message ",
    "server ",
    "the ",
    "of ",
    "from ",
    "returns ",
    "calls ",
    "1024 ",
    "-7.25 ",
    "\"name\": ",
    "\n",
];

/// The form of messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// As text, not binary.
    pub(crate) text: bool,
    /// Compressed; then the payload is compressible.
    pub(crate) deflate: bool,
}

/// A message, repeated as often as it is in flight.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The message in its frame, repeated.
    pub(crate) requests: Vec<u8>,
    /// Bytes of one repetition.
    pub(crate) request_bytes: usize,
    /// The payload of the echo of one message.
    pub(crate) answer: Vec<u8>,
    /// Whether echoes come in frames.
    pub(crate) is_framed: bool,
    /// Whether frames of echoes may be compressed.
    pub(crate) is_compressed: bool,
}

impl Exchange {
    /// A masked message of `bytes` bytes of payload. Messages with different `seed`s differ.
    ///
    /// # Errors
    /// If it cannot be compressed.
    pub(crate) fn new(bytes: usize, style: Style, is_framed: bool, seed: u8) -> io::Result<Self> {
        let payload = match style {
            Style { deflate: true, .. } => prose(bytes, seed),
            Style { text: true, .. } => text_of(bytes, seed),
            Style { .. } => noise(bytes, seed).collect(),
        };
        let compressed = if style.deflate { Some(deflate::compress(&payload)?) } else { None };
        let sent = compressed.as_ref().unwrap_or(&payload);
        let key = [0x37, 0xfa, 0x21, 0x3d ^ seed];
        let header = Header {
            rsv1: style.deflate,
            fin: true,
            opcode: if style.text { Opcode::Text } else { Opcode::Binary },
            masking_key: Some(key),
            payload_len: sent.len() as u64,
        };
        let mut request = header.encode().to_vec();
        let start = request.len();
        request.extend_from_slice(sent);
        mask::apply(&mut request[start..], key);
        Ok(Self {
            request_bytes: request.len(),
            answer: if is_framed { payload } else { request.clone() },
            requests: request,
            is_framed,
            is_compressed: style.deflate,
        })
    }

    /// The same, with this number of messages in flight.
    pub(crate) fn repeated(self, in_flight: usize) -> Self {
        Self { requests: self.requests.repeat(in_flight), ..self }
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

/// Bytes without a pattern (xorshift), so that a misplaced byte is detected.
fn noise(bytes: usize, seed: u8) -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(move |_| next())
}

/// Random words, which shrink to about a quarter, as typical compressible data does.
fn prose(bytes: usize, seed: u8) -> Vec<u8> {
    let words = noise(bytes, seed).map(|choice| WORDS[usize::from(choice) % WORDS.len()]);
    words.flat_map(str::bytes).take(bytes).collect()
}

//! What a connection sends, and what must come back.

use crate::deflate;
use halloo::proto::frame::{Header, Opcode};
use halloo::proto::mask;
use std::io;

/// A character of each length that UTF-8 has.
const TEXT: &str = "aß水🎉";

/// What prose is made of.
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

/// How messages are sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Style {
    /// As text, not binary.
    pub(crate) text: bool,
    /// Compressed; then they say something that can be.
    pub(crate) deflate: bool,
}

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
    /// Whether frames may come back compressed.
    pub(crate) is_compressed: bool,
}

impl Exchange {
    /// A masked message of `bytes` bytes of payload. Messages with another `seed` are different.
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

    /// The same, with as many messages on their way at once.
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

/// Bytes without a pattern (xorshift), so that a byte in the wrong place shows.
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

/// Words without order, which shrink to a quarter or so, as what is worth compressing does.
fn prose(bytes: usize, seed: u8) -> Vec<u8> {
    let words = noise(bytes, seed).map(|choice| WORDS[usize::from(choice) % WORDS.len()]);
    words.flat_map(str::bytes).take(bytes).collect()
}

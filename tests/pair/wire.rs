//! Frames as bytes (RFC 6455 §5.2): a second encoder and parser, independent of the crate.

use std::fmt;

// The first byte of a frame: FIN and the opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;
pub(crate) const FIRST_TEXT: u8 = 0x01;
pub(crate) const FIRST_BINARY: u8 = 0x02;
pub(crate) const NEXT: u8 = 0x00;
pub(crate) const LAST: u8 = 0x80;

/// The key of every frame that a test masks, from the examples in RFC 6455 §5.7.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A valid upgrade request.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: halloo.test\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The valid upgrade request with additional fields, each with its line end.
pub(crate) fn request_with(fields: &str) -> Vec<u8> {
    let lines = REQUEST.strip_suffix(b"\r\n").expect("a request ends with an empty line");
    [lines, fields.as_bytes(), b"\r\n"].concat()
}

/// One frame, its payload unmasked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(first: u8, payload: &[u8]) -> Self {
        Self { first, payload: payload.to_vec() }
    }

    pub(crate) fn close(code: u16) -> Self {
        Self::new(CLOSE, &code.to_be_bytes())
    }
}

/// Long payloads are abbreviated: a failure must stay readable.
impl fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.payload[..self.payload.len().min(32)];
        let len = self.payload.len();
        write!(formatter, "Frame({:#04x}, {len} bytes: {})", self.first, shown.escape_ascii())
    }
}

/// A frame header with the payload length in its shortest form, without a masking key.
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

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0x80, payload.len());
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A frame as a server sends it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, 0, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// A client's close frame.
pub(crate) fn masked_close(code: u16) -> Vec<u8> {
    masked(CLOSE, &code.to_be_bytes())
}

/// Parses complete frames of either side; lengths must be in their shortest form.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (len, rest) = match second & 0x7f {
            126 => (number(&rest[..2]), &rest[2..]),
            127 => (number(&rest[..8]), &rest[8..]),
            len => (usize::from(len), rest),
        };
        let mask_bit = second & 0x80;
        let written = header(*first, mask_bit, len);
        assert_eq!(bytes[..written.len()], written, "the shortest form of {len}");
        let (key, rest) = if mask_bit == 0 { (&[0; 4][..], rest) } else { rest.split_at(4) };
        let (payload, rest) = rest.split_at(len);
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        frames.push(Frame { first: *first, payload: payload.collect() });
        bytes = rest;
    }
    assert_eq!(bytes, b"", "whole frames");
    frames
}

/// The bytes after the first empty line.
pub(crate) fn after_head(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    &bytes[end.expect("a head ends with an empty line") + 4..]
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[test]
fn examples_of_section_5_7() {
    assert_eq!(unmasked(TEXT, b"Hello"), b"\x81\x05Hello");
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(masked(TEXT, b"Hello"), hello);
    assert_eq!(frames(hello), [Frame::new(TEXT, b"Hello")]);
    assert_eq!(unmasked(BINARY, &[0; 256])[..4], [0x82, 0x7e, 1, 0]);
    assert_eq!(unmasked(BINARY, &[0; 65_536])[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
}

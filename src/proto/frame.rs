//! The WebSocket frame header (RFC 6455 §5.2): parsing and encoding.

use super::{Role, Status, error::Error};

/// The largest header: two bytes, a 64-bit length, a masking key.
pub const HEADER_BYTES_MAX: usize = 14;

/// The largest payload of a control frame. RFC 6455 §5.5: "All control frames MUST have a payload
/// length of 125 bytes or less and MUST NOT be fragmented."
pub const CONTROL_BYTES_MAX: usize = 125;

/// The type of a frame (RFC 6455 §5.2). Reserved opcodes are rejected by [`Header::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// 0x0: the next fragment of the message in progress.
    Continuation = 0x0,
    /// 0x1: a text message, or its first fragment.
    Text = 0x1,
    /// 0x2: a binary message, or its first fragment.
    Binary = 0x2,
    /// 0x8: a Close frame.
    Close = 0x8,
    /// 0x9: a ping.
    Ping = 0x9,
    /// 0xA: a pong.
    Pong = 0xa,
}

impl Opcode {
    /// Whether this is a control frame (RFC 6455 §5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, Error> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return Err(Error::ReservedOpcode),
        })
    }
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// Whether the message is compressed (RFC 7692 §6). Only set in the first frame of a message.
    pub rsv1: bool,
    /// The type of the frame.
    pub opcode: Opcode,
    /// The key of a masked frame; `None` if the frame is not masked.
    pub masking_key: Option<[u8; 4]>,
    /// Bytes of payload, below 2^63.
    pub payload_len: u64,
}

impl Header {
    /// The header of an unmasked frame.
    pub fn new(fin: bool, opcode: Opcode, payload_len: u64) -> Self {
        Self { fin, rsv1: false, opcode, masking_key: None, payload_len }
    }

    /// Parses the header of a frame sent to `receiver`; returns it and its length in bytes.
    /// `compression` is whether permessage-deflate was negotiated.
    ///
    /// # Errors
    /// The first rule of RFC 6455 §5 that the bytes break, as soon as the bytes prove it.
    #[inline]
    pub fn parse(
        input: &[u8],
        receiver: Role,
        compression: bool,
    ) -> Result<Status<(Self, usize)>, Error> {
        let &[first, second, ref rest @ ..] = input else { return Ok(Status::Partial) };
        let flags = parse_flags(first, second, receiver, compression)?;
        let Flags { fin, rsv1, opcode, masked } = flags;
        let (payload_len, length_bytes) = match (second & 0x7f, rest) {
            (126, &[a, b, ..]) => {
                (minimal(u64::from(u16::from_be_bytes([a, b])), 126, receiver)?, 2)
            }
            (127, &[a, b, c, d, e, f, g, h, ..]) => {
                let payload_len = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                // 5.2: "the most significant bit MUST be 0"
                if payload_len >> 63 != 0 {
                    return Err(Error::LengthTopBit);
                }
                (minimal(payload_len, 65_536, receiver)?, 8)
            }
            (126 | 127, _) => return Ok(Status::Partial),
            (payload_len, _) => (u64::from(payload_len), 0),
        };
        if !masked {
            let header = Self { rsv1, ..Self::new(fin, opcode, payload_len) };
            return Ok(Status::Complete((header, 2 + length_bytes)));
        }
        let Some(&masking_key) = rest[length_bytes..].first_chunk() else {
            return Ok(Status::Partial);
        };
        let header = Self { fin, rsv1, opcode, masking_key: Some(masking_key), payload_len };
        Ok(Status::Complete((header, 6 + length_bytes)))
    }

    /// The length of the encoded header in bytes: 2 to 14.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let length_bytes = match self.payload_len {
            0..=125 => 0,
            126..=65_535 => 2,
            _ => 8,
        };
        2 + length_bytes + if self.masking_key.is_some() { 4 } else { 0 }
    }

    /// Encodes the header, with the payload length in its shortest form.
    pub fn encode(&self) -> Encoded {
        let mut bytes = [0; HEADER_BYTES_MAX];
        let len = self.encoded_len();
        self.encode_into(&mut bytes[..len]);
        Encoded { bytes, len }
    }

    /// Encodes the header into `place`, of exactly [`encoded_len`](Self::encoded_len) bytes.
    ///
    /// # Panics
    /// If `place` has another size.
    #[inline]
    pub(crate) fn encode_into(&self, place: &mut [u8]) {
        let fin_bit = if self.fin { 0x80 } else { 0 };
        let rsv1_bit = if self.rsv1 { 0x40 } else { 0 };
        let first = fin_bit | rsv1_bit | self.opcode as u8;
        let mask_bit = if self.masking_key.is_some() { 0x80 } else { 0 };
        let key = match self.payload_len {
            len @ 0..=125 => {
                let (flags, key) = place.split_at_mut(2);
                flags.copy_from_slice(&[first, mask_bit | len as u8]);
                key
            }
            len @ 126..=65_535 => {
                let (flags, key) = place.split_at_mut(4);
                let [a, b] = (len as u16).to_be_bytes();
                flags.copy_from_slice(&[first, mask_bit | 126, a, b]);
                key
            }
            len => {
                let (flags, key) = place.split_at_mut(10);
                flags[..2].copy_from_slice(&[first, mask_bit | 127]);
                flags[2..].copy_from_slice(&len.to_be_bytes());
                key
            }
        };
        key.copy_from_slice(self.masking_key.as_ref().map_or(&[], |key| &key[..]));
    }
}

/// An encoded header.
#[derive(Debug, Clone, Copy)]
pub struct Encoded {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

impl std::ops::Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Checks the rules that depend only on the first two bytes.
#[inline]
fn parse_flags(first: u8, second: u8, receiver: Role, compression: bool) -> Result<Flags, Error> {
    let allowed = if compression { 0x40 } else { 0 };
    // 5.2: "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values."
    if first & 0x70 & !allowed != 0 {
        return Err(Error::ReservedBits);
    }
    let fin = first & 0x80 != 0;
    let rsv1 = first & 0x40 != 0;
    let opcode = Opcode::from_bits(first & 0x0f)?;
    // RFC 7692 §6.1: "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames
    // and non-first fragments of a data message."
    if rsv1 && (opcode.is_control() || opcode == Opcode::Continuation) {
        return Err(Error::ReservedBits);
    }
    if opcode.is_control() {
        if !fin {
            return Err(Error::ControlFragmented);
        }
        if usize::from(second & 0x7f) > CONTROL_BYTES_MAX {
            return Err(Error::ControlTooLong);
        }
    }
    let masked = second & 0x80 != 0;
    match (receiver, masked) {
        // 5.1: "The server MUST close the connection upon receiving a frame that is not masked."
        (Role::Server, false) => Err(Error::MaskMissing),
        // 5.1: "A client MUST close a connection if it detects a masked frame."
        (Role::Client, true) => Err(Error::MaskUnexpected),
        _ => Ok(Flags { fin, rsv1, opcode, masked }),
    }
}

struct Flags {
    fin: bool,
    rsv1: bool,
    opcode: Opcode,
    masked: bool,
}

/// 5.2: "the minimal number of bytes MUST be used to encode the length"
///
/// A server enforces this rule on its clients. A client does not enforce it: the user chose the
/// server, some hand-written servers encode every length above 126 in 64 bits, and rejecting such
/// an unambiguous length gains nothing.
fn minimal(payload_len: u64, least: u64, receiver: Role) -> Result<u64, Error> {
    let is_minimal = payload_len >= least || receiver == Role::Client;
    if is_minimal { Ok(payload_len) } else { Err(Error::LengthNotMinimal) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_at_every_length_class() {
        for payload_len in [0, 1, 125, 126, 127, 65_535, 65_536, u64::MAX >> 1] {
            for masking_key in [None, Some([1, 2, 3, 4])] {
                let receiver = if masking_key.is_some() { Role::Server } else { Role::Client };
                let header = Header {
                    fin: payload_len % 2 == 0,
                    rsv1: payload_len % 3 == 0,
                    opcode: Opcode::Text,
                    masking_key,
                    payload_len,
                };
                let bytes = header.encode();
                assert_eq!(bytes.len(), header.encoded_len());
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut], receiver, true), Ok(Status::Partial));
                }
                let complete = Status::Complete((header, bytes.len()));
                assert_eq!(Header::parse(&bytes, receiver, true), Ok(complete));
            }
        }
    }

    #[test]
    fn each_broken_rule_has_its_error() {
        let to_server = |bytes: &[u8]| Header::parse(bytes, Role::Server, false).unwrap_err();
        assert_eq!(to_server(&[0xc1, 0x80]), Error::ReservedBits);
        assert_eq!(to_server(&[0xa1, 0x80]), Error::ReservedBits);
        assert_eq!(to_server(&[0x91, 0x80]), Error::ReservedBits);
        for first in [0xe1, 0xd1, 0xc0, 0xc9] {
            let with_compression = Header::parse(&[first, 0x80], Role::Server, true);
            assert_eq!(with_compression, Err(Error::ReservedBits), "{first:x}");
        }
        for opcode in [0x3, 0x7, 0xb, 0xf] {
            assert_eq!(to_server(&[0x80 | opcode, 0x80]), Error::ReservedOpcode);
        }
        assert_eq!(to_server(&[0x09, 0x80]), Error::ControlFragmented);
        assert_eq!(to_server(&[0x89, 0xfe]), Error::ControlTooLong);
        assert_eq!(to_server(&[0x81, 0x00]), Error::MaskMissing);
        assert_eq!(to_server(&[0x81, 0xfe, 0, 125]), Error::LengthNotMinimal);
        assert_eq!(to_server(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 255, 255]), Error::LengthNotMinimal);
        assert_eq!(to_server(&[0x82, 0xff, 128, 0, 0, 0, 0, 0, 0, 0]), Error::LengthTopBit);
        assert_eq!(Header::parse(&[0x81, 0x80], Role::Client, false), Err(Error::MaskUnexpected));
    }

    #[test]
    fn a_client_accepts_a_length_that_is_not_minimal() {
        let header = Header::new(true, Opcode::Text, 200);
        let bytes = [0x81, 127, 0, 0, 0, 0, 0, 0, 0, 200];
        assert_eq!(Header::parse(&bytes, Role::Client, false), Ok(Status::Complete((header, 10))));
    }
}

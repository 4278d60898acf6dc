//! Messages: as they are lent to a service, and as the framings find them.

use super::frame::{Header, Opcode};
use std::ops::Range;

/// The type of a message. On raw and line framings, every message is binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text, validated before it is lent.
    Text,
    /// Bytes.
    Binary,
}

impl Kind {
    pub(crate) fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A message, or a piece of one that is streamed as it arrives.
///
/// A service that needs whole messages only receives messages where both `begins` and `ends` are
/// set.
#[derive(Debug)]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// The bytes. A service may change them in place before [`Outbox::echo`](super::Outbox::echo).
    pub payload: &'a mut [u8],
    /// Whether this is the first piece of its message.
    pub begins: bool,
    /// Whether this is the last piece of its message.
    pub ends: bool,
    /// The frame header that an echo of this piece starts with; `None` if the piece continues a
    /// frame or the framing has no frames.
    pub(crate) echo_header: Option<Header>,
    /// Whether the frame of the echo ends with this piece. True in framings without frames.
    pub(crate) ends_frame: bool,
    /// Whether the message arrived compressed; its echo is then compressed too.
    pub(crate) compressed: bool,
}

impl Message<'_> {
    /// Whether this is the complete message.
    pub fn is_whole(&self) -> bool {
        self.begins && self.ends
    }
}

/// A message, or a piece of one, before its payload is borrowed: see [`Message`] for the fields.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Where the payload is in the batch; `None` if it was assembled.
    pub(crate) place: Option<Range<usize>>,
    pub(crate) kind: Kind,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) echo_header: Option<Header>,
    pub(crate) ends_frame: bool,
    /// The payload is compressed; it then holds the complete message.
    pub(crate) compressed: bool,
}

impl Piece {
    /// A piece in a framing without frames.
    pub(crate) fn unframed(place: Option<Range<usize>>, begins: bool, ends: bool) -> Self {
        Self {
            place,
            kind: Kind::Binary,
            begins,
            ends,
            echo_header: None,
            ends_frame: true,
            compressed: false,
        }
    }
}

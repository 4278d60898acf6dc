//! Messages: as a service is lent them, and as the framings find them.

use super::frame::{Header, Opcode};
use std::ops::Range;

/// Whether a message is text or binary. Raw and line framings only know binary.
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
/// A service that asked for whole messages only ever sees messages that begin and end.
#[derive(Debug)]
pub struct Message<'a> {
    /// Text or binary.
    pub kind: Kind,
    /// The bytes. They may be changed in place before [`Outbox::echo`](super::Outbox::echo).
    pub payload: &'a mut [u8],
    /// Whether this is the first piece of its message.
    pub begins: bool,
    /// Whether this is the last piece of its message.
    pub ends: bool,
    /// The frame that an echo of this piece begins with; `None` when it continues a frame, or when the
    /// framing has none.
    pub(crate) echo_header: Option<Header>,
    /// Whether an echo of this piece leaves no frame half sent.
    pub(crate) ends_frame: bool,
    /// Whether it came compressed, and an echo goes so too.
    pub(crate) compressed: bool,
}

impl Message<'_> {
    /// Whether this is all of the message.
    pub fn is_whole(&self) -> bool {
        self.begins && self.ends
    }
}

/// See [`Message`](super::Message), whose fields these become.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Where the payload is in the batch; `None` if it was assembled.
    pub(crate) place: Option<Range<usize>>,
    pub(crate) kind: Kind,
    pub(crate) begins: bool,
    pub(crate) ends: bool,
    pub(crate) echo_header: Option<Header>,
    pub(crate) ends_frame: bool,
    /// The payload is still to be decompressed; then it is all of the message.
    pub(crate) compressed: bool,
}

impl Piece {
    /// A piece in a framing that adds nothing to the payload.
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

//! The receiving half of an open WebSocket: frames to messages (RFC 6455 §5.4-5.6, §8.1).
//!
//! The output for a message depends on its frames, never on how their bytes arrived:
//!
//! * A frame that is completely in the buffer is lent in place.
//! * A larger binary frame is lent in pieces as they arrive; its echo is one header of the same
//!   length, then the pieces.
//! * Text must be validated before it is echoed, because a Close with code 1007 cannot interrupt a
//!   frame. A text frame of up to [`TEXT_FRAME_BYTES_MAX`] is assembled and lent at once; a longer
//!   one is lent in units of [`TEXT_UNIT_BYTES`], and each unit is echoed as one fragment.
//! * For a service that needs whole messages, and for compressed messages, the complete message is
//!   assembled.

use super::batch::Batch;
use super::error::{CloseCode, Error};
use super::frame::{Header, Opcode};
use super::message::{Kind, Piece};
use super::unfinished::Unfinished;
use super::utf8::{self, Utf8};
use super::{Role, Status, mask};
use std::ops::Range;

/// A text frame longer than this is echoed in fragments: 256 KiB, the usual receive buffer. It is
/// the maximum that a connection holds of a text frame. Clients that cannot reassemble fragments
/// get text of up to this length back in one frame.
pub const TEXT_FRAME_BYTES_MAX: u64 = 256 * 1024;

/// The size of those fragments: 64 KiB. One read contains several complete units of this size,
/// which are echoed in place; a unit of 256 KiB would arrive in two reads and be copied.
pub const TEXT_UNIT_BYTES: u64 = 64 * 1024;

/// Charge to the message limit for each frame of a message after the first, in addition to its
/// payload: 64 bytes. Without it, empty fragments would be free.
pub const FRAME_CHARGE_BYTES: u64 = 64;

/// Incompressible data grows when it is compressed: by this many bytes plus one byte in 8, because
/// a fast compressor spends up to 9 bits on a byte (RFC 1951 §3.2.6).
const DEFLATE_SLACK_BYTES: u64 = 64;

/// The caller's parameters for receiving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) role: Role,
    pub(crate) message_bytes_max: u64,
    pub(crate) whole_messages: bool,
    /// permessage-deflate was negotiated.
    pub(crate) compression: bool,
    /// We have sent Close: data is skipped, and only the peer's Close still matters.
    pub(crate) skip_data: bool,
}

/// When the payload of a data frame is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Never.
    Skip,
    /// In pieces, as they arrive.
    Stream,
    /// A frame at a time, or a unit at a time if the frame is long.
    Units,
    /// The complete message at once.
    Whole,
}

impl Rules {
    fn delivery(self, kind: Kind, compressed: bool) -> Delivery {
        match kind {
            _ if self.skip_data => Delivery::Skip,
            _ if self.whole_messages || compressed => Delivery::Whole,
            Kind::Text => Delivery::Units,
            Kind::Binary => Delivery::Stream,
        }
    }
}

/// What one step received, as ranges without borrows.
#[derive(Debug)]
pub(crate) enum Received {
    /// Progress, but nothing to report.
    Nothing,
    /// A message or a piece of one; its payload is in the batch, or was assembled.
    Piece(Piece),
    /// A ping with the range of its payload; a pong is due.
    Ping(Range<usize>),
    /// A pong.
    Pong,
    /// The peer's Close, with its code, if any, and the range of its payload.
    Close(Option<CloseCode>, Range<usize>),
}

/// The frame and the message in progress.
///
/// Invariants: `in_frame` only while `message` is `Some`; `remaining > 0` only while `in_frame`.
#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    /// Payload bytes of the data frame in progress that are not yet consumed.
    remaining: u64,
    /// Payload bytes of the message in progress, according to the frame headers so far.
    announced: u64,
    /// Frames of the message in progress after its first.
    continuations: u32,
    /// The masking key, rotated to apply to the next byte.
    masking_key: Option<[u8; 4]>,
    utf8: Utf8,
    /// The kind of the message in progress; `None` between messages.
    message: Option<Kind>,
    in_frame: bool,
    frame_fin: bool,
    /// The message in progress is compressed.
    compressed: bool,
    /// A piece of this message has been lent.
    message_begun: bool,
    /// A piece of this frame has been lent.
    frame_begun: bool,
    /// The frame in progress is longer than [`TEXT_FRAME_BYTES_MAX`].
    is_long: bool,
}

impl WebSocket {
    /// Whether a message has started and not ended.
    pub(crate) fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Payload bytes received of the message in progress.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.announced - self.remaining
    }

    /// The fast path: consumes the frame at the front of `batch` if it is complete and holds a
    /// complete, uncompressed message; returns the range of its payload. Nearly all frames are of
    /// this kind, and they need no state. `None` leaves the frame to [`receive`](Self::receive).
    #[inline]
    pub(crate) fn receive_whole(
        &self,
        batch: &mut Batch,
        rules: Rules,
    ) -> Result<Option<(Kind, Range<usize>)>, Error> {
        if self.message.is_some() || rules.skip_data {
            return Ok(None);
        }
        let Status::Complete((header, header_bytes)) =
            Header::parse(batch.unread(), rules.role, rules.compression)?
        else {
            return Ok(None);
        };
        let kind = match header.opcode {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            _ => return Ok(None),
        };
        let is_complete = header.payload_len <= (batch.unread().len() - header_bytes) as u64;
        // A longer text is lent in units even if it is complete: the output must not depend on how
        // the bytes arrived.
        let bytes_max = match kind {
            Kind::Text => rules.message_bytes_max.min(TEXT_FRAME_BYTES_MAX),
            Kind::Binary => rules.message_bytes_max,
        };
        if !header.fin || header.rsv1 || !is_complete || header.payload_len > bytes_max {
            return Ok(None);
        }
        let echo_bytes = Header::new(true, header.opcode, header.payload_len).encoded_len();
        batch.consume(header_bytes);
        let count = header.payload_len as usize;
        let place = batch.take_payload(count, header.masking_key, echo_bytes);
        if kind == Kind::Text && !utf8::is_valid(batch.payload(place.clone())) {
            return Err(Error::InvalidUtf8);
        }
        Ok(Some((kind, place)))
    }

    /// The length of the frame that starts here, including its header, in bytes; 0 inside a frame.
    ///
    /// # Errors
    /// Those of [`Header::parse`].
    pub(crate) fn next_frame_bytes(
        &self,
        batch: &Batch,
        rules: Rules,
    ) -> Result<Status<u64>, Error> {
        if self.in_frame {
            return Ok(Status::Complete(0));
        }
        Ok(match Header::parse(batch.unread(), rules.role, rules.compression)? {
            Status::Complete((header, header_bytes)) => {
                Status::Complete(header.payload_len.saturating_add(header_bytes as u64))
            }
            Status::Partial => Status::Partial,
        })
    }

    /// Consumes at most one frame, or a piece of one, from the front of `batch`.
    pub(crate) fn receive(
        &mut self,
        batch: &mut Batch,
        unfinished: &mut Unfinished,
        rules: Rules,
    ) -> Result<Status<Received>, Error> {
        if self.in_frame {
            if batch.unread().is_empty() {
                return Ok(Status::Partial);
            }
            return self.receive_payload(batch, unfinished, rules).map(Status::Complete);
        }
        let Status::Complete((header, header_bytes)) =
            Header::parse(batch.unread(), rules.role, rules.compression)?
        else {
            return Ok(Status::Partial);
        };
        if header.opcode.is_control() {
            return receive_control(batch, header, header_bytes);
        }
        self.begin_frame(header, rules.message_bytes_max)?;
        batch.consume(header_bytes);
        if self.remaining > 0 && batch.unread().is_empty() {
            return Ok(Status::Complete(Received::Nothing));
        }
        self.receive_payload(batch, unfinished, rules).map(Status::Complete)
    }

    fn begin_frame(&mut self, header: Header, message_bytes_max: u64) -> Result<(), Error> {
        let continuations = match (header.opcode, self.message) {
            // 5.4: a message consists of "a single frame with the FIN bit clear and an opcode other
            // than 0, followed by zero or more frames with the FIN bit clear and the opcode set to
            // 0"
            (Opcode::Continuation, None) => return Err(Error::ContinuationUnexpected),
            (Opcode::Continuation, Some(_)) => self.continuations.saturating_add(1),
            // 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another"
            (_, Some(_)) => return Err(Error::MessageInterrupted),
            _ => 0,
        };
        if self.message.is_none() {
            self.compressed = header.rsv1;
        }
        let announced = self.announced.saturating_add(header.payload_len);
        let charged = announced.saturating_add(FRAME_CHARGE_BYTES * u64::from(continuations));
        let limit = match self.compressed {
            true => message_bytes_max.saturating_add(message_bytes_max / 8 + DEFLATE_SLACK_BYTES),
            false => message_bytes_max,
        };
        if charged > limit {
            return Err(Error::MessageTooBig);
        }
        self.announced = announced;
        self.continuations = continuations;
        self.message = self.message.or(Some(match header.opcode {
            Opcode::Text => Kind::Text,
            _ => Kind::Binary,
        }));
        self.remaining = header.payload_len;
        self.masking_key = header.masking_key;
        self.in_frame = true;
        self.frame_fin = header.fin;
        self.frame_begun = false;
        self.is_long = header.payload_len > TEXT_FRAME_BYTES_MAX;
        Ok(())
    }

    /// Consumes the next payload bytes of the frame in progress, and lends them if they are due.
    fn receive_payload(
        &mut self,
        batch: &mut Batch,
        unfinished: &mut Unfinished,
        rules: Rules,
    ) -> Result<Received, Error> {
        let kind = self.message.expect("a frame in progress belongs to a message");
        let delivery = rules.delivery(kind, self.compressed);
        let collected = unfinished.assembly_len() as u64;
        let wanted = match delivery {
            Delivery::Units if self.is_long => self.remaining.min(TEXT_UNIT_BYTES - collected),
            _ => self.remaining,
        };
        let count = wanted.min(batch.unread().len() as u64);
        let ends_frame = count == self.remaining;
        let ends = ends_frame && self.frame_fin;
        let lend = match delivery {
            Delivery::Skip => false,
            Delivery::Stream => true,
            Delivery::Units => count == wanted,
            Delivery::Whole => ends,
        };
        let in_place = lend && collected == 0;
        let echo_header = self.echo_header(delivery, kind, ends, collected + count);
        let header_bytes =
            echo_header.filter(|_| in_place).map_or(0, |header| header.encoded_len());
        let place = batch.take_payload(count as usize, self.masking_key, header_bytes);
        if delivery != Delivery::Skip {
            self.validate(kind, batch.payload(place.clone()), ends)?;
            if !in_place {
                unfinished.assemble(batch.payload(place.clone()), batch.room())?;
            }
        }
        let begins = !self.message_begun;
        let compressed = self.compressed;
        self.advance(count, lend);
        if !lend {
            return Ok(Received::Nothing);
        }
        let place = in_place.then_some(place);
        // A unit is a frame of its own in the echo, so only a stream can leave a frame half sent.
        let ends_frame = delivery != Delivery::Stream || ends_frame;
        Ok(Received::Piece(Piece {
            place,
            kind,
            begins,
            ends,
            echo_header,
            ends_frame,
            compressed,
        }))
    }

    /// The frame header that an echo of the next piece starts with, if any.
    fn echo_header(
        &self,
        delivery: Delivery,
        kind: Kind,
        ends: bool,
        piece_bytes: u64,
    ) -> Option<Header> {
        let opcode = if self.message_begun { Opcode::Continuation } else { kind.opcode() };
        match delivery {
            Delivery::Skip => None,
            Delivery::Units | Delivery::Whole => Some(Header::new(ends, opcode, piece_bytes)),
            // Until the first piece is lent, `remaining` is the length of the frame.
            Delivery::Stream => {
                (!self.frame_begun).then(|| Header::new(self.frame_fin, opcode, self.remaining))
            }
        }
    }

    /// Validates text as it arrives: it fails at the first invalid byte, even inside a frame.
    fn validate(&mut self, kind: Kind, piece: &[u8], ends: bool) -> Result<(), Error> {
        // Compressed text is validated after decompression.
        if kind == Kind::Binary || self.compressed {
            return Ok(());
        }
        self.utf8.update(piece)?;
        if ends { self.utf8.finish() } else { Ok(()) }
    }

    /// Advances by `count` payload bytes; ends the frame and the message when they are complete.
    fn advance(&mut self, count: u64, lent: bool) {
        self.remaining -= count;
        self.masking_key = self.masking_key.map(|key| mask::rotate(key, (count % 4) as usize));
        self.message_begun |= lent;
        self.frame_begun |= lent;
        if self.remaining > 0 {
            return;
        }
        self.in_frame = false;
        if self.frame_fin {
            self.message = None;
            self.message_begun = false;
            self.announced = 0;
            self.continuations = 0;
        }
    }
}

/// Receives one control frame. It is small enough to wait until it is complete.
fn receive_control(
    batch: &mut Batch,
    header: Header,
    header_bytes: usize,
) -> Result<Status<Received>, Error> {
    let payload_len = header.payload_len as usize;
    if batch.unread().len() < header_bytes + payload_len {
        return Ok(Status::Partial);
    }
    batch.consume(header_bytes);
    let place = batch.take_payload(payload_len, header.masking_key, 2);
    Ok(Status::Complete(match header.opcode {
        Opcode::Ping => Received::Ping(place),
        Opcode::Pong => Received::Pong,
        _ => Received::Close(close_code(batch.payload(place.clone()))?, place),
    }))
}

/// Parses the payload of a Close frame (RFC 6455 §5.5.1).
fn close_code(payload: &[u8]) -> Result<Option<CloseCode>, Error> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        // 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned
        // integer"
        [_] => return Err(Error::CloseTruncated),
        [a, b, reason @ ..] => (CloseCode(u16::from_be_bytes([*a, *b])), reason),
    };
    if !code.may_be_sent() {
        return Err(Error::CloseCodeInvalid);
    }
    // 5.5.1: "Following the 2-byte integer, the body MAY contain UTF-8-encoded data"
    std::str::from_utf8(reason).map_err(|_| Error::InvalidUtf8)?;
    Ok(Some(code))
}

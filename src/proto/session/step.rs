//! What a step found, before it is lent.

use super::Session;
use crate::proto::batch::Output;
use crate::proto::frame::Header;
use crate::proto::message::{Kind, Message, Piece};
use crate::proto::{Batch, Outbox};
use std::ops::Range;

/// What a step has to report.
#[derive(Debug)]
pub enum Event<'a> {
    /// The stage is now [`Stage::Open`](crate::proto::Stage::Open).
    Open,
    /// A message, or a piece of one.
    Message(Message<'a>),
}

/// A control frame of a server, which its client may want to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// A Pong.
    Pong,
    /// A Close, with the reason that follows its code.
    Close(&'a str),
}

/// The outcome of a complete step. [`unpack`](Self::unpack) it to hear and to answer.
pub struct Step<'a> {
    session: &'a mut Session,
    batch: &'a mut Batch,
    found: Found,
}

/// Facts and ranges, no borrows: what a step returns is small, and is lent only where it is used.
pub(super) enum Found {
    Nothing,
    Open,
    /// One frame that is one text message; its payload stands here in the batch.
    Text(Range<usize>),
    /// The same of a binary message. (Two variants, because a byte beside the range would be written
    /// narrow and read wide, which costs more than all the rest of a step.)
    Binary(Range<usize>),
    /// Any other message or piece. Without a place, it is the batch's assembled one.
    Piece(Piece),
    /// A Pong, told to clients only.
    Pong,
    /// A Close, told to clients only. Its reason is the batch's assembled message.
    Close,
}

impl<'a> Step<'a> {
    #[inline]
    pub(super) fn new(session: &'a mut Session, batch: &'a mut Batch, found: Found) -> Self {
        Self { session, batch, found }
    }

    /// Whether there is an event, which the service should know of.
    #[inline]
    pub fn has_event(&self) -> bool {
        !matches!(self.found, Found::Nothing | Found::Pong | Found::Close)
    }

    /// The control frame of a server that this step has taken.
    pub fn control(&self) -> Option<Control<'_>> {
        match self.found {
            Found::Pong => Some(Control::Pong),
            Found::Close => {
                let reason = std::str::from_utf8(self.batch.assembled());
                Some(Control::Close(reason.unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// Whether the peer got somewhere: the session is open, or a message is complete.
    #[inline]
    pub fn is_progress(&self) -> bool {
        match &self.found {
            Found::Nothing | Found::Pong | Found::Close => false,
            Found::Open | Found::Text(_) | Found::Binary(_) => true,
            Found::Piece(piece) => piece.ends,
        }
    }

    /// Whole messages received so far, with the one at hand if it ends.
    #[inline]
    pub fn messages(&self) -> u32 {
        self.session.messages
    }

    /// What happened, if the service should know, and where to answer it.
    #[inline]
    pub fn unpack(self) -> (Option<Event<'a>>, Outbox<'a>) {
        let Self { session, batch, found } = self;
        let (message, output) = match found {
            Found::Nothing | Found::Pong | Found::Close => return (None, session.outbox(batch)),
            Found::Open => return (Some(Event::Open), session.outbox(batch)),
            Found::Text(place) => lend_whole(batch, Kind::Text, place),
            Found::Binary(place) => lend_whole(batch, Kind::Binary, place),
            Found::Piece(Piece {
                place,
                kind,
                begins,
                ends,
                echo_header,
                ends_frame,
                compressed,
            }) => {
                let (payload, output) = match place {
                    Some(place) => batch.lend(place),
                    None => batch.lend_assembled(),
                };
                let message =
                    Message { kind, payload, begins, ends, echo_header, ends_frame, compressed };
                (message, output)
            }
        };
        (Some(Event::Message(message)), session.outbox_into(output))
    }
}

/// Lends a message that came in one frame, and would be echoed in one.
#[inline]
fn lend_whole(batch: &mut Batch, kind: Kind, place: Range<usize>) -> (Message<'_>, Output<'_>) {
    let (payload, output) = batch.lend(place);
    let echo_header = Some(Header::new(true, kind.opcode(), payload.len() as u64));
    let message = Message {
        kind,
        payload,
        begins: true,
        ends: true,
        echo_header,
        ends_frame: true,
        compressed: false,
    };
    (message, output)
}

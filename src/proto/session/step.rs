//! The outcome of one step: what it found, and the event that it lends to the caller.

use super::Session;
use crate::proto::batch::Output;
use crate::proto::frame::Header;
use crate::proto::message::{Kind, Message, Piece};
use crate::proto::{Batch, Outbox};
use std::ops::Range;

/// An event for the service.
#[derive(Debug)]
pub enum Event<'a> {
    /// The stage is now [`Stage::Open`](crate::proto::Stage::Open).
    Open,
    /// A message, or a piece of one.
    Message(Message<'a>),
}

/// A control frame from the server; a client may show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// A Pong.
    Pong,
    /// A Close, with the reason after its code; empty if there is none.
    Close(&'a str),
}

/// The outcome of a complete step. [`unpack`](Self::unpack) it into the event and the outbox.
pub struct Step<'a> {
    session: &'a mut Session,
    batch: &'a mut Batch,
    found: Found,
}

/// What a step found, as ranges without borrows: small to return, and lent only where it is used.
pub(super) enum Found {
    Nothing,
    Open,
    /// One frame that is one text message, with the range of its payload in the batch.
    Text(Range<usize>),
    /// One frame that is one binary message. (Text and binary are two variants, because a kind byte
    /// next to the range would be written narrow and read wide, which costs more than the rest of
    /// the step.)
    Binary(Range<usize>),
    /// Any other message or piece. Without a `place`, its payload is the batch's assembled message.
    Piece(Piece),
    /// A Pong; only reported to clients.
    Pong,
    /// A Close; only reported to clients. Its reason is the batch's assembled message.
    Close,
}

impl<'a> Step<'a> {
    #[inline]
    pub(super) fn new(session: &'a mut Session, batch: &'a mut Batch, found: Found) -> Self {
        Self { session, batch, found }
    }

    /// Whether there is an event for the service.
    #[inline]
    pub fn has_event(&self) -> bool {
        !matches!(self.found, Found::Nothing | Found::Pong | Found::Close)
    }

    /// The control frame from the server that this step consumed. Always `None` on a server.
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

    /// Whether the peer made progress: the session opened, or a message is complete.
    #[inline]
    pub fn is_progress(&self) -> bool {
        match &self.found {
            Found::Nothing | Found::Pong | Found::Close => false,
            Found::Open | Found::Text(_) | Found::Binary(_) => true,
            Found::Piece(piece) => piece.ends,
        }
    }

    /// Complete messages received so far, including this step's message if it ends.
    #[inline]
    pub fn messages(&self) -> u32 {
        self.session.messages
    }

    /// The event for the service, if any, and the outbox for the response.
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

/// Lends a message that arrived in one frame and would be echoed in one.
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

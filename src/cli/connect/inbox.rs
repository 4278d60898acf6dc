//! The events of the client's connection, queued by the service for the session.

use crate::proto::response::SHOWN_BYTES_MAX;
use crate::proto::{Control, End, Kind, Message, Outbox};
use crate::service::{Context, Handshake, Needs, Service};
use std::collections::VecDeque;

/// An event of the connection, in order of occurrence.
#[derive(Debug)]
pub(super) enum Incoming {
    Opened,
    Message(Kind, Vec<u8>),
    Pong,
    /// The reason in the server's Close frame.
    Closing(String),
    Ended(End),
}

/// See the [module documentation](self). Events of an older connection are ignored.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    incoming: VecDeque<Incoming>,
    /// The number of the current connection; lower numbers are ignored.
    connection: u64,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Inbox {
    /// The oldest event that has not been handled.
    pub(super) fn next(&mut self) -> Option<Incoming> {
        self.incoming.pop_front()
    }

    /// Discards everything, because the connection with this number is about to start.
    pub(super) fn begin(&mut self, connection: u64) {
        *self = Self { connection, ..Self::default() };
    }

    /// The upgrade request, once it was sent.
    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }

    /// The response to it, and the start of what followed, up to [`SHOWN_BYTES_MAX`] bytes.
    pub(super) fn response(&self) -> &[u8] {
        &self.response
    }

    fn is_current(&self, context: &Context) -> bool {
        context.connection >= self.connection
    }

    fn push(&mut self, context: &Context, incoming: Incoming) {
        if self.is_current(context) {
            self.incoming.push_back(incoming);
        }
    }
}

impl Service for Inbox {
    /// A server may write a whole reply before it reads on.
    fn needs(&self) -> Needs {
        Needs { reads_while_blocked: true, ..Needs::default() }
    }

    fn on_open(&mut self, context: &Context, _outbox: &mut Outbox<'_>) {
        self.push(context, Incoming::Opened);
    }

    fn on_message(&mut self, context: &Context, message: Message<'_>, _outbox: &mut Outbox<'_>) {
        self.push(context, Incoming::Message(message.kind, message.payload.to_vec()));
    }

    fn on_handshake(&mut self, context: &Context, bytes: Handshake<'_>) {
        if !self.is_current(context) {
            return;
        }
        match bytes {
            Handshake::Sent(request) => self.request = request.to_vec(),
            Handshake::Received(bytes) => {
                let room = SHOWN_BYTES_MAX.saturating_sub(self.response.len());
                self.response.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
    }

    fn on_control(&mut self, context: &Context, control: Control<'_>) {
        self.push(
            context,
            match control {
                Control::Pong => Incoming::Pong,
                Control::Close(reason) => Incoming::Closing(reason.into()),
            },
        );
    }

    fn on_close(&mut self, context: &Context, end: End) {
        self.push(context, Incoming::Ended(end));
    }
}

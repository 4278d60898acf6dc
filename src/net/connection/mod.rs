//! One connection: a stream, a session, and the stream's latched readiness.

mod flags;
mod io;
mod steps;
mod timing;

use super::deadlines::Moment;
use super::network::{Peer, Readiness, Stream, Token};
use super::slab::Tokened;
use crate::limits::{Limits, PROGRESS_BYTES};
use crate::proto::{Batch, End, Error, Outbox, Role, Session, Stage};
use crate::service::{Context, Needs, Service};
use flags::{Flag, Flags};
use std::num::NonZeroU64;
use timing::tick;

/// See the [module documentation](self). 128 bytes, and the whole cost of an idle connection.
#[derive(Debug)]
pub struct Connection<T> {
    stream: T,
    session: Session,
    /// The number of this connection in this process, counted from 1.
    id: u64,
    slot: u32,
    peer: Peer,
    /// When the reactor handles it next; stored here so that it can be moved.
    deadline: Option<NonZeroU64>,
    /// The tick of the last message, or of the last [`PROGRESS_BYTES`] of one; once the connection
    /// is closing, the tick when that began.
    active: u32,
    end: Option<End>,
    flags: Flags,
}

/// What all connections of a reactor share while one of them is driven.
pub(super) struct Shared<'a, S> {
    pub(super) batch: &'a mut Batch,
    pub(super) service: &'a mut S,
    pub(super) needs: Needs,
    pub(super) limits: &'a Limits,
    /// The current moment, if anything depends on it.
    pub(super) now: Option<Moment>,
    /// The clock that updates `now` after each read, if the service needs the time.
    pub(super) clock: Option<&'a mut dyn FnMut() -> Moment>,
    pub(super) draining: bool,
    /// This connection had much input, and the next one in the queue is not known to have much.
    pub(super) others_waiting: bool,
    pub(super) bytes_received: &'a mut u64,
    pub(super) bytes_sent: &'a mut u64,
}

impl<T> Tokened for Connection<T> {
    fn token(&self) -> Token {
        Token::connection(self.slot, self.id)
    }
}

impl<T: Stream> Connection<T> {
    /// Creates a connection. An accepted one is writable at once; an outgoing one when an event
    /// reports it.
    pub(super) fn new(id: u64, slot: u32, stream: T, peer: Peer, session: Session) -> Self {
        let is_server = session.config().role == Role::Server;
        let mut flags = Flags::default();
        flags.set(Flag::Writable, is_server);
        flags.set(Flag::Connecting, !is_server);
        flags.set(Flag::Opening, !is_server);
        flags.set(Flag::Unauthenticated, is_server && session.config().has_opening());
        Self { stream, session, id, slot, peer, deadline: None, active: 0, end: None, flags }
    }

    /// Latches the readiness that an event reports.
    pub(super) fn latch(&mut self, readiness: Readiness) {
        self.flags.raise(Flag::Readable, readiness.readable | readiness.read_closed);
        self.flags.raise(Flag::Writable, readiness.writable);
        self.flags.raise(Flag::ReadClosed, readiness.read_closed);
        self.flags.raise(Flag::Urgent, readiness.urgent);
    }

    /// Treats the connection as readable: a stop must not miss input that has just arrived.
    pub(super) fn assume_readable(&mut self) {
        self.flags.set(Flag::Readable, true);
    }

    /// Whether a drive would make progress.
    pub(super) fn wants_drive(&self, needs: Needs) -> bool {
        if self.flags.has(Flag::Connecting) {
            return self.flags.has(Flag::Writable);
        }
        let may_read = self.flags.has(Flag::Readable) && !self.flags.has(Flag::Eof);
        let has_input = may_read || self.flags.has(Flag::InputLeft);
        if self.is_blocked() {
            return self.flags.has(Flag::Writable) || (has_input && needs.reads_while_blocked);
        }
        has_input || self.wants_to_send(needs)
    }

    /// Does what can be done now: sends pending output, then reads once, processes the input, and
    /// writes once. Input that a full batch left unread comes first.
    ///
    /// Nothing is read while output is pending: this back-pressure limits what a connection holds
    /// to the output of one batch. A service may limit it in another way.
    pub(super) fn drive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        let was_connecting = self.flags.replace(Flag::Connecting, false);
        self.flush(shared);
        if self.is_blocked() && !shared.needs.reads_while_blocked {
            return;
        }
        shared.batch.begin(self.session.tail());
        if !self.flags.replace(Flag::InputLeft, false) {
            match self.flags.has(Flag::Opening) {
                true => self.receive_while_opening(was_connecting, shared),
                false => self.receive(shared),
            }
        }
        if self.stream.is_established() {
            let units = self.progress_units();
            self.step_all(shared);
            if self.session.stage() == Stage::Open && self.progress_units() > units {
                self.active = shared.now.map_or(0, tick);
            }
        }
        if self.flags.has(Flag::Eof) && !self.flags.has(Flag::InputLeft) {
            self.receive_eof(shared);
        }
        if self.wants_to_send(shared.needs) {
            let context = self.context(shared.now);
            shared.service.on_writable(&context, &mut self.session.outbox(shared.batch));
            self.note_service_close();
        }
        self.close_if_draining(shared);
        self.send(shared);
    }

    /// Fails the session with an error that its input did not cause.
    pub(super) fn fail<S: Service>(&mut self, error: Error, shared: &mut Shared<'_, S>) {
        self.end_with(End::Failed(error));
        self.flags.set(Flag::InputLeft, false);
        shared.batch.begin(&[]);
        self.session.fail(error, shared.batch);
        self.send(shared);
    }

    /// Lets `send` send unsolicited output. Returns false, and does nothing, unless the session is
    /// open.
    pub(super) fn with_outbox<S: Service>(
        &mut self,
        shared: &mut Shared<'_, S>,
        send: impl FnOnce(&mut S, &mut Outbox<'_>),
    ) -> bool {
        if self.session.stage() != Stage::Open {
            return false;
        }
        shared.batch.begin(self.session.tail());
        send(shared.service, &mut self.session.outbox(shared.batch));
        self.note_service_close();
        self.send(shared);
        true
    }

    /// Checks whether the service has closed an open session on its own, perhaps in the middle of
    /// an incoming message: the rest of that message is not awaited.
    fn note_service_close(&mut self) {
        if self.session.stage() == Stage::Closing {
            self.end_with(End::Service);
            self.session.forget_received();
        }
    }

    /// Ends the connection at once: nothing more is sent or received.
    pub(super) fn abort(&mut self, end: End) {
        self.end_with(end);
        self.session.abort();
        self.flags.set(Flag::Eof, true);
        self.flags.set(Flag::Aborted, true);
    }

    /// The reason of its end, once everything is sent and the end of input was read.
    pub(super) fn finished(&self) -> Option<End> {
        let is_over = self.session.stage() == Stage::Closing
            && self.flags.has(Flag::Eof)
            && (!self.is_blocked() || self.flags.has(Flag::Aborted));
        if is_over { self.end } else { None }
    }

    /// Whether the service may send more, if it is one that sends without input.
    fn wants_to_send(&self, needs: Needs) -> bool {
        needs.sends_unasked && self.flags.has(Flag::Writable) && self.session.stage() == Stage::Open
    }

    /// The progress of the current message, in steps that count as activity: a peer that sends a
    /// large message slowly is not idle, and a peer that sends a byte now and then is.
    fn progress_units(&self) -> u64 {
        self.session.message_bytes() / PROGRESS_BYTES
    }

    /// Records the first reason; later ones are consequences of it.
    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
    }
}

impl<T: Stream> Connection<T> {
    /// Whether output is pending.
    pub(super) fn is_blocked(&self) -> bool {
        !self.session.pending().is_empty() || self.stream.unsent_bytes_max() > 0
    }

    /// Bytes of heap for unfinished work: the session's, and the stream's input and output.
    pub(super) fn heap_bytes(&self) -> usize {
        let of_stream = self.stream.unsent_bytes_max() + self.stream.held_bytes();
        self.session.heap_bytes() + of_stream
    }

    /// Whether our Close is sent, and the peer's Close is awaited.
    pub(super) fn awaits_close(&self) -> bool {
        self.session.awaits_close() && !self.is_blocked()
    }

    /// Whether its last read returned much input.
    pub(super) fn is_bulk(&self) -> bool {
        self.flags.has(Flag::Bulk)
    }

    /// Whether its last batch used the whole budget for one turn.
    pub(super) fn is_over_budget(&self) -> bool {
        self.flags.has(Flag::OverBudget)
    }

    /// Whether its opening handshake or authentication is incomplete.
    pub(super) fn is_unauthenticated(&self) -> bool {
        self.flags.has(Flag::Unauthenticated)
    }

    pub(super) fn stream_mut(&mut self) -> &mut T {
        &mut self.stream
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn context(&self, now: Option<Moment>) -> Context {
        context(self.id, self.session.messages(), now)
    }

    /// Marks it as being in the reactor's queue; returns false if it already was.
    pub(super) fn enqueue(&mut self) -> bool {
        !self.flags.replace(Flag::Queued, true)
    }

    pub(super) fn dequeue(&mut self) {
        self.flags.set(Flag::Queued, false);
    }
}

fn context(connection: u64, messages: u32, now: Option<Moment>) -> Context {
    Context { connection, messages, now: now.unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    /// As large as the system's stream in release builds; mio's is larger in debug builds.
    type Stream = Option<Box<[u64; 2]>>;

    #[cfg(not(debug_assertions))]
    const _: () = assert!(size_of::<crate::net::os::stream::SystemStream>() == size_of::<Stream>());

    #[test]
    fn a_connection_takes_128_bytes_in_total() {
        assert!(size_of::<Connection<Stream>>() <= 128);
        assert_eq!(
            size_of::<Option<Connection<Stream>>>(),
            size_of::<Connection<Stream>>(),
            "a slot of the slab is no larger than what it holds"
        );
    }
}

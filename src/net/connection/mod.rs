//! One connection: a stream, a session, and what is known about the stream's readiness.

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

/// See the [module documentation](self). 128 bytes, and all that an idle connection costs.
#[derive(Debug)]
pub struct Connection<T> {
    stream: T,
    session: Session,
    /// The number of this connection in this process, counted from 1.
    id: u64,
    slot: u32,
    peer: Peer,
    /// When the reactor looks at it next; kept here so that it can be moved.
    deadline: Option<NonZeroU64>,
    /// The tick of the last message, or of the last [`PROGRESS_BYTES`] of one; once it is closing, of the beginning
    /// of that.
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
    /// What `now` is set from after each read, if the service wants the time.
    pub(super) clock: Option<&'a mut dyn FnMut() -> Moment>,
    pub(super) draining: bool,
    /// This connection had much to say, and behind it in the queue stands one that is not known to.
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
    /// A connection that is `writable` at once if it was accepted, and when an event says so if it is
    /// still being made.
    pub(super) fn new(id: u64, slot: u32, stream: T, peer: Peer, session: Session) -> Self {
        let is_server = session.config().role == Role::Server;
        let mut flags = Flags::default();
        flags.set(Flag::Writable, is_server);
        flags.set(Flag::Connecting, !is_server);
        flags.set(Flag::Opening, !is_server);
        flags.set(Flag::Unauthenticated, is_server && session.config().has_opening());
        Self { stream, session, id, slot, peer, deadline: None, active: 0, end: None, flags }
    }

    /// Remembers what an event says.
    pub(super) fn latch(&mut self, readiness: Readiness) {
        self.flags.raise(Flag::Readable, readiness.readable | readiness.read_closed);
        self.flags.raise(Flag::Writable, readiness.writable);
        self.flags.raise(Flag::ReadClosed, readiness.read_closed);
        self.flags.raise(Flag::Urgent, readiness.urgent);
    }

    /// Treats it as readable, to find out: a stop must not miss what has just arrived.
    pub(super) fn assume_readable(&mut self) {
        self.flags.set(Flag::Readable, true);
    }

    /// Whether a drive would get anything done.
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

    /// Does what can be done now: sends what is pending, then reads once, answers, and writes once. What a
    /// full batch left unread comes first.
    ///
    /// Nothing is read while the peer has not taken what it was sent: that is the back-pressure, and it
    /// bounds what a connection holds to the answers to one batch. A service may bound it otherwise.
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

    /// Fails the session for something that its input did not bring.
    pub(super) fn fail<S: Service>(&mut self, error: Error, shared: &mut Shared<'_, S>) {
        self.end_with(End::Failed(error));
        self.flags.set(Flag::InputLeft, false);
        shared.batch.begin(&[]);
        self.session.fail(error, shared.batch);
        self.send(shared);
    }

    /// Lets `send` send what answers nothing. Returns false, and does nothing, unless the session is open.
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

    /// Looks whether a service that was not asked has closed an open session, perhaps in the middle of a
    /// message that comes in: nobody waits for the rest.
    fn note_service_close(&mut self) {
        if self.session.stage() == Stage::Closing {
            self.end_with(End::Service);
            self.session.forget_received();
        }
    }

    /// Ends it at once: nothing more is sent or received.
    pub(super) fn abort(&mut self, end: End) {
        self.end_with(end);
        self.session.abort();
        self.flags.set(Flag::Eof, true);
        self.flags.set(Flag::Aborted, true);
    }

    /// Why it ended, once everything is sent and the end of input was seen.
    pub(super) fn finished(&self) -> Option<End> {
        let is_over = self.session.stage() == Stage::Closing
            && self.flags.has(Flag::Eof)
            && (!self.is_blocked() || self.flags.has(Flag::Aborted));
        if is_over { self.end } else { None }
    }

    /// Whether the service would send more, if it is one that sends unasked.
    fn wants_to_send(&self, needs: Needs) -> bool {
        needs.sends_unasked && self.flags.has(Flag::Writable) && self.session.stage() == Stage::Open
    }

    /// How far the message in progress has come, in steps that count as activity: whoever sends a large message
    /// slowly is not idle, and whoever sends a byte now and then is.
    fn progress_units(&self) -> u64 {
        self.session.message_bytes() / PROGRESS_BYTES
    }

    /// Keeps the first reason; what follows is a consequence of it.
    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
    }
}

impl<T: Stream> Connection<T> {
    /// Whether answers wait for the peer to take them.
    pub(super) fn is_blocked(&self) -> bool {
        !self.session.pending().is_empty() || self.stream.unsent_bytes_max() > 0
    }

    /// Bytes of heap that unfinished business takes: the session's, and what the stream holds of input and
    /// output.
    pub(super) fn heap_bytes(&self) -> usize {
        let of_stream = self.stream.unsent_bytes_max() + self.stream.held_bytes();
        self.session.heap_bytes() + of_stream
    }

    /// Whether our Close is on its way, and the peer's is waited for.
    pub(super) fn awaits_close(&self) -> bool {
        self.session.awaits_close() && !self.is_blocked()
    }

    /// Whether it had much to say when it was last heard.
    pub(super) fn is_bulk(&self) -> bool {
        self.flags.has(Flag::Bulk)
    }

    /// Whether its last batch took all that it may take in one turn.
    pub(super) fn is_over_budget(&self) -> bool {
        self.flags.has(Flag::OverBudget)
    }

    /// Whether it is still to be let in.
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

    /// Marks it as standing in the reactor's queue; whether it did not before.
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
    /// As large as the system's stream, which mio makes larger in debug builds.
    type Stream = Option<Box<[u64; 2]>>;

    #[cfg(not(debug_assertions))]
    const _: () = assert!(size_of::<crate::net::os::stream::SystemStream>() == size_of::<Stream>());

    #[test]
    fn a_connection_is_128_bytes_all_in() {
        assert!(size_of::<Connection<Stream>>() <= 128);
        assert_eq!(
            size_of::<Option<Connection<Stream>>>(),
            size_of::<Connection<Stream>>(),
            "a slot of the slab is no larger than what it holds"
        );
    }
}

//! One connection: a stream, a session, and what is known about the stream's readiness.

mod flags;

use super::deadlines::Moment;
use super::network::{Peer, Readiness, Stream, Token};
use super::slab::Tokened;
use crate::limits::{CLOSE_ANSWER_WAIT, Limits, PROGRESS_BYTES, SHARED_TURN_BYTES};
use crate::proto::batch::BATCH_WORK_BYTES_MAX;
use crate::proto::{
    Batch, CloseCode, End, Error, Event, Framing, Outbox, Role, Session, Stage, Status, Step,
    TlsFailure,
};
use crate::service::{Context, Handshake, Milestone, Service};
use flags::{Flag, Flags};
use log::info;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::time::Duration;

/// Activity is remembered in ticks of 2^24 ns, about 17 ms. They wrap after two years, and are only ever
/// subtracted.
const TICK_SHIFT: u32 = 24;
const TICK: Duration = Duration::from_nanos(1 << TICK_SHIFT);

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
    /// The tick of the last message, or of the last [`PROGRESS_BYTES`] of one, and once it is closing, of the first of our last words.
    active: u32,
    end: Option<End>,
    flags: Flags,
}

/// What all connections of a reactor share while one of them is driven.
pub(super) struct Shared<'a, S> {
    pub(super) batch: &'a mut Batch,
    pub(super) service: &'a mut S,
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
    pub(super) fn wants_drive<S: Service>(&self, service: &S) -> bool {
        if self.flags.has(Flag::Connecting) {
            return self.flags.has(Flag::Writable);
        }
        let may_read = self.flags.has(Flag::Readable) && !self.flags.has(Flag::Eof);
        let has_input = may_read || self.flags.has(Flag::InputLeft);
        if self.is_blocked() {
            return self.flags.has(Flag::Writable) || (has_input && service.reads_while_blocked());
        }
        has_input || self.wants_to_send(service)
    }

    /// Does what can be done now: sends what is pending, then reads once, answers, and writes once. What a
    /// full batch left unread comes first.
    ///
    /// Nothing is read while the peer has not taken what it was sent: that is the back-pressure, and it
    /// bounds what a connection holds to the answers to one batch. A service may bound it otherwise.
    pub(super) fn drive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        let was_connecting = self.flags.replace(Flag::Connecting, false);
        self.flush(shared);
        if self.is_blocked() && !shared.service.reads_while_blocked() {
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
        if self.wants_to_send(shared.service) {
            let context = self.context(shared.now);
            shared.service.on_writable(&context, &mut self.session.outbox(shared.batch));
            self.note_service_close();
        }
        self.close_if_draining(shared);
        self.send(shared);
    }

    /// Does what the passing of the deadline means.
    pub(super) fn expire<S: Service>(&mut self, now: Moment, shared: &mut Shared<'_, S>) {
        match self.session.stage() {
            Stage::Closing if self.awaits_close() => {
                self.session.stop_awaiting_close();
                self.shut_down_output();
            }
            Stage::Closing => self.abort(End::Failed(self.session.timeout_error())),
            // There is no place for last words behind what the peer does not take.
            Stage::Open if self.is_blocked() => self.abort(End::Failed(Error::WriteTimeout)),
            Stage::Open if !self.is_idle(now, shared.limits) => self.check_keepalive(shared),
            _ => {
                self.time_out(shared);
                // Somebody waits for what we make: that its end may be slow is no reason to wait longer.
                if let (true, Some(end)) = (self.flags.has(Flag::Opening), self.end) {
                    self.abort(end);
                }
            }
        }
    }

    /// Fails the session for something that its input did not bring.
    pub(super) fn fail<S: Service>(&mut self, error: Error, shared: &mut Shared<'_, S>) {
        self.end_with(End::Failed(error));
        self.flags.set(Flag::InputLeft, false);
        shared.batch.begin(&[]);
        self.session.fail(error, shared.batch);
        self.send(shared);
    }

    /// Ends the session because its stage took too long.
    fn time_out<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        shared.batch.begin(self.session.tail());
        let error = self.session.time_out(shared.batch);
        self.end_with(End::Failed(error));
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

    /// Remembers that our last words begin.
    pub(super) fn start_close_timer(&mut self, now: Moment) {
        self.active = tick(now);
    }

    /// When the reactor should look at it next, as seen at `now`.
    pub(super) fn next_deadline(&self, now: Moment, limits: &Limits) -> Option<Moment> {
        // One tick more: a time that is measured in ticks must not seem too short by a part.
        let left = |whole: Duration| whole.saturating_sub(self.silence(now)) + TICK;
        let opening = self.deadline.filter(|_| self.flags.has(Flag::Opening));
        let wait = match self.session.stage() {
            Stage::Handshake => Some(limits.handshake_timeout),
            Stage::Auth => Some(limits.auth_timeout),
            Stage::Closing if self.awaits_close() => {
                let wait = CLOSE_ANSWER_WAIT.min(limits.close_timeout / 2);
                Some(wait.min(left(limits.close_timeout)))
            }
            Stage::Closing => Some(left(limits.close_timeout)),
            // Nothing is read from a peer that does not take its answers, so it cannot be idle or silent.
            Stage::Open if self.is_blocked() => Some(limits.write_timeout),
            Stage::Open => {
                let idle = limits.idle_timeout.map(left);
                let ping = limits.ping_interval.filter(|_| self.has_pings());
                idle.into_iter().chain(ping).min()
            }
        };
        let deadline = wait.map(|wait| now.saturating_add(wait.as_nanos() as u64));
        // Whatever comes until a connection of ours is open, its deadline only comes nearer.
        opening.map_or(deadline, |first| deadline.map(|it| it.min(first.get())))
    }

    /// Remembers a new deadline and returns the old one.
    pub(super) fn replace_deadline(&mut self, deadline: Option<Moment>) -> Option<Moment> {
        let old = self.deadline.map(NonZeroU64::get);
        self.deadline = deadline.and_then(NonZeroU64::new);
        old
    }

    /// Sends the backlog.
    fn flush<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if !self.is_blocked() || !self.flags.has(Flag::Writable) {
            return;
        }
        match write(&mut self.stream, &mut self.flags, [self.session.pending(), &[]]) {
            Ok(sent) => {
                *shared.bytes_sent += sent as u64;
                self.session.advance(sent);
                self.shut_down_output();
            }
            Err(error) => self.abort(end_of(&error)),
        }
    }

    /// Reads once. The size of the receive buffer is the budget of a connection for one turn, or less while one
    /// waits that has less to say.
    fn receive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if !self.flags.has(Flag::Readable) || self.flags.has(Flag::Eof) {
            return;
        }
        let free = shared.batch.free();
        // Of what expands, a whole buffer would only be carried from batch to batch.
        let is_shared = shared.others_waiting || self.flags.has(Flag::OverBudget);
        let wanted = if is_shared { free.len().min(SHARED_TURN_BYTES) } else { free.len() };
        match self.stream.read(&mut free[..wanted]) {
            Ok(0) => self.flags.set(Flag::Eof, true),
            Ok(count) => {
                shared.batch.filled(count);
                *shared.bytes_received += count as u64;
                if let Some(clock) = &mut shared.clock {
                    shared.now = Some(clock());
                }
                self.flags.set(Flag::Active, true);
                if self.flags.has(Flag::Opening) {
                    self.show_response(shared, count);
                }
                self.flags.set(Flag::Bulk, count >= SHARED_TURN_BYTES);
                // Less than was asked for: there was no more. That saves the call that would say so.
                self.flags.set(
                    Flag::Readable,
                    count == wanted
                        || self.flags.has(Flag::ReadClosed)
                        || self.flags.has(Flag::Urgent)
                        || self.stream.may_hold_input(),
                );
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.flags.set(Flag::Readable, false);
                self.flags.set(Flag::Urgent, false);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => match tls_failure(&error) {
                Some(failure) => self.refuse(failure),
                None => self.abort(end_of(&error)),
            },
        }
    }

    /// Shows the service the last `count` bytes received, if they belong to the opening handshake.
    fn show_response<S: Service>(&self, shared: &mut Shared<'_, S>, count: usize) {
        let is_response = self.session.config().framing == Framing::WebSocket
            && matches!(self.session.stage(), Stage::Handshake | Stage::Closing);
        if is_response {
            let unread = shared.batch.unread();
            let bytes = Handshake::Received(&unread[unread.len() - count..]);
            shared.service.on_handshake(&self.context(shared.now), bytes);
        }
    }

    /// Reads once, and reports which milestones of a connection that we make that passes.
    fn receive_while_opening<S: Service>(
        &mut self,
        was_connecting: bool,
        shared: &mut Shared<'_, S>,
    ) {
        let (before, was_established) = (shared.now, self.stream.is_established());
        self.receive(shared);
        // Only the read says whether the attempt has succeeded.
        if self.flags.has(Flag::Aborted) {
            return;
        }
        if was_connecting {
            shared.service.on_milestone(&self.context(before), Milestone::Connected);
        }
        if !was_established && self.stream.is_established() {
            // The handshake's cryptography belongs to it.
            if let Some(clock) = &mut shared.clock {
                shared.now = Some(clock());
            }
            shared.service.on_milestone(&self.context(shared.now), Milestone::Secured);
        }
    }

    /// Says no more than TLS itself has to say, and waits for the end of input.
    fn refuse(&mut self, failure: TlsFailure) {
        self.end_with(End::Tls(failure));
        self.session.abort();
    }

    /// Steps through everything that was received, or until the batch is full.
    fn step_all<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        loop {
            if shared.batch.is_full() {
                self.flags.set(Flag::InputLeft, !shared.batch.unread().is_empty());
                return;
            }
            let before = self.session.stage();
            let by = match self.session.step(shared.batch) {
                Ok(Status::Partial) => return,
                Ok(Status::Complete(step)) if !step.has_event() => {
                    if let Some(control) = step.control() {
                        let context = context(self.id, step.messages(), shared.now);
                        shared.service.on_control(&context, control);
                    }
                    self.session.peer_end()
                }
                Ok(Status::Complete(step)) => {
                    let is_progress = step.is_progress();
                    dispatch(step, self.id, shared.now, shared.service);
                    if is_progress {
                        self.active = shared.now.map_or(0, tick);
                    }
                    End::Service
                }
                Err(error) => {
                    self.session.fail(error, shared.batch);
                    End::Failed(error)
                }
            };
            let after = self.session.stage();
            if before == Stage::Handshake && after == Stage::Auth {
                shared.service.on_milestone(&self.context(shared.now), Milestone::Upgraded);
            }
            if after == Stage::Closing && before != after {
                self.end_with(by);
            }
            if after == Stage::Open && before != after {
                // Silence counts from here: what came before was not for the session.
                self.flags.set(Flag::Active, false);
            }
            // A service may hang up as soon as it opens: what is past Auth with an event was let in.
            if before < Stage::Open && after >= Stage::Open && by == End::Service {
                self.flags.set(Flag::Opening, false);
                self.flags.set(Flag::Unauthenticated, false);
                if before == Stage::Auth {
                    info!(peer:% = self.peer; "#{} authenticated", self.id);
                }
            }
        }
    }

    /// Closes our side too, after what the end of input completed or cut short.
    fn receive_eof<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        match self.session.receive_eof(shared.batch) {
            Ok(step) => dispatch(step, self.id, shared.now, shared.service),
            Err(error) => {
                self.end_with(End::Failed(error));
                self.session.fail(error, shared.batch);
            }
        }
        self.end_with(End::Peer);
        self.session.finish();
    }

    /// Says goodbye once a stop was asked for, everything that had arrived is answered, and the peer is
    /// not in the middle of a message.
    fn close_if_draining<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        let is_heard = !self.flags.has(Flag::Readable) && !self.flags.has(Flag::InputLeft);
        let is_done =
            is_heard && self.session.is_between_messages() && !self.stream.is_inside_record();
        if shared.draining && is_done && self.session.stage() != Stage::Closing {
            self.end_with(End::Drained);
            self.session.close(CloseCode::GOING_AWAY, shared.batch);
        }
    }

    /// Writes the answers of the batch, and leaves with the session what the kernel refuses.
    fn send<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if shared.batch.take_exhaustion() {
            self.end_with(End::Failed(Error::MemoryExhausted));
            self.session.fail(Error::MemoryExhausted, shared.batch);
        }
        self.flags.set(Flag::OverBudget, shared.batch.work() >= BATCH_WORK_BYTES_MAX);
        let output = shared.batch.output();
        let has_output = output.iter().any(|part| !part.is_empty());
        let mut sent = 0;
        if has_output && self.flags.has(Flag::Opening) && self.session.stage() == Stage::Handshake {
            // It stands in one of the two parts.
            for request in output.into_iter().filter(|part| !part.is_empty()) {
                let context = self.context(shared.now);
                shared.service.on_handshake(&context, Handshake::Sent(request));
            }
        }
        if has_output && self.flags.has(Flag::Writable) && !self.is_blocked() {
            match write(&mut self.stream, &mut self.flags, output) {
                Ok(count) => sent = count,
                Err(error) => return self.abort(end_of(&error)),
            }
        }
        *shared.bytes_sent += sent as u64;
        shared.batch.release_message();
        if let Err(error) = self.session.keep(shared.batch, sent) {
            self.abort(End::Failed(error));
        }
        shared.batch.finish();
        self.shut_down_output();
    }

    /// Ends our output once nothing is left to send. Then the peer gets our last words and their end,
    /// and not the reset that closing a socket with unread input would send.
    fn shut_down_output(&mut self) {
        let is_due = self.session.wants_shutdown() && !self.is_blocked();
        // Behind the end of input closing the socket is enough, unless the stream has something to say.
        let is_heard = !self.flags.has(Flag::Eof) || self.stream.says_its_end();
        if is_due && is_heard && !self.flags.has(Flag::ShutdownSent) {
            self.flags.set(Flag::ShutdownSent, true);
            // It can only fail because the connection is already gone, and the next read will say so.
            let _ = self.stream.shutdown_write();
        }
    }

    /// Pings a silent peer; gives up one that stayed silent after that.
    fn check_keepalive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if shared.limits.ping_interval.is_none() || !self.has_pings() {
            return;
        }
        if self.flags.replace(Flag::Active, false) {
            self.flags.set(Flag::Pinged, false);
        } else if self.flags.has(Flag::Pinged) {
            self.fail(Error::PingTimeout, shared);
        } else {
            self.flags.set(Flag::Pinged, true);
            self.with_outbox(shared, |_, outbox| outbox.ping());
        }
    }

    /// Whether the service would send more, if it is one that sends unasked.
    fn wants_to_send<S: Service>(&self, service: &S) -> bool {
        service.sends_unasked()
            && self.flags.has(Flag::Writable)
            && self.session.stage() == Stage::Open
    }

    fn has_pings(&self) -> bool {
        self.session.config().framing == Framing::WebSocket
    }

    /// How far the message in progress has come, in steps that count as activity: whoever sends a large message
    /// slowly is not idle, and whoever sends a byte now and then is.
    fn progress_units(&self) -> u64 {
        self.session.message_bytes() / PROGRESS_BYTES
    }

    fn is_idle(&self, now: Moment, limits: &Limits) -> bool {
        limits.idle_timeout.is_some_and(|idle| self.silence(now) >= idle)
    }

    /// How long no message was completed, or since when it is closing.
    fn silence(&self, now: Moment) -> Duration {
        TICK * tick(now).wrapping_sub(self.active)
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

fn tick(moment: Moment) -> u32 {
    (moment >> TICK_SHIFT) as u32
}

fn context(connection: u64, messages: u32, now: Option<Moment>) -> Context {
    Context { connection, messages, now: now.unwrap_or(0) }
}

/// Gives the service what a step brought.
fn dispatch<S: Service>(step: Step<'_>, id: u64, now: Option<Moment>, service: &mut S) {
    let context = context(id, step.messages(), now);
    let (event, mut outbox) = step.unpack();
    match event {
        Some(Event::Message(message)) => {
            service.on_message(&context, message, &mut outbox);
        }
        Some(Event::Open) => service.on_open(&context, &mut outbox),
        None => {}
    }
}

/// Writes once, first what the stream itself still holds. Whatever is not taken means that it is full.
fn write<T: Stream>(stream: &mut T, flags: &mut Flags, parts: [&[u8]; 2]) -> io::Result<usize> {
    let total = parts[0].len() + parts[1].len();
    let result = if total > 0 { stream.write(parts) } else { stream.flush().map(|()| 0) };
    match result {
        Ok(count) => {
            flags.set(Flag::Writable, count == total && stream.unsent_bytes_max() == 0);
            Ok(count)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            flags.set(Flag::Writable, false);
            Ok(0)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        Err(error) => Err(error),
    }
}

fn tls_failure(error: &io::Error) -> Option<TlsFailure> {
    error.get_ref()?.downcast_ref::<TlsFailure>().copied()
}

fn end_of(error: &io::Error) -> End {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => End::Reset,
        ErrorKind::BrokenPipe | ErrorKind::NotConnected => End::BrokenPipe,
        ErrorKind::ConnectionRefused => End::Refused,
        ErrorKind::TimedOut => End::TimedOut,
        _ => End::Transport,
    }
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

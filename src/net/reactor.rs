//! The event loop: poll, latch, drive, accept, reap, expire.

use super::Endpoint;
use super::admission::{Admission, Listening, is_about_the_client, is_shortage};
use super::connection::{Connection, Shared};
use super::deadlines::{Deadlines, Moment};
use super::network::{Network, Peer, Stream, Subject, Token};
use super::slab::{Slab, Tokened};
use crate::limits::{ACCEPTS_PER_TURN, BATCH_MEMORY_BYTES, Limits};
use crate::metrics::Metrics;
use crate::proto::batch::BATCH_WORK_BYTES_MAX;
use crate::proto::{Batch, Config, End, Error, Framing, Outbox, Role, Session, Stage};
use crate::service::{Needs, Service};
use log::{debug, error, info, trace};
use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

/// The capacity that the queue of ready connections keeps while it is empty: 1024, 8 KiB, as many
/// as become ready in one poll. It grows beyond that only while many connections stay in it; a
/// larger empty buffer would remain alone at the end of the heap, above the memory they used.
const READY_KEPT: usize = 1024;

/// Identifies a connection, even after it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(Token);

/// The connections of one thread, and everything they share.
pub struct Reactor<N: Network, S: Service> {
    network: N,
    service: S,
    needs: Needs,
    limits: Limits,
    batch: Batch,
    connections: Slab<Connection<N::Stream>>,
    /// Connections to drive, each at most once, here or in `over_budget`.
    ready: VecDeque<Token>,
    /// The same for connections that used a whole turn's work when they were last driven: they come
    /// after all others.
    over_budget: VecDeque<Token>,
    deadlines: Deadlines,
    admission: Admission<N::Listener>,
    /// Heap bytes that all connections own together.
    held_bytes: usize,
    metrics: Metrics,
    last_id: u64,
    /// When a requested stop no longer waits for connections.
    drain_until: Option<Moment>,
    /// The current moment. The clock is read at most once before and once after each wait, and only
    /// if needed.
    now: Option<Moment>,
}

impl<N: Network, S: Service> Reactor<N, S> {
    /// Creates a reactor without connections. `batch` is the buffer that all of them will share.
    pub fn new(network: N, service: S, limits: Limits, batch: Batch) -> Self {
        Self {
            network,
            needs: service.needs(),
            service,
            limits,
            batch,
            connections: Slab::new(),
            ready: VecDeque::with_capacity(READY_KEPT),
            over_budget: VecDeque::new(),
            deadlines: Deadlines::default(),
            admission: Admission::new(),
            held_bytes: 0,
            metrics: Metrics::default(),
            last_id: 0,
            drain_until: None,
            now: None,
        }
    }

    /// Serves a listener from the next turn on, with this configuration for each of its
    /// connections.
    ///
    /// # Errors
    /// The error of the operating system when the listener is registered.
    pub fn listen(&mut self, mut listener: N::Listener, config: Rc<Config>) -> io::Result<()> {
        let token = Token::listener(self.admission.listeners.len());
        self.network.register_listener(&mut listener, token)?;
        let config = self.for_service(config);
        self.admission.listeners.push(Listening { listener, config, latched: false });
        Ok(())
    }

    /// Changes the configuration of later connections.
    pub fn reconfigure(&mut self, change: impl Fn(&mut Config)) {
        for listening in &mut self.admission.listeners {
            change(Rc::make_mut(&mut listening.config));
        }
    }

    /// Begins a connection to `endpoint`.
    ///
    /// # Errors
    /// The error of the operating system if it is immediate; a later failure ends the connection.
    pub fn connect(&mut self, endpoint: &Endpoint, config: Rc<Config>) -> io::Result<ConnectionId> {
        let (stream, peer) = self.network.connect(endpoint)?;
        let config = self.for_service(config);
        self.insert(stream, peer, config).map(ConnectionId)
    }

    /// Calls `send` with the service and the outbox of a connection. Returns false, and does
    /// nothing, unless the connection is open.
    pub fn with_outbox(
        &mut self,
        id: ConnectionId,
        send: impl FnOnce(&mut S, &mut Outbox<'_>),
    ) -> bool {
        let mut was_open = false;
        self.with(id.0, |connection, shared| was_open = connection.with_outbox(shared, send));
        was_open
    }

    /// Whether a connection still has unsent output; also true if it is gone.
    pub fn is_blocked(&mut self, id: ConnectionId) -> bool {
        self.connections.find(id.0).is_none_or(|connection| connection.is_blocked())
    }

    /// One round: waits for events for at most `timeout`, forever if `None`, and handles what is
    /// due within each connection's budget. `external` receives the numbers of external tokens that
    /// became ready.
    ///
    /// # Errors
    /// Only errors of polling.
    pub fn turn(
        &mut self,
        timeout: Option<Duration>,
        external: &mut dyn FnMut(u32),
    ) -> io::Result<()> {
        // The moment of the last turn is over; after the wait, so is the moment from before it.
        self.now = None;
        let timeout = self.poll_timeout(timeout);
        self.poll(timeout, external)?;
        self.now = None;
        let over_budget = self.over_budget.len();
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else { break };
            self.drive(token);
        }
        if self.ready.is_empty() {
            self.ready.shrink_to(READY_KEPT);
        }
        self.drive_over_budget(over_budget);
        self.accept();
        if self.connections.reuse_freed() {
            self.network.trim_memory();
        }
        self.expire();
        Ok(())
    }

    /// Begins to stop: accepts no more connections, processes what was completely received, and
    /// then closes each connection. [`is_drained`](Self::is_drained) is true when that is done.
    pub fn drain(&mut self) {
        self.admission.close();
        self.drain_until = Some(self.moment() + self.limits.drain_timeout.as_nanos() as Moment);
        let tokens: Vec<Token> = self.connections.iter().map(Tokened::token).collect();
        for token in tokens {
            let Some(connection) = self.connections.find(token) else { continue };
            connection.assume_readable();
            self.queue(token);
        }
    }

    /// Whether a stop was requested and no connection is left.
    pub fn is_drained(&self) -> bool {
        self.drain_until.is_some() && self.connections.is_empty()
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The number of connections.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Heap bytes that all connections own together.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The network, to change it.
    pub fn network_mut(&mut self) -> &mut N {
        &mut self.network
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The service, to change it.
    pub fn service_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// How long a poll may wait: not at all while work remains.
    fn poll_timeout(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        let has_ready = !self.ready.is_empty() || !self.over_budget.is_empty();
        if has_ready || self.admission.wants_accept() {
            return Some(Duration::ZERO);
        }
        let moments = [self.deadlines.next(), self.admission.retry_at(), self.drain_until];
        let Some(next) = moments.into_iter().flatten().min() else { return timeout };
        let wait = Duration::from_nanos(next.saturating_sub(self.moment()));
        Some(timeout.map_or(wait, |timeout| timeout.min(wait)))
    }

    /// Latches the reported readiness.
    fn poll(&mut self, timeout: Option<Duration>, external: &mut dyn FnMut(u32)) -> io::Result<()> {
        let Self { network, connections, ready, over_budget, needs, admission, metrics, .. } = self;
        network.poll(timeout, &mut |readiness| match readiness.token.subject() {
            Subject::Listener(index) => {
                if let Some(listening) = admission.listeners.get_mut(index) {
                    listening.latched = true;
                }
            }
            Subject::External(number) => external(number),
            Subject::Connection { .. } => match connections.find(readiness.token) {
                Some(connection) => {
                    connection.latch(readiness);
                    if connection.wants_drive(*needs) && connection.enqueue() {
                        let queue = if connection.is_over_budget() {
                            &mut *over_budget
                        } else {
                            &mut *ready
                        };
                        queue.push_back(readiness.token);
                    }
                }
                None => metrics.stale_events += 1,
            },
        })
    }

    /// Drives the first `count` connections that used a whole turn's work before, until they have
    /// used another one together: then connections that have become ready in the meantime go first.
    fn drive_over_budget(&mut self, count: usize) {
        let mut work = 0;
        for _ in 0..count {
            let Some(token) = self.over_budget.pop_front() else { break };
            self.drive(token);
            work += self.batch.work();
            if work >= BATCH_WORK_BYTES_MAX {
                return;
            }
        }
        if self.over_budget.is_empty() {
            self.over_budget = VecDeque::new();
        }
    }

    fn drive(&mut self, token: Token) {
        self.with(token, |connection, shared| {
            connection.dequeue();
            connection.drive(shared);
        });
    }

    /// Lets `act` change a connection, and then applies the consequences of the change.
    fn with(
        &mut self,
        token: Token,
        act: impl FnOnce(&mut Connection<N::Stream>, &mut Shared<'_, S>),
    ) {
        let is_timed = self.needs.time || self.limits.idle_timeout.is_some();
        let now = is_timed.then(|| self.moment());
        let others_waiting =
            !self.ready.is_empty() && self.is_bulk(token) && self.is_next_not_bulk();
        let Some(connection) = self.connections.find(token) else { return };
        let stage = connection.session().stage();
        let held_before = connection.heap_bytes();
        let was_blocked = connection.is_blocked();
        let awaited_close = connection.awaits_close();
        let sent_before = self.metrics.bytes_sent;
        let was_unauthenticated = connection.is_unauthenticated();
        let room = self.limits.memory_bytes_max.saturating_sub(self.held_bytes);
        self.batch.allow(room.saturating_add(BATCH_MEMORY_BYTES));
        let network = &mut self.network;
        let mut clock = || network.now().as_nanos() as Moment;
        let mut shared = Shared {
            batch: &mut self.batch,
            service: &mut self.service,
            needs: self.needs,
            limits: &self.limits,
            now,
            clock: if self.needs.time { Some(&mut clock) } else { None },
            draining: self.drain_until.is_some(),
            others_waiting,
            bytes_received: &mut self.metrics.bytes_received,
            bytes_sent: &mut self.metrics.bytes_sent,
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(connection, &mut shared))) {
            contain_panic(panic, connection);
        }
        self.held_bytes += connection.heap_bytes();
        self.held_bytes -= held_before;
        if was_unauthenticated && !connection.is_unauthenticated() {
            self.admission.remove_unauthenticated();
        }
        if let Some(end) = connection.finished() {
            return self.reap(token, end);
        }
        if connection.session().stage() != stage {
            trace!("#{} {stage:?} -> {:?}", connection.id(), connection.session().stage());
            self.enter_stage(token);
        } else if connection.awaits_close() != awaited_close {
            self.set_deadline(token);
        } else if stage == Stage::Open && (was_blocked || connection.is_blocked()) {
            // A peer that reads any of its pending output is given the whole timeout again.
            let took = self.metrics.bytes_sent != sent_before;
            if took || was_blocked != connection.is_blocked() {
                self.set_deadline(token);
            }
        }
        if self.connections.find(token).is_some_and(|it| it.wants_drive(self.needs)) {
            self.queue(token);
        }
        if self.held_bytes > self.limits.held_bytes_max() {
            self.relieve_memory();
        }
    }

    fn is_bulk(&mut self, token: Token) -> bool {
        self.connections.find(token).is_some_and(|it| it.is_bulk())
    }

    /// Whether the next connection in the queue is not known to send much.
    fn is_next_not_bulk(&mut self) -> bool {
        self.ready.front().copied().is_some_and(|next| !self.is_bulk(next))
    }

    fn queue(&mut self, token: Token) {
        let Some(connection) = self.connections.find(token) else { return };
        if connection.enqueue() {
            let queue =
                if connection.is_over_budget() { &mut self.over_budget } else { &mut self.ready };
            queue.push_back(token);
        }
    }

    /// Accepts within the budget, from one listener after the other.
    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(index) = self.admission.next_listener() else { return };
            self.accept_one(index);
        }
    }

    fn accept_one(&mut self, index: usize) {
        let Self { network, admission, metrics, .. } = self;
        if self.connections.len() >= self.limits.connections_max {
            return admission.wait(index, "the limit is reached", network, metrics);
        }
        match network.accept(&mut admission.listeners[index].listener) {
            Ok((stream, peer)) => {
                admission.clear_warning();
                let config = Rc::clone(&admission.listeners[index].config);
                self.admit(stream, peer, config);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                admission.listeners[index].latched = false;
            }
            Err(error) if is_about_the_client(&error) => metrics.accepts_aborted += 1,
            Err(error) if is_shortage(&error) => {
                admission.wait(index, &error.to_string(), network, metrics);
            }
            Err(error) => {
                error!("accepting failed: {error}");
                admission.wait(index, &error.to_string(), network, metrics);
            }
        }
    }

    /// Serves an accepted connection, or rejects it.
    fn admit(&mut self, stream: N::Stream, peer: Peer, config: Rc<Config>) {
        let Self { batch, admission, limits, .. } = self;
        if let Err(end) = admission.admit(peer, &config, limits, |bytes| batch.fill_random(bytes)) {
            return self.reject(peer, end);
        }
        if let Err(error) = self.insert(stream, peer, config) {
            error!("a connection could not be registered: {error}");
        }
    }

    /// Counts a connection that is dropped without being served.
    fn reject(&mut self, peer: Peer, end: End) {
        self.metrics.opened += 1;
        *self.metrics.ended.entry(end).or_default() += 1;
        info!(peer:% = peer; "rejected: {end}");
    }

    /// Takes over a stream.
    fn insert(&mut self, stream: N::Stream, peer: Peer, config: Rc<Config>) -> io::Result<Token> {
        self.last_id += 1;
        let id = self.last_id;
        // A client waits until it is connected, and is notified of that by an event.
        let speaks_first = config.framing != Framing::WebSocket && config.role == Role::Server;
        let session = Session::new(config);
        let connection =
            self.connections.insert(|slot| Connection::new(id, slot, stream, peer, session));
        let token = connection.token();
        // A TLS client holds its ClientHello from the start.
        self.held_bytes += connection.heap_bytes();
        self.metrics.opened += 1;
        if connection.is_unauthenticated() {
            self.admission.add_unauthenticated();
        }
        info!(peer:% = peer; "#{id} connected");
        if let Err(error) = self.network.register(connection.stream_mut(), token) {
            self.reap(token, End::Transport);
            return Err(error);
        }
        self.set_deadline(token);
        if speaks_first {
            self.queue(token);
        }
        Ok(token)
    }

    /// The configuration with the service's needs added; a caller may ask for more.
    fn for_service(&self, mut config: Rc<Config>) -> Rc<Config> {
        if self.needs.whole_messages && !config.whole_messages {
            Rc::make_mut(&mut config).whole_messages = true;
        }
        config
    }

    /// Removes a connection that has ended, and counts the reason.
    fn reap(&mut self, token: Token, end: End) {
        let now = self.needs.time.then(|| self.moment());
        let Some(mut connection) = self.connections.remove(token) else { return };
        let old = connection.replace_deadline(None);
        self.deadlines.change(token, old, None);
        self.held_bytes -= connection.heap_bytes();
        if connection.is_unauthenticated() {
            self.admission.remove_unauthenticated();
        }
        if connection.session().config().role == Role::Server {
            self.admission.release(connection.peer());
        }
        let context = connection.context(now);
        self.metrics.messages += u64::from(context.messages);
        *self.metrics.ended.entry(end).or_default() += 1;
        info!(peer:% = connection.peer(), messages = context.messages; "#{} ended: {end}", connection.id());
        // The descriptor must be free before a client that waits for one is accepted.
        drop(connection);
        self.admission.resume();
        self.service.on_close(&context, end);
    }

    fn enter_stage(&mut self, token: Token) {
        let now = self.moment();
        if let Some(connection) = self.connections.find(token)
            && connection.session().stage() == Stage::Closing
        {
            connection.start_close_timer(now);
        }
        self.set_deadline(token);
    }

    fn set_deadline(&mut self, token: Token) {
        let now = self.moment();
        let Some(connection) = self.connections.find(token) else { return };
        let new = connection.next_deadline(now, &self.limits);
        let old = connection.replace_deadline(new);
        self.deadlines.change(token, old, new);
    }

    /// Handles the deadlines that have passed.
    fn expire(&mut self) {
        if self.deadlines.next().is_none()
            && self.admission.retry_at().is_none()
            && self.drain_until.is_none()
        {
            return;
        }
        let now = self.moment();
        self.admission.expire(now);
        while let Some(token) = self.deadlines.pop_due(now) {
            if let Some(connection) = self.connections.find(token) {
                connection.replace_deadline(None);
            }
            self.with(token, |connection, shared| connection.expire(now, shared));
            self.set_deadline(token);
        }
        if self.drain_until.is_some_and(|until| until <= now) {
            self.abort_all();
        }
    }

    /// Ends the connections that did not close before the drain timeout.
    fn abort_all(&mut self) {
        let tokens: Vec<Token> = self.connections.iter().map(Tokened::token).collect();
        debug!("{} connections did not end in time", tokens.len());
        for token in tokens {
            self.with(token, |connection, _| connection.abort(End::DrainTimeout));
        }
    }

    /// Ends the connection that owns the most heap. The scan runs only above the limit.
    fn relieve_memory(&mut self) {
        let largest = self.connections.iter().max_by_key(|it| it.heap_bytes());
        let Some(token) = largest.map(Tokened::token) else { return };
        let end = End::Failed(Error::MemoryExhausted);
        self.with(token, |connection, shared| {
            if connection.session().stage() == Stage::Open
                && connection.session().pending().is_empty()
            {
                connection.fail(Error::MemoryExhausted, shared);
            } else {
                connection.abort(end);
            }
        });
    }

    /// The current moment, as of this turn.
    fn moment(&mut self) -> Moment {
        let network = &mut self.network;
        *self.now.get_or_insert_with(|| network.now().as_nanos() as Moment)
    }
}

/// Ends the one connection whose service panicked, so that the others are unaffected. The shared
/// batch is reset by the next drive. In debug builds the panic continues, so that the bug is found.
fn contain_panic<T: Stream>(panic: Box<dyn Any + Send>, connection: &mut Connection<T>) {
    if cfg!(debug_assertions) {
        resume_unwind(panic);
    }
    error!("#{} ended by a bug: please report it", connection.id());
    connection.abort(End::Panicked);
}

//! The service of a load generator: passes each event to its connection.

use super::connection::{Connection, Counters, Shared, State};
use super::payload::Contents;
use super::phases::Phases;
use super::recorder::{Record, Recorder};
use super::schedule::Schedule;
use super::unknown::{PATIENCE, shortened};
use crate::load::plan::{Pace, Plan, WindowEnd};
use crate::load::result::EndReason;
use crate::load::result::outcome::EndedBy;
use crate::proto::response::SHOWN_BYTES_MAX;
use crate::proto::{End, Framing, Message, Outbox};
use crate::service::{Context, Handshake, Milestone, Needs, Service};
use std::collections::HashMap;

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::load) struct Generator {
    pub(in crate::load) shared: Shared,
    /// One for each attempt to connect, in order.
    connections: Vec<Connection>,
    /// The handshake of the last attempt, while none has succeeded.
    pub(in crate::load) upgrade: Upgrade,
}

/// The handshake of a connection: its response may explain why there is nothing to measure.
#[derive(Debug, Default)]
pub struct Upgrade {
    /// Whether the request was sent.
    pub was_requested: bool,
    /// The response, or its beginning.
    pub response: Vec<u8>,
}

impl Generator {
    pub(in crate::load) fn new(plan: &Plan, framing: Framing, has_auth: bool) -> Self {
        let allowance = match plan.end {
            WindowEnd::Messages(messages) => messages,
            WindowEnd::Time(_) => u64::MAX,
        };
        let shared = Shared {
            framing,
            contents: Contents::new(&plan.content, framing),
            verify: plan.verify,
            keeps_ledger: plan.keeps_ledger,
            first_connection: plan.first_connection,
            schedule: None,
            allowance,
            behind: 0,
            is_sending: false,
            recorder: Recorder::new(matches!(plan.pace, Pace::Open { .. })),
            counters: Counters::default(),
            phases: Phases::new(framing == Framing::WebSocket, has_auth),
            depth: match plan.pace {
                Pace::Closed { depth } => depth,
                Pace::Open { .. } | Pace::Silent => 0,
            },
            patience: PATIENCE,
            prefixed: 0,
            given_up: HashMap::new(),
            began_at: 0,
            has_received: false,
        };
        let mut connections = Vec::new();
        connections.reserve_exact(plan.connections as usize);
        Self { shared, connections, upgrade: Upgrade::default() }
    }

    /// Begins a connection that was due at this time.
    pub(in crate::load) fn begin(&mut self, due: u64, now: u64) {
        self.upgrade = Upgrade::default();
        if self.connections.is_empty() {
            self.shared.began_at = now;
        }
        let connection = self.shared.first_connection + self.connections.len() as u32;
        self.connections.push(Connection::begin(&mut self.shared, connection, due, now));
    }

    /// Records that the last connection could not begin, for this reason. Returns whether it had
    /// existed for a moment: a connection that cannot be registered has ended already.
    pub(in crate::load) fn fail_to_begin(&mut self, reason: &str) -> bool {
        let was_one =
            self.connections.last().is_some_and(|connection| connection.state != State::Opening);
        if let Some(mut connection) = self.connections.pop_if(|_| !was_one) {
            connection.fail(&mut self.shared, reason.into());
        }
        was_one
    }

    /// Counts `count` connections as failed without an attempt, for this reason.
    pub(in crate::load) fn give_up_connecting(&mut self, count: u64, reason: EndReason) {
        self.shared.counters.failed += count;
        *self.shared.counters.errors.entry(reason).or_default() += count;
    }

    /// Discards the failures so far: the next address of the name is tried.
    pub(in crate::load) fn forget_failures(&mut self) {
        self.shared.counters.failed = 0;
        self.shared.counters.errors.clear();
    }

    /// Assigns each open connection its turn. Returns their indices in the order of their turns.
    pub(in crate::load) fn take_places(&mut self, start: u64, pace: Pace) -> Vec<usize> {
        let mut places = Vec::with_capacity(self.shared.counters.open);
        for (index, connection) in self.connections.iter_mut().enumerate() {
            if connection.state == State::Open {
                connection.position = places.len() as u32;
                places.push(index);
            }
        }
        if let Pace::Open { rate } = pace {
            self.shared.schedule = Some(Schedule::new(start, rate, places.len() as u32));
        }
        self.shared.is_sending = true;
        places
    }

    pub(in crate::load) fn is_open(&self, index: usize) -> bool {
        self.connections[index].state == State::Open
    }

    /// Records that a message of this connection is due, and cannot be sent now; returns whether it
    /// is the first one.
    pub(in crate::load) fn fall_behind(&mut self, index: usize) -> bool {
        self.shared.behind += 1;
        self.connections[index].behind += 1;
        self.connections[index].behind == 1
    }

    /// The number of messages of this connection that are due and could not be sent.
    pub(in crate::load) fn behind(&self, index: usize) -> u32 {
        self.connections[index].behind
    }

    /// Sends a message of this connection that is due.
    pub(in crate::load) fn send_due(&mut self, index: usize, now: u64, outbox: &mut Outbox<'_>) {
        self.connections[index].send_due(&mut self.shared, now, outbox);
    }

    /// In a closed loop, sends on this connection until its depth is reached.
    pub(in crate::load) fn fill(&mut self, index: usize, now: u64, outbox: &mut Outbox<'_>) {
        self.connections[index].fill(&mut self.shared, now, outbox);
    }

    /// Skips a message that is due on a connection that has ended. In a run that keeps a ledger
    /// that is the loss of a connection, not of a message; in a run with a fixed number of
    /// messages, other connections send it.
    pub(in crate::load) fn skip(&mut self, due: u64) {
        if self.shared.allowance == u64::MAX && !self.shared.keeps_ledger {
            self.shared.recorder.unsent(due);
        }
    }

    /// In a closed loop, the connections that continue although an echo is missing, because an
    /// unknown message arrived instead.
    pub(in crate::load) fn expire_patience(&mut self, now: u64) -> Vec<usize> {
        let Self { connections, shared, .. } = self;
        if shared.depth == 0 || shared.patience == 0 {
            return Vec::new();
        }
        let connections = connections.iter_mut().enumerate();
        let impatient = connections.filter_map(|(index, connection)| {
            connection.expire_patience(shared.patience, now).then_some(index)
        });
        let impatient: Vec<usize> = impatient.collect();
        if !impatient.is_empty() {
            shared.patience = shortened(shared.patience);
        }
        impatient
    }

    /// Closes this connection.
    pub(in crate::load) fn close(&mut self, index: usize, outbox: &mut Outbox<'_>) {
        self.connections[index].close(&mut self.shared, outbox);
    }

    /// Gives up messages that were sent before `deadline` and have no echo. Returns the connections
    /// of these messages.
    pub(in crate::load) fn give_up_before(&mut self, deadline: u64, now: u64) -> Vec<usize> {
        let Self { connections, shared, .. } = self;
        let mut expired = Vec::new();
        for (index, connection) in connections.iter_mut().enumerate() {
            if connection.state != State::Open {
                continue;
            }
            let Some(lost) = connection.give_up_before(shared, deadline, now) else { continue };
            if shared.keeps_ledger && lost > 0 {
                connection.lose(shared, EndedBy::Network, EndReason::Silence, now);
            }
            expired.push(index);
        }
        expired
    }

    /// Returns and resets everything that was counted.
    pub(in crate::load) fn take_record(&mut self) -> Record {
        let nothing = Recorder::new(self.shared.schedule.is_some());
        std::mem::replace(&mut self.shared.recorder, nothing).finish()
    }
}

impl Service for Generator {
    fn needs(&self) -> Needs {
        Needs { time: true, reads_while_blocked: true, ..Needs::NONE }
    }

    fn on_milestone(&mut self, context: &Context, milestone: Milestone) {
        self.connections[index(context)].pass(&mut self.shared, milestone, context.now);
    }

    fn on_open(&mut self, context: &Context, _outbox: &mut Outbox<'_>) {
        self.connections[index(context)].open(&mut self.shared, context.now);
    }

    #[inline]
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        let connection = &mut self.connections[index(context)];
        if connection.state == State::Open {
            self.shared.has_received = true;
            connection.on_message(&mut self.shared, &message, context.now, outbox);
        }
    }

    fn on_handshake(&mut self, _context: &Context, bytes: Handshake<'_>) {
        if self.shared.counters.established > 0 {
            return;
        }
        match bytes {
            Handshake::Sent(_) => self.upgrade.was_requested = true,
            Handshake::Received(bytes) => {
                let room = SHOWN_BYTES_MAX.saturating_sub(self.upgrade.response.len());
                self.upgrade.response.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
    }

    fn on_close(&mut self, context: &Context, end: End) {
        let Self { connections, shared, .. } = self;
        let connection = &mut connections[index(context)];
        match connection.state {
            State::Opening => connection.fail(shared, EndReason::of_failure(end)),
            State::Open => {
                let (by, how) = EndReason::of_end(end, shared.framing == Framing::WebSocket);
                connection.lose(shared, by, how, context.now);
            }
            State::Over => return,
        }
        shared.counters.last_end = Some(end);
    }
}

/// The index of a connection among the attempts: the reactor numbers connections from 1, in the
/// order in which they were begun. A number of our own in each connection would make it larger than
/// 128 bytes.
fn index(context: &Context) -> usize {
    (context.connection - 1) as usize
}

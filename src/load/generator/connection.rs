//! One connection of a load generator, and the desk where all of them are counted.

use super::in_flight::InFlight;
use super::payload::{Contents, Stamp};
use super::phases::Phases;
use super::receive::Aside;
use super::recorder::Recorder;
use super::schedule::Schedule;
use crate::load::result::EndReason;
use crate::load::result::histogram::Histogram;
use crate::load::result::outcome::{EndedBy, Loss};
use crate::proto::{CloseCode, End, Framing, Outbox};
use crate::service::Milestone;
use std::collections::{BTreeMap, HashMap};

/// A message is late if it was sent so long after it was to be sent: 1,000 µs. Timers and the scheduler
/// of an unloaded machine keep below.
pub(in crate::load) const LATE_US: f64 = 1_000.0;

/// Messages that are sent less than this after they were due are not late: 50 µs. Timers keep below.
const LATE_NS_MIN: u64 = 50_000;

/// What the connections of a generator share.
#[derive(Debug)]
pub(in crate::load) struct Shared {
    pub(in crate::load) framing: Framing,
    pub(in crate::load) contents: Contents,
    /// Whether an echo is compared with what was sent.
    pub(in crate::load) verify: bool,
    pub(in crate::load) keeps_ledger: bool,
    /// The number, in the whole run, of the first connection.
    pub(in crate::load) first_connection: u32,
    /// Of an open loop that has begun.
    pub(in crate::load) schedule: Option<Schedule>,
    /// Messages that may be sent in the window.
    pub(in crate::load) allowance: u64,
    /// Messages that are due and were not sent because their connections are blocked.
    pub(in crate::load) behind: u64,
    /// Whether an echo is followed by the next message.
    pub(in crate::load) is_sending: bool,
    pub(in crate::load) recorder: Recorder,
    pub(in crate::load) counters: Counters,
    /// How long the steps of connecting take.
    pub(in crate::load) phases: Phases,
    /// Of a closed loop: messages of one connection in flight at once; otherwise 0.
    pub(in crate::load) depth: u32,
    /// How long an echo is waited for after an unknown message, until the next message is sent.
    pub(in crate::load) patience: u64,
    /// Echoes that came with something before them in a stream.
    pub(in crate::load) prefixed: u64,
    /// Messages that were given up, by connection and number, and whether they counted: an echo of one is late,
    /// and not doubled.
    pub(in crate::load) given_up: HashMap<(u32, u64), bool>,
    /// When the first attempt to connect was made.
    pub(in crate::load) began_at: u64,
    /// Whether any message ever came.
    pub(in crate::load) has_received: bool,
}

/// Counts of connections, and of what went wrong with them.
#[derive(Debug, Default)]
pub(in crate::load) struct Counters {
    /// Being connected.
    pub(in crate::load) opening: usize,
    /// Open.
    pub(in crate::load) open: usize,
    pub(in crate::load) established: u64,
    pub(in crate::load) failed: u64,
    pub(in crate::load) lost: u64,
    /// Messages on their way.
    pub(in crate::load) in_flight: u64,
    pub(in crate::load) late_sends: u64,
    /// How late messages were sent that their connections would have taken, from [`LATE_NS_MIN`] on.
    pub(in crate::load) late: Histogram,
    pub(in crate::load) errors: BTreeMap<EndReason, u64>,
    pub(in crate::load) endings: BTreeMap<EndReason, u64>,
    pub(in crate::load) ledger: Vec<Loss>,
    /// How long connecting took.
    pub(in crate::load) connecting: Histogram,
    /// How the last connection that failed, or was lost, ended.
    pub(in crate::load) last_end: Option<End>,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::load) struct Connection {
    pub(in crate::load) state: State,
    pub(in crate::load) order: Order,
    /// The interval in which nothing was in flight last, if responses are matched by their order.
    pub(in crate::load) in_step_at: u16,
    /// Its number in the whole run.
    pub(in crate::load) connection: u32,
    /// Its place in the schedule.
    pub(in crate::load) position: u32,
    /// Messages that are due and were not sent because the connection is blocked.
    pub(in crate::load) behind: u32,
    /// When connecting was due; once it is open, when it opened.
    since: u64,
    pub(in crate::load) in_flight: InFlight,
    /// What is unfinished or unclear.
    pub(in crate::load) aside: Option<Box<Aside>>,
}

/// Whether responses that are the same for every message can be matched to their messages by their order.
///
/// The nth response belongs to the nth message while none is lost. One that is lost is noticed late, or never:
/// each later response passes for that of an older message, and seems slow. So once a message has no response,
/// all times since nothing was in flight are forgotten, and none is taken until nothing is in flight again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Order {
    /// No response has come since nothing was in flight.
    Fresh,
    /// Some have.
    Going,
    /// A message was lost.
    Lost,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum State {
    Opening,
    Open,
    /// We are closing it, or it is gone.
    Over,
}

impl Shared {
    /// Whether all messages of the window were sent that may be.
    pub(in crate::load) fn is_spent(&self) -> bool {
        self.recorder.sent_total() >= self.allowance
    }

    /// Whether all messages of the window were sent, or are due, that may be.
    pub(in crate::load) fn is_all_due(&self) -> bool {
        self.recorder.sent_total() + self.behind >= self.allowance
    }

    /// Whether a response is matched to its message by what is in it, not by its order.
    #[inline]
    pub(in crate::load) fn is_attributed(&self) -> bool {
        self.verify && self.contents.is_stamped()
    }

    /// Whether a closed loop goes on.
    #[inline]
    pub(in crate::load) fn goes_on(&self) -> bool {
        self.is_sending && self.schedule.is_none() && !self.is_spent()
    }
}

impl Counters {
    /// Notes that something went wrong.
    pub(in crate::load) fn error(&mut self, reason: EndReason) {
        *self.errors.entry(reason).or_default() += 1;
    }
}

impl Connection {
    /// A connection that is begun.
    pub(in crate::load) fn begin(shared: &mut Shared, connection: u32, due: u64, now: u64) -> Self {
        shared.counters.opening += 1;
        shared.phases.begin(connection, now);
        Self {
            state: State::Opening,
            order: Order::Fresh,
            in_step_at: 0,
            connection,
            position: 0,
            behind: 0,
            since: due,
            in_flight: InFlight::default(),
            aside: None,
        }
    }

    /// It is open.
    pub(in crate::load) fn open(&mut self, shared: &mut Shared, now: u64) {
        shared.counters.connecting.record(now.saturating_sub(self.since));
        shared.phases.open(self.connection, now);
        shared.counters.opening -= 1;
        shared.counters.open += 1;
        shared.counters.established += 1;
        self.state = State::Open;
        self.since = now;
    }

    /// It never opened.
    pub(in crate::load) fn fail(&mut self, shared: &mut Shared, reason: EndReason) {
        self.state = State::Over;
        shared.phases.fail(self.connection);
        shared.counters.opening -= 1;
        shared.counters.failed += 1;
        shared.counters.error(reason);
    }

    /// It has passed a milestone on its way to be open.
    pub(in crate::load) fn pass(&self, shared: &mut Shared, milestone: Milestone, now: u64) {
        shared.phases.pass(self.connection, milestone, now);
    }

    /// Sends the next message; when it was to be sent.
    #[inline]
    pub(in crate::load) fn send(
        &mut self,
        shared: &mut Shared,
        now: u64,
        outbox: &mut Outbox<'_>,
    ) -> u64 {
        let number = self.in_flight.next_number();
        let message = shared.contents.message(self.stamp(number, now));
        outbox.send(shared.contents.kind(), &message.slices());
        self.in_flight.push(now);
        shared.counters.in_flight += 1;
        let intended = self.intended(shared, number, now);
        shared.recorder.sent(intended);
        intended
    }

    /// Sends a message that is due.
    pub(in crate::load) fn send_due(
        &mut self,
        shared: &mut Shared,
        now: u64,
        outbox: &mut Outbox<'_>,
    ) {
        let waited = self.behind > 0;
        self.behind -= u32::from(waited);
        shared.behind -= u64::from(waited);
        let intended = self.send(shared, now, outbox);
        let late = now.saturating_sub(intended);
        // What waited for the connection was not late because of us.
        if late >= LATE_NS_MIN && !waited && shared.recorder.is_in_window(intended) {
            shared.counters.late.record(late);
            shared.counters.late_sends += u64::from(late as f64 > LATE_US * 1e3);
        }
    }

    /// Of a closed loop: sends until as many messages are in flight as may be. Those whose echoes something
    /// stands in for do not count.
    pub(in crate::load) fn fill(&mut self, shared: &mut Shared, now: u64, outbox: &mut Outbox<'_>) {
        while shared.goes_on() && self.awaited() < shared.depth as usize {
            self.send(shared, now, outbox);
        }
    }

    fn awaited(&self) -> usize {
        let standing_in = self.aside.as_ref().map_or(0, |aside| aside.unknowns.standing_in());
        self.in_flight.len().saturating_sub(standing_in)
    }

    /// Says goodbye, and counts no more what becomes of the connection.
    pub(in crate::load) fn close(&mut self, shared: &mut Shared, outbox: &mut Outbox<'_>) {
        if self.state == State::Open {
            self.end(shared);
        }
        outbox.close(CloseCode::NORMAL);
    }

    /// Counts a connection that has ended without our doing.
    pub(in crate::load) fn lose(
        &mut self,
        shared: &mut Shared,
        by: EndedBy,
        how: EndReason,
        now: u64,
    ) {
        self.give_up_all(shared, now);
        self.end(shared);
        shared.counters.lost += 1;
        shared.recorder.error();
        *shared.counters.endings.entry(how.clone()).or_default() += 1;
        if shared.keeps_ledger {
            let seconds = |from: u64| now.saturating_sub(from) as f64 / 1e9;
            let connection = u64::from(self.connection - shared.first_connection);
            let (at_s, after_s) = (seconds(shared.began_at), seconds(self.since));
            let in_window_s = shared.recorder.since_start(now).map(|since| since as f64 / 1e9);
            shared.counters.ledger.push(Loss { connection, by, how, at_s, after_s, in_window_s });
        }
    }

    /// It is open no more; what was on its way on it will not come.
    fn end(&mut self, shared: &mut Shared) {
        shared.counters.in_flight -= self.in_flight.len() as u64;
        shared.counters.open -= 1;
        self.count_unsent(shared);
        self.release_all(shared);
        self.state = State::Over;
        self.in_flight = InFlight::default();
        self.aside = None;
    }

    /// Counts messages that are due and will never be sent.
    fn count_unsent(&mut self, shared: &mut Shared) {
        let behind = std::mem::take(&mut self.behind);
        shared.behind -= u64::from(behind);
        let next = self.in_flight.next_number();
        for number in next..next + u64::from(behind) {
            let due = self.intended(shared, number, 0);
            shared.recorder.unsent(due);
        }
    }

    #[inline]
    pub(in crate::load) fn stamp(&self, number: u64, time: u64) -> Stamp {
        Stamp { number, connection: self.connection, time }
    }

    /// When a message was to be sent: in a closed loop, when it was.
    #[inline]
    pub(in crate::load) fn intended(&self, shared: &Shared, number: u64, sent: u64) -> u64 {
        match &shared.schedule {
            Some(schedule) => schedule.intended(self.position as usize, number),
            None => sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_less_here_than_in_its_reactor() {
        assert!(size_of::<Connection>() <= 88, "{}", size_of::<Connection>());
    }
}

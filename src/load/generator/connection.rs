//! One connection of a load generator, and the state and counters that all connections share.

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

/// A message is late if it was sent more than this after it was due: 1,000 µs. Timers and the
/// scheduler of an unloaded machine stay below.
pub(in crate::load) const LATE_US: f64 = 1_000.0;

/// Messages that are sent less than this after they were due are not late: 50 µs. Timers stay
/// below.
const LATE_NS_MIN: u64 = 50_000;

/// The state that the connections of a generator share.
#[derive(Debug)]
pub(in crate::load) struct Shared {
    pub(in crate::load) framing: Framing,
    pub(in crate::load) contents: Contents,
    /// Whether an echo is compared with what was sent.
    pub(in crate::load) verify: bool,
    pub(in crate::load) keeps_ledger: bool,
    /// The number of this process's first connection in the whole run.
    pub(in crate::load) first_connection: u32,
    /// The schedule of an open loop that has begun.
    pub(in crate::load) schedule: Option<Schedule>,
    /// The number of messages that may be sent in the window.
    pub(in crate::load) allowance: u64,
    /// The number of messages that are due and not sent because their connections are blocked.
    pub(in crate::load) behind: u64,
    /// Whether the next message follows an echo.
    pub(in crate::load) is_sending: bool,
    pub(in crate::load) recorder: Recorder,
    pub(in crate::load) counters: Counters,
    /// How long the steps of connecting take.
    pub(in crate::load) phases: Phases,
    /// In a closed loop, the number of messages in flight per connection; otherwise 0.
    pub(in crate::load) depth: u32,
    /// How long to wait for an echo after an unknown message before the next message is sent, in
    /// ns.
    pub(in crate::load) patience: u64,
    /// The number of echoes that other bytes preceded in a stream.
    pub(in crate::load) prefixed: u64,
    /// Messages that were given up, by connection and number, and whether they counted: an echo of
    /// one is late, and not a duplicate.
    pub(in crate::load) given_up: HashMap<(u32, u64), bool>,
    /// When the first attempt to connect was made.
    pub(in crate::load) began_at: u64,
    /// Whether any message ever arrived.
    pub(in crate::load) has_received: bool,
}

/// Counts of connections, and of their errors.
#[derive(Debug, Default)]
pub(in crate::load) struct Counters {
    /// Connections that are being opened.
    pub(in crate::load) opening: usize,
    /// Open connections.
    pub(in crate::load) open: usize,
    pub(in crate::load) established: u64,
    pub(in crate::load) failed: u64,
    pub(in crate::load) lost: u64,
    /// Messages in flight.
    pub(in crate::load) in_flight: u64,
    pub(in crate::load) late_sends: u64,
    /// The send delays of messages whose connections were not blocked, from [`LATE_NS_MIN`] on.
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
    /// The last interval in which nothing was in flight, if responses are matched by their order.
    pub(in crate::load) in_step_at: u16,
    /// Its number in the whole run.
    pub(in crate::load) connection: u32,
    /// Its position in the schedule.
    pub(in crate::load) position: u32,
    /// The number of messages that are due and not sent because the connection is blocked.
    pub(in crate::load) behind: u32,
    /// When connecting was due; once it is open, when it opened.
    since: u64,
    pub(in crate::load) in_flight: InFlight,
    /// Unfinished or unknown input.
    pub(in crate::load) aside: Option<Box<Aside>>,
}

/// Whether responses that are the same for every message can be matched to their messages by their
/// order.
///
/// The nth response belongs to the nth message while no response is lost. A loss is noticed late,
/// or never: each later response is taken for that of an older message, and seems slow. So once a
/// message has no response, all times since nothing was in flight are discarded, and none is
/// recorded until nothing is in flight again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Order {
    /// No response has arrived since nothing was in flight.
    Fresh,
    /// Some responses have arrived since.
    Going,
    /// A message was lost.
    Lost,
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum State {
    Opening,
    Open,
    /// We are closing it, or it has ended.
    Over,
}

impl Shared {
    /// Whether all allowed messages of the window were sent.
    pub(in crate::load) fn is_spent(&self) -> bool {
        self.recorder.sent_total() >= self.allowance
    }

    /// Whether all allowed messages of the window were sent or are due.
    pub(in crate::load) fn is_all_due(&self) -> bool {
        self.recorder.sent_total() + self.behind >= self.allowance
    }

    /// Whether a response is matched to its message by its content, not by its order.
    #[inline]
    pub(in crate::load) fn is_attributed(&self) -> bool {
        self.verify && self.contents.is_stamped()
    }

    /// Whether a closed loop continues to send.
    #[inline]
    pub(in crate::load) fn may_continue(&self) -> bool {
        self.is_sending && self.schedule.is_none() && !self.is_spent()
    }
}

impl Counters {
    /// Counts an error by its reason.
    pub(in crate::load) fn error(&mut self, reason: EndReason) {
        *self.errors.entry(reason).or_default() += 1;
    }
}

impl Connection {
    /// Begins a connection.
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

    /// Records that the connection is open.
    pub(in crate::load) fn open(&mut self, shared: &mut Shared, now: u64) {
        shared.counters.connecting.record(now.saturating_sub(self.since));
        shared.phases.open(self.connection, now);
        shared.counters.opening -= 1;
        shared.counters.open += 1;
        shared.counters.established += 1;
        self.state = State::Open;
        self.since = now;
    }

    /// Records that the connection never opened.
    pub(in crate::load) fn fail(&mut self, shared: &mut Shared, reason: EndReason) {
        self.state = State::Over;
        shared.phases.fail(self.connection);
        shared.counters.opening -= 1;
        shared.counters.failed += 1;
        shared.counters.error(reason);
    }

    /// Records a milestone of a connection that is being opened.
    pub(in crate::load) fn pass(&self, shared: &mut Shared, milestone: Milestone, now: u64) {
        shared.phases.pass(self.connection, milestone, now);
    }

    /// Sends the next message. Returns when it was due.
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
        // A message that waited for its connection is not late because of us.
        if late >= LATE_NS_MIN && !waited && shared.recorder.is_in_window(intended) {
            shared.counters.late.record(late);
            shared.counters.late_sends += u64::from(late as f64 > LATE_US * 1e3);
        }
    }

    /// In a closed loop, sends until the depth is reached. Messages whose echoes have a stand-in do
    /// not count as in flight.
    pub(in crate::load) fn fill(&mut self, shared: &mut Shared, now: u64, outbox: &mut Outbox<'_>) {
        while shared.may_continue() && self.awaited() < shared.depth as usize {
            self.send(shared, now, outbox);
        }
    }

    fn awaited(&self) -> usize {
        let standing_in = self.aside.as_ref().map_or(0, |aside| aside.unknowns.standing_in());
        self.in_flight.len().saturating_sub(standing_in)
    }

    /// Closes the connection, and ignores what becomes of it.
    pub(in crate::load) fn close(&mut self, shared: &mut Shared, outbox: &mut Outbox<'_>) {
        if self.state == State::Open {
            self.end(shared);
        }
        outbox.close(CloseCode::NORMAL);
    }

    /// Counts a connection that we did not close, and that has ended.
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

    /// Ends the connection; the messages in flight on it will have no echo.
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

    /// When a message was due: in a closed loop, when it was sent.
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
    fn a_connection_is_smaller_here_than_in_its_reactor() {
        assert!(size_of::<Connection>() <= 88, "{}", size_of::<Connection>());
    }
}

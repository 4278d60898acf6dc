//! One connection of a load generator, and the desk where all of them are counted.

use super::arrival::{Arrival, Echo, Sender, judge};
use super::content::{Contents, Stamp};
use super::flights::Flights;
use super::latency::Histogram;
use super::outcome::{EndedBy, Loss};
use super::phases::Phases;
use super::recorder::{Fault, Recorder};
use super::schedule::Schedule;
use crate::proto::{CloseCode, End, Framing, Message, Outbox};
use crate::service::Milestone;
use std::collections::{BTreeMap, HashSet};

/// A message is late if it was sent so long after it was to be sent: 1,000 µs. Timers and the scheduler
/// of an unloaded machine keep below.
pub(super) const LATE_US: f64 = 1_000.0;

/// Messages that are sent less than this after they were due are not late: 50 µs. Timers keep below.
const LATE_NS_MIN: u64 = 50_000;

/// What the connections of a generator share.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) framing: Framing,
    pub(super) contents: Contents,
    /// Whether an echo is compared with what was sent.
    pub(super) verify: bool,
    pub(super) keeps_ledger: bool,
    /// The number, in the whole run, of the first connection.
    pub(super) first_connection: u32,
    /// Of an open loop that has begun.
    pub(super) schedule: Option<Schedule>,
    /// Messages that may be sent in the window.
    pub(super) allowance: u64,
    /// Messages that are due and were not sent because their connections are blocked.
    pub(super) behind: u64,
    /// Whether an echo is followed by the next message.
    pub(super) is_sending: bool,
    pub(super) recorder: Recorder,
    pub(super) tally: Tally,
    /// How long the steps of connecting take.
    pub(super) phases: Phases,
    /// Messages that were given up, by connection and number: an echo of one is late, and not doubled.
    pub(super) given_up: HashSet<(u32, u64)>,
    /// When the first attempt to connect was made.
    pub(super) began_at: u64,
    /// Whether any message ever came.
    pub(super) has_heard: bool,
}

/// Counts of connections, and of what went wrong with them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Being connected.
    pub(super) opening: usize,
    /// Open.
    pub(super) open: usize,
    pub(super) established: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    /// Messages on their way.
    pub(super) on_their_way: u64,
    pub(super) late_sends: u64,
    /// How late messages were sent that their connections would have taken, from [`LATE_NS_MIN`] on.
    pub(super) late: Histogram,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) endings: BTreeMap<String, u64>,
    pub(super) ledger: Vec<Loss>,
    /// How long connecting took.
    pub(super) connecting: Histogram,
    /// How the last connection that failed, or was lost, ended.
    pub(super) last_end: Option<End>,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) state: State,
    /// Its number in the whole run.
    connection: u32,
    /// Its place in the schedule.
    pub(super) position: u32,
    /// Messages that are due and were not sent because the connection is blocked.
    pub(super) behind: u32,
    /// When connecting was due; once it is open, when it opened.
    since: u64,
    flights: Flights,
    arrival: Option<Box<Arrival>>,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Opening,
    Open,
    /// We are closing it, or it is gone.
    Over,
}

impl Desk {
    /// Whether all messages of the window were sent that may be.
    pub(super) fn is_spent(&self) -> bool {
        self.recorder.sent_total() >= self.allowance
    }

    /// Whether all messages of the window were sent, or are due, that may be.
    pub(super) fn is_all_due(&self) -> bool {
        self.recorder.sent_total() + self.behind >= self.allowance
    }

    /// Whether a closed loop goes on.
    #[inline]
    fn goes_on(&self) -> bool {
        self.is_sending && self.schedule.is_none() && !self.is_spent()
    }
}

impl Tally {
    /// Notes that something went wrong.
    pub(super) fn error(&mut self, reason: String) {
        *self.errors.entry(reason).or_default() += 1;
    }
}

impl Talk {
    /// A connection that is begun.
    pub(super) fn begin(desk: &mut Desk, connection: u32, due: u64, now: u64) -> Self {
        desk.tally.opening += 1;
        desk.phases.begin(connection, now);
        Self {
            state: State::Opening,
            connection,
            position: 0,
            behind: 0,
            since: due,
            flights: Flights::default(),
            arrival: None,
        }
    }

    /// It is open.
    pub(super) fn open(&mut self, desk: &mut Desk, now: u64) {
        desk.tally.connecting.record(now.saturating_sub(self.since));
        desk.phases.open(self.connection, now);
        desk.tally.opening -= 1;
        desk.tally.open += 1;
        desk.tally.established += 1;
        self.state = State::Open;
        self.since = now;
    }

    /// It never opened.
    pub(super) fn fail(&mut self, desk: &mut Desk, reason: String) {
        self.state = State::Over;
        desk.phases.fail(self.connection);
        desk.tally.opening -= 1;
        desk.tally.failed += 1;
        desk.tally.error(reason);
    }

    /// It has passed a milestone on its way to be open.
    pub(super) fn pass(&self, desk: &mut Desk, milestone: Milestone, now: u64) {
        desk.phases.pass(self.connection, milestone, now);
    }

    /// Takes a message, or a piece of one, and in a closed loop sends the next for each that it answers.
    #[inline]
    pub(super) fn on_message(
        &mut self,
        desk: &mut Desk,
        message: &Message<'_>,
        now: u64,
        outbox: &mut Outbox<'_>,
    ) {
        let answered = match desk.framing {
            Framing::Raw if desk.verify => self.receive_bytes(desk, message.payload, now),
            _ => u32::from(self.receive(desk, message, now)),
        };
        for _ in 0..answered {
            if desk.goes_on() {
                self.send(desk, now, outbox);
            }
        }
    }

    /// Sends the next message; when it was to be sent.
    #[inline]
    pub(super) fn send(&mut self, desk: &mut Desk, now: u64, outbox: &mut Outbox<'_>) -> u64 {
        let number = self.flights.next_number();
        let message = desk.contents.message(self.stamp(number, now));
        outbox.send(desk.contents.kind(), &message.slices());
        self.flights.depart(now);
        desk.tally.on_their_way += 1;
        let intended = self.intended(desk, number, now);
        desk.recorder.sent(intended);
        intended
    }

    /// Sends a message that is due.
    pub(super) fn send_due(&mut self, desk: &mut Desk, now: u64, outbox: &mut Outbox<'_>) {
        let waited = self.behind > 0;
        self.behind -= u32::from(waited);
        desk.behind -= u64::from(waited);
        let intended = self.send(desk, now, outbox);
        let late = now.saturating_sub(intended);
        // What waited for the connection was not late because of us.
        if late >= LATE_NS_MIN && !waited && desk.recorder.is_in_window(intended) {
            desk.tally.late.record(late);
            desk.tally.late_sends += u64::from(late as f64 > LATE_US * 1e3);
        }
    }

    /// Of a closed loop: sends until so many messages are on their way.
    pub(super) fn fill(&mut self, desk: &mut Desk, depth: u32, now: u64, outbox: &mut Outbox<'_>) {
        while desk.goes_on() && self.flights.len() < depth as usize {
            self.send(desk, now, outbox);
        }
    }

    /// Says goodbye, and counts no more what becomes of the connection.
    pub(super) fn leave(&mut self, desk: &mut Desk, outbox: &mut Outbox<'_>) {
        if self.state == State::Open {
            self.end(desk);
        }
        outbox.close(CloseCode::NORMAL);
    }

    /// Gives up what was sent before `deadline` and has no echo; whether there was any.
    pub(super) fn give_up_before(&mut self, desk: &mut Desk, deadline: u64) -> bool {
        let mut has_lost = false;
        while self.flights.oldest().is_some_and(|(_, sent)| sent < deadline) {
            has_lost = true;
            self.give_up_one(desk);
        }
        has_lost
    }

    /// Counts a connection that has ended without our doing.
    pub(super) fn lose(&mut self, desk: &mut Desk, by: EndedBy, how: String, now: u64) {
        while self.flights.oldest().is_some() {
            self.give_up_one(desk);
        }
        self.end(desk);
        desk.tally.lost += 1;
        desk.recorder.error();
        *desk.tally.endings.entry(how.clone()).or_default() += 1;
        if desk.keeps_ledger {
            let seconds = |from: u64| now.saturating_sub(from) as f64 / 1e9;
            let connection = u64::from(self.connection - desk.first_connection);
            let (at_s, after_s) = (seconds(desk.began_at), seconds(self.since));
            let in_window_s = desk.recorder.since_start(now).map(|since| since as f64 / 1e9);
            desk.tally.ledger.push(Loss { connection, by, how, at_s, after_s, in_window_s });
        }
    }

    fn give_up_one(&mut self, desk: &mut Desk) {
        let Some((number, sent)) = self.flights.give_up() else { return };
        desk.recorder.lost(self.intended(desk, number, sent));
        desk.given_up.insert((self.connection, number));
        desk.tally.on_their_way -= 1;
    }

    /// It is open no more; what was on its way on it will not come.
    fn end(&mut self, desk: &mut Desk) {
        desk.tally.on_their_way -= self.flights.len() as u64;
        desk.tally.open -= 1;
        self.state = State::Over;
        self.flights = Flights::default();
        self.arrival = None;
        desk.behind -= u64::from(std::mem::take(&mut self.behind));
    }

    #[inline]
    fn stamp(&self, number: u64, time: u64) -> Stamp {
        Stamp { number, connection: self.connection, time }
    }

    /// When a message was to be sent: in a closed loop, when it was.
    #[inline]
    fn intended(&self, desk: &Desk, number: u64, sent: u64) -> u64 {
        match &desk.schedule {
            Some(schedule) => schedule.intended(self.position as usize, number),
            None => sent,
        }
    }

    #[inline]
    fn sender<'a>(&'a self, desk: &'a Desk) -> Sender<'a> {
        let Self { flights, connection, .. } = self;
        Sender { contents: &desk.contents, flights, connection: *connection }
    }

    /// Takes a message, or a piece of one; whether it answered one of ours.
    #[inline]
    fn receive(&mut self, desk: &mut Desk, message: &Message<'_>, now: u64) -> bool {
        if !desk.verify {
            return message.ends && self.take_any(desk, message.payload.len(), now);
        }
        if message.is_whole() {
            let echo = judge(self.sender(desk), message.kind, message.payload);
            return self.take(desk, echo, message.payload.len(), now);
        }
        let arrival = self.arrival.take();
        let mut arrival = arrival.unwrap_or_else(|| Box::new(Arrival::new(message.kind)));
        arrival.take(self.sender(desk), message.payload);
        if !message.ends {
            self.arrival = Some(arrival);
            return false;
        }
        let bytes = arrival.bytes();
        let echo = arrival.end(&desk.contents);
        self.take(desk, echo, bytes, now)
    }

    /// Takes bytes that nothing divides into messages but the size that they were sent with; how many of
    /// ours they answered.
    fn receive_bytes(&mut self, desk: &mut Desk, mut bytes: &[u8], now: u64) -> u32 {
        let (whole, kind) = (desk.contents.bytes(), desk.contents.kind());
        let mut answered = 0;
        while !bytes.is_empty() {
            let arrival = self.arrival.take();
            let there = arrival.as_ref().map_or(0, |arrival| arrival.bytes());
            let (piece, rest) = bytes.split_at(bytes.len().min(whole - there));
            bytes = rest;
            if piece.len() == whole {
                let echo = judge(self.sender(desk), kind, piece);
                answered += u32::from(self.take(desk, echo, whole, now));
                continue;
            }
            let mut arrival = arrival.unwrap_or_else(|| Box::new(Arrival::new(kind)));
            arrival.take(self.sender(desk), piece);
            if arrival.bytes() < whole {
                self.arrival = Some(arrival);
                continue;
            }
            let echo = arrival.end(&desk.contents);
            answered += u32::from(self.take(desk, echo, whole, now));
        }
        answered
    }

    /// Takes what came for the answer to the oldest, whatever it is.
    fn take_any(&mut self, desk: &mut Desk, bytes: usize, now: u64) -> bool {
        desk.recorder.arrived(now, bytes);
        self.flights.oldest().is_some_and(|(number, _)| self.land(desk, number, now))
    }

    /// Counts an echo; whether it answered one of our messages.
    #[inline]
    fn take(&mut self, desk: &mut Desk, echo: Echo, bytes: usize, now: u64) -> bool {
        desk.recorder.arrived(now, bytes);
        match echo {
            Echo::Intact(number) => self.land(desk, number, now),
            _ => self.take_faulty(desk, echo, now),
        }
    }

    #[inline(never)]
    fn take_faulty(&mut self, desk: &mut Desk, echo: Echo, now: u64) -> bool {
        match echo {
            Echo::Intact(number) => self.land(desk, number, now),
            Echo::OpcodeChanged(number) => {
                let sent = self.flights.sent(number).unwrap_or(now);
                desk.recorder.fault(Fault::OpcodeChanged, self.intended(desk, number, sent));
                self.land(desk, number, now)
            }
            Echo::Corrupted(number) => {
                // What cannot be recognized is taken for the echo of the oldest.
                let oldest = self.flights.oldest().map(|(number, _)| number);
                match number.or(oldest) {
                    Some(number) => self.land_broken(desk, number),
                    None => {
                        desk.recorder.fault(Fault::Corrupted, now);
                        false
                    }
                }
            }
            Echo::Past(number) => {
                if desk.given_up.remove(&(self.connection, number)) {
                    desk.tally.error("echo after the timeout".into());
                } else {
                    desk.recorder.fault(Fault::Duplicated, now);
                }
                false
            }
        }
    }

    #[inline]
    fn land(&mut self, desk: &mut Desk, number: u64, now: u64) -> bool {
        let Some(landed) = self.flights.land(number) else { return false };
        desk.tally.on_their_way -= 1;
        let intended = self.intended(desk, number, landed.sent);
        desk.recorder.echoed(intended, landed.sent, now);
        if landed.is_reordered {
            desk.recorder.fault(Fault::Reordered, intended);
        }
        true
    }

    fn land_broken(&mut self, desk: &mut Desk, number: u64) -> bool {
        let Some(landed) = self.flights.land(number) else { return false };
        desk.tally.on_their_way -= 1;
        let intended = self.intended(desk, number, landed.sent);
        desk.recorder.answered_wrongly(intended);
        desk.recorder.fault(Fault::Corrupted, intended);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_takes_less_here_than_in_its_reactor() {
        assert!(size_of::<Talk>() <= 88, "{}", size_of::<Talk>());
    }
}

//! The service of a load generator: it sends messages, knows their echoes, and counts.

use super::arrival::{Arrival, Echo, Sender, judge};
use super::content::{Contents, Stamp};
use super::ending::{SILENCE, ending, failure};
use super::flights::Flights;
use super::latency::Histogram;
use super::outcome::{EndedBy, Loss};
use super::plan::{Pace, Plan, WindowEnd};
use super::recorder::{Fault, Record, Recorder};
use super::schedule::Schedule;
use super::verdict::LATE_US;
use crate::proto::{CloseCode, End, Framing, Message, Outbox};
use crate::service::{Context, Service};
use std::collections::{BTreeMap, HashSet};

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Generator {
    framing: Framing,
    contents: Contents,
    verify: bool,
    keeps_ledger: bool,
    first_connection: u32,
    /// Of each attempt to connect, in their order: what is known of it.
    talks: Vec<Talk>,
    /// Of an open loop that has begun.
    schedule: Option<Schedule>,
    /// Messages that may be sent in the window.
    allowance: u64,
    /// Messages that are due and were not sent because their connections are blocked.
    behind: u64,
    /// Whether an echo is followed by the next message.
    is_sending: bool,
    pub(super) recorder: Recorder,
    pub(super) tally: Tally,
    /// Messages that were given up: an echo of one is late, and not doubled.
    given_up: HashSet<(usize, u64)>,
    /// When the first attempt to connect was made.
    began_at: u64,
    /// Whether any message ever came.
    has_heard: bool,
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
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) endings: BTreeMap<String, u64>,
    pub(super) ledger: Vec<Loss>,
    /// How long connecting took.
    pub(super) connecting: Histogram,
    /// How the last connection that failed, or was lost, ended.
    pub(super) last_end: Option<End>,
}

/// One connection.
#[derive(Debug)]
struct Talk {
    state: State,
    /// When connecting began; once it is open, when it opened.
    since: u64,
    /// Its place in the schedule.
    position: u32,
    /// Messages that are due and were not sent because the connection is blocked.
    behind: u32,
    flights: Flights,
    arrival: Option<Box<Arrival>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    /// We are closing it, or it is gone.
    Over,
}

impl Generator {
    pub(super) fn new(plan: &Plan, framing: Framing) -> Self {
        let allowance = match plan.end {
            WindowEnd::Messages(messages) => messages,
            WindowEnd::Time(_) => u64::MAX,
        };
        Self {
            framing,
            contents: Contents::new(&plan.content, framing),
            verify: plan.verify,
            keeps_ledger: plan.keeps_ledger,
            first_connection: plan.first_connection,
            talks: Vec::new(),
            schedule: None,
            allowance,
            behind: 0,
            is_sending: false,
            recorder: Recorder::new(matches!(plan.pace, Pace::Open { .. })),
            tally: Tally::default(),
            given_up: HashSet::new(),
            began_at: 0,
            has_heard: false,
        }
    }

    /// Bytes of a message.
    pub(super) fn message_bytes(&self) -> usize {
        self.contents.bytes()
    }

    /// A connection is begun.
    pub(super) fn begin(&mut self, now: u64) {
        if self.talks.is_empty() {
            self.began_at = now;
        }
        self.tally.opening += 1;
        self.talks.push(Talk {
            state: State::Opening,
            since: now,
            position: 0,
            behind: 0,
            flights: Flights::default(),
            arrival: None,
        });
    }

    /// The connection that was begun last could not be, for this reason. Whether it was one for a moment: what
    /// cannot be registered has ended already.
    pub(super) fn could_not_begin(&mut self, reason: &str) -> bool {
        let was_one = self.talks.last().is_some_and(|talk| talk.state != State::Opening);
        if !was_one {
            self.talks.pop();
            self.tally.opening -= 1;
            self.tally.failed += 1;
            self.tally.error(reason.to_owned());
        }
        was_one
    }

    /// So many connections are not even tried, for this reason.
    pub(super) fn give_up_connecting(&mut self, count: u64, reason: String) {
        self.tally.failed += count;
        *self.tally.errors.entry(reason).or_default() += count;
    }

    /// Forgets the failures so far: the next place that the name stands for is tried.
    pub(super) fn forget_failures(&mut self) {
        self.tally.failed = 0;
        self.tally.errors.clear();
    }

    /// Lets the open connections take turns from now on; their indices in the order of their turns.
    pub(super) fn take_places(&mut self, start: u64, pace: Pace) -> Vec<usize> {
        let open = self.talks.iter_mut().enumerate().filter(|(_, talk)| talk.state == State::Open);
        let mut places = Vec::new();
        for (index, talk) in open {
            talk.position = places.len() as u32;
            places.push(index);
        }
        if let Pace::Open { rate } = pace {
            self.schedule = Some(Schedule::new(start, rate, places.len() as u32));
        }
        self.is_sending = true;
        places
    }

    /// Sends nothing more than what is due already.
    pub(super) fn stop_sending(&mut self) {
        self.is_sending = false;
    }

    /// Whether all messages of the window were sent that may be.
    pub(super) fn is_spent(&self) -> bool {
        self.recorder.sent_total() >= self.allowance
    }

    /// Whether all messages of the window were sent, or are due, that may be.
    pub(super) fn is_all_due(&self) -> bool {
        self.recorder.sent_total() + self.behind >= self.allowance
    }

    pub(super) fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// Whether any message ever came.
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard
    }

    pub(super) fn is_open(&self, index: usize) -> bool {
        self.talks[index].state == State::Open
    }

    /// A message of this connection is due, and cannot be sent now; whether it is the first such one.
    pub(super) fn fall_behind(&mut self, index: usize) -> bool {
        self.behind += 1;
        self.talks[index].behind += 1;
        self.talks[index].behind == 1
    }

    /// Messages of this connection that are due.
    pub(super) fn behind(&self, index: usize) -> u32 {
        self.talks[index].behind
    }

    /// Sends a message that is due; whether it is late because of us says the caller.
    pub(super) fn send_due(&mut self, index: usize, now: u64, outbox: &mut Outbox<'_>) {
        let talk = &mut self.talks[index];
        let waited = talk.behind > 0;
        talk.behind -= u32::from(waited);
        self.behind -= u64::from(waited);
        let intended = self.send(index, now, outbox);
        let is_late = (now - intended.min(now)) as f64 > LATE_US * 1e3;
        if is_late && !waited && self.recorder.is_in_window(intended) {
            self.tally.late_sends += 1;
        }
    }

    /// Of a closed loop: sends until so many messages are on their way.
    pub(super) fn fill(&mut self, index: usize, depth: u32, now: u64, outbox: &mut Outbox<'_>) {
        while self.is_sending
            && !self.is_spent()
            && self.talks[index].flights.len() < depth as usize
        {
            self.send(index, now, outbox);
        }
    }

    /// Gives up what was sent before `deadline` and has no echo; the connections that have lost something.
    pub(super) fn give_up_before(&mut self, deadline: u64, now: u64) -> Vec<usize> {
        let mut losers = Vec::new();
        for index in 0..self.talks.len() {
            let talk = &mut self.talks[index];
            let is_overdue =
                |talk: &Talk| talk.flights.oldest().is_some_and(|(_, sent)| sent < deadline);
            if talk.state != State::Open || !is_overdue(talk) {
                continue;
            }
            while is_overdue(&self.talks[index]) {
                self.give_up_one(index);
            }
            if self.keeps_ledger {
                self.lose(index, EndedBy::Network, SILENCE.into(), now);
            }
            losers.push(index);
        }
        losers
    }

    /// Says goodbye, and counts no more what becomes of the connection.
    pub(super) fn leave(&mut self, index: usize, outbox: &mut Outbox<'_>) {
        if self.talks[index].state == State::Open {
            self.end_talk(index);
        }
        outbox.close(CloseCode::NORMAL);
    }

    /// What was counted.
    pub(super) fn take_record(&mut self) -> Record {
        let is_open_loop = self.schedule.is_some();
        std::mem::replace(&mut self.recorder, Recorder::new(is_open_loop)).finish()
    }

    /// Messages that are due and were never sent.
    pub(super) fn unsent(&self) -> u64 {
        self.behind
    }

    fn give_up_one(&mut self, index: usize) {
        let Some((number, sent)) = self.talks[index].flights.give_up() else { return };
        let intended = self.intended(index, number, sent);
        self.recorder.lost(intended);
        self.given_up.insert((index, number));
        self.tally.on_their_way -= 1;
    }

    /// Sends the next message of a connection; when it was to be sent.
    #[inline]
    fn send(&mut self, index: usize, now: u64, outbox: &mut Outbox<'_>) -> u64 {
        let number = self.talks[index].flights.next_number();
        let connection = self.connection(index);
        let message = self.contents.message(Stamp { number, connection, time: now });
        outbox.send(self.contents.kind(), &message.slices());
        self.talks[index].flights.depart(now);
        self.tally.on_their_way += 1;
        let intended = self.intended(index, number, now);
        self.recorder.sent(intended);
        intended
    }

    /// When a message was to be sent: in a closed loop, when it was.
    #[inline]
    fn intended(&self, index: usize, number: u64, sent: u64) -> u64 {
        match &self.schedule {
            Some(schedule) => schedule.intended(self.talks[index].position as usize, number),
            None => sent,
        }
    }

    /// The number of a connection in the whole run.
    fn connection(&self, index: usize) -> u32 {
        self.first_connection + index as u32
    }

    fn sender(&self, index: usize) -> Sender<'_> {
        let connection = self.connection(index);
        Sender { contents: &self.contents, flights: &self.talks[index].flights, connection }
    }

    /// Takes a message, or a piece of one; whether it answered one of ours.
    #[inline]
    fn receive(&mut self, index: usize, message: &Message<'_>, now: u64) -> bool {
        if !self.verify {
            return message.ends && self.take_any(index, message.payload.len(), now);
        }
        if message.is_whole() {
            let echo = judge(self.sender(index), message.kind, message.payload);
            return self.take(index, echo, message.payload.len(), now);
        }
        let arrival = self.talks[index].arrival.take();
        let mut arrival = arrival.unwrap_or_else(|| Box::new(Arrival::new(message.kind)));
        arrival.take(self.sender(index), message.payload);
        if !message.ends {
            self.talks[index].arrival = Some(arrival);
            return false;
        }
        let bytes = arrival.bytes();
        let echo = arrival.end(&self.contents);
        self.take(index, echo, bytes, now)
    }

    /// Takes bytes that nothing divides into messages but the size that they were sent with; how many of
    /// ours they answered.
    fn receive_bytes(&mut self, index: usize, mut bytes: &[u8], now: u64) -> u32 {
        let whole = self.contents.bytes();
        let mut answered = 0;
        while !bytes.is_empty() {
            let arrival = self.talks[index].arrival.take();
            let there = arrival.as_ref().map_or(0, |arrival| arrival.bytes());
            let (piece, rest) = bytes.split_at(bytes.len().min(whole - there));
            bytes = rest;
            if there == 0 && piece.len() == whole {
                let echo = judge(self.sender(index), self.contents.kind(), piece);
                answered += u32::from(self.take(index, echo, whole, now));
                continue;
            }
            let kind = self.contents.kind();
            let mut arrival = arrival.unwrap_or_else(|| Box::new(Arrival::new(kind)));
            arrival.take(self.sender(index), piece);
            if arrival.bytes() < whole {
                self.talks[index].arrival = Some(arrival);
                continue;
            }
            let echo = arrival.end(&self.contents);
            answered += u32::from(self.take(index, echo, whole, now));
        }
        answered
    }

    /// Takes what came for the answer to the oldest, whatever it is.
    fn take_any(&mut self, index: usize, bytes: usize, now: u64) -> bool {
        self.recorder.arrived(now, bytes);
        let oldest = self.talks[index].flights.oldest();
        oldest.is_some_and(|(number, _)| self.land(index, number, now))
    }

    /// Counts an echo; whether it answered one of our messages.
    #[inline]
    fn take(&mut self, index: usize, echo: Echo, bytes: usize, now: u64) -> bool {
        self.recorder.arrived(now, bytes);
        match echo {
            Echo::Intact(number) => self.land(index, number, now),
            Echo::OpcodeChanged(number) => {
                let sent = self.talks[index].flights.sent(number).unwrap_or(now);
                self.recorder.fault(Fault::OpcodeChanged, self.intended(index, number, sent));
                self.land(index, number, now)
            }
            Echo::Corrupted(number) => {
                // What cannot be recognized is taken for the echo of the oldest.
                let oldest = self.talks[index].flights.oldest().map(|(number, _)| number);
                match number.or(oldest) {
                    Some(number) => self.land_broken(index, number),
                    None => {
                        self.recorder.fault(Fault::Corrupted, now);
                        false
                    }
                }
            }
            Echo::Past(number) => {
                if self.given_up.remove(&(index, number)) {
                    self.tally.error("echo after the timeout".into());
                } else {
                    self.recorder.fault(Fault::Duplicated, now);
                }
                false
            }
        }
    }

    #[inline]
    fn land(&mut self, index: usize, number: u64, now: u64) -> bool {
        let Some(landed) = self.talks[index].flights.land(number) else { return false };
        self.tally.on_their_way -= 1;
        let intended = self.intended(index, number, landed.sent);
        self.recorder.echoed(intended, landed.sent, now);
        if landed.is_reordered {
            self.recorder.fault(Fault::Reordered, intended);
        }
        true
    }

    fn land_broken(&mut self, index: usize, number: u64) -> bool {
        let Some(landed) = self.talks[index].flights.land(number) else { return false };
        self.tally.on_their_way -= 1;
        let intended = self.intended(index, number, landed.sent);
        self.recorder.answered_wrongly(intended);
        self.recorder.fault(Fault::Corrupted, intended);
        true
    }

    /// Counts a connection that has ended without our doing.
    fn lose(&mut self, index: usize, by: EndedBy, how: String, now: u64) {
        let opened_at = self.talks[index].since;
        while self.talks[index].flights.oldest().is_some() {
            self.give_up_one(index);
        }
        self.end_talk(index);
        self.tally.lost += 1;
        self.recorder.error();
        *self.tally.endings.entry(how.clone()).or_default() += 1;
        if self.keeps_ledger {
            let seconds = |from: u64| now.saturating_sub(from) as f64 / 1e9;
            let connection = index as u64;
            let (at_s, after_s) = (seconds(self.began_at), seconds(opened_at));
            self.tally.ledger.push(Loss { connection, by, how, at_s, after_s });
        }
    }

    /// A connection is open no more; what was on its way on it will not come.
    fn end_talk(&mut self, index: usize) {
        self.tally.on_their_way -= self.talks[index].flights.len() as u64;
        let talk = &mut self.talks[index];
        talk.state = State::Over;
        talk.flights = Flights::default();
        talk.arrival = None;
        self.behind -= u64::from(std::mem::take(&mut talk.behind));
        self.tally.open -= 1;
    }
}

impl Tally {
    /// Notes that something went wrong.
    pub(super) fn error(&mut self, reason: String) {
        *self.errors.entry(reason).or_default() += 1;
    }
}

impl Service for Generator {
    fn wants_whole_messages(&self) -> bool {
        false
    }

    fn wants_time(&self) -> bool {
        true
    }

    fn reads_while_blocked(&self) -> bool {
        true
    }

    fn on_open(&mut self, context: &Context, _outbox: &mut Outbox<'_>) {
        let talk = &mut self.talks[index(context)];
        self.tally.connecting.record(context.now.saturating_sub(talk.since));
        talk.state = State::Open;
        talk.since = context.now;
        self.tally.opening -= 1;
        self.tally.open += 1;
        self.tally.established += 1;
    }

    #[inline]
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        let index = index(context);
        if self.talks[index].state != State::Open {
            return;
        }
        self.has_heard = true;
        let answered = match self.framing {
            Framing::Raw if self.verify => self.receive_bytes(index, message.payload, context.now),
            _ => u32::from(self.receive(index, &message, context.now)),
        };
        for _ in 0..answered {
            if self.is_sending && self.schedule.is_none() && !self.is_spent() {
                self.send(index, context.now, outbox);
            }
        }
    }

    fn on_close(&mut self, context: &Context, end: End) {
        let index = index(context);
        match self.talks[index].state {
            State::Opening => {
                self.talks[index].state = State::Over;
                self.tally.opening -= 1;
                self.tally.failed += 1;
                self.tally.error(failure(end));
                self.tally.last_end = Some(end);
            }
            State::Open => {
                let (by, how) = ending(end, self.framing == Framing::WebSocket);
                self.lose(index, by, how, context.now);
                self.tally.last_end = Some(end);
            }
            State::Over => {}
        }
    }
}

/// Where a connection stands among the attempts: they are counted from 1.
fn index(context: &Context) -> usize {
    (context.connection - 1) as usize
}

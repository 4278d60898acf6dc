//! What the counters of a run must be, from the world's books. A counter that the order of events
//! decides within microseconds has bounds.

use crate::books::{Fate, Received, Sent, What};
use crate::plan::{Ending, Fault, MICROSECOND, MILLISECOND};
use crate::world::World;
use halloo::load::plan::Pace;
use halloo::proto::Framing;

/// How often the load generator looks for echoes that take too long, at least.
const LOOK: u64 = 100 * MILLISECOND;

/// What a turn of the load generator takes at most, undisturbed.
const TURN: u64 = 400 * MICROSECOND;

/// From the least to the most that a counter may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Bounds {
    fn add(&mut self, is_sure: bool) {
        self.least += u64::from(is_sure);
        self.most += 1;
    }

    pub(crate) fn is_exact(self) -> bool {
        self.least == self.most
    }

    fn widen(&mut self, other: Self) {
        self.most += other.most;
        self.least = 0;
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: Bounds,
    /// Responses of any kind.
    pub(crate) received: Bounds,
    pub(crate) lost: Bounds,
    pub(crate) late: Bounds,
    pub(crate) corrupted: Bounds,
    pub(crate) opcode_changed: Bounds,
    pub(crate) reordered: Bounds,
    pub(crate) duplicated: Bounds,
    pub(crate) misdelivered: Bounds,
    pub(crate) unasked: Bounds,
    /// Messages that were due in the window, in an open loop.
    pub(crate) due: Option<u64>,
    /// What a response to each message of the window took, in ns: from when it was due to when the
    /// load generator had it, to when it could have had it, and from when it was written to then.
    /// `u64::MAX` for those lost.
    pub(crate) took: Vec<Took>,
    /// Messages that may belong to the window or not.
    pub(crate) unsure: usize,
}

impl Counts {
    /// These messages were sent and never received: they are lost.
    pub(crate) fn add_unreceived(&mut self, count: u64) {
        self.took.extend((0..count).map(|_| LOST));
    }
}

/// See [`Counts::took`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) taken: u64,
    pub(crate) readable: u64,
    pub(crate) from_write: u64,
}

const LOST: Took = Took { taken: u64::MAX, readable: u64::MAX, from_write: u64::MAX };

/// Whether a message belongs to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Inside,
    Unsure,
    Outside,
}

/// Whether an echo came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Punctuality {
    InTime,
    Unsure,
    Late,
    Never,
}

impl World {
    /// When a message was due: of an open loop from the schedule alone.
    fn due(&self, message: &Received, places: &[Option<u64>]) -> u64 {
        let Pace::Open { rate } = self.scenario.pace else { return message.written };
        let count = places.iter().flatten().count() as u64;
        let place = places[message.link].unwrap_or_default();
        self.due_at(rate, place + message.number * count)
    }

    fn due_at(&self, rate: f64, nth: u64) -> u64 {
        self.books.load_start + (nth as f64 * (1e9 / rate)) as u64
    }

    /// The places of links in the schedule: those that were open when the load began, in order.
    fn places(&self) -> Vec<Option<u64>> {
        let mut next = 0;
        let opened = self.links.iter().map(|link| link.is_open);
        opened
            .map(|is_open| {
                let place = is_open.then_some(next);
                next += u64::from(is_open);
                place
            })
            .collect()
    }

    fn membership(&self, due: u64, end: u64) -> Membership {
        let start = self.books.window_start;
        let slack = match self.scenario.pace {
            Pace::Open { .. } => 0,
            _ => TURN + self.stalls.longest,
        };
        // A closed loop has decided to send a moment before the kernel gets the message.
        match due {
            _ if due < start => Membership::Outside,
            _ if due < start + slack && self.scenario.warm_up > 0 => Membership::Unsure,
            _ if due < end => Membership::Inside,
            _ if due < end + slack => Membership::Unsure,
            _ => Membership::Outside,
        }
    }

    fn punctuality(&self, message: &Received) -> Punctuality {
        let Some(sent) = message.response.map(|index| self.books.sent[index]) else {
            return Punctuality::Never;
        };
        let timeout = self.scenario.reply_timeout;
        let slack = LOOK + timeout / 40 + self.stalls.longest + TURN;
        match sent.taken.saturating_sub(message.written) {
            _ if sent.taken == 0 => Punctuality::Never,
            _ if sent.taken >= self.links[sent.link].ended_by_client => match message.fate {
                // The first wrong byte decides, and the rest may come later.
                Fate::Corrupted => Punctuality::Unsure,
                _ => Punctuality::Never,
            },
            took if took + TURN + self.stalls.longest <= timeout => Punctuality::InTime,
            took if took <= timeout + slack => Punctuality::Unsure,
            _ => Punctuality::Late,
        }
    }

    /// Whether unknown messages and missing echoes come together, so that one may pass for the
    /// other.
    pub(crate) fn is_muddled(&self) -> bool {
        let has_unknown = self.scenario.has(|fault| {
            matches!(
                fault,
                Fault::Push { .. }
                    | Fault::Duplicate { .. }
                    | Fault::Greeting
                    | Fault::WrongResponse { .. }
                    | Fault::Misdeliver { .. }
            )
        });
        let has_missing = self.scenario.has(|fault| {
            matches!(
                fault,
                Fault::Drop { .. }
                    | Fault::Late { .. }
                    | Fault::End { .. }
                    | Fault::WrongResponse { .. }
                    | Fault::Misdeliver { .. }
            )
        });
        let is_alone =
            self.scenario.faults.iter().filter(|fault| is_about_messages(fault)).count() < 2;
        // In a raw stream, foreign bytes may belong to the echo after them, unless nothing has
        // been sent.
        let is_ambiguous = |sent: &Sent| {
            sent.what == What::Unasked && (sent.taken == 0 || sent.taken >= self.books.load_start)
        };
        let is_raw = self.scenario.framing == Framing::Raw
            && (self.scenario.has(|it| matches!(it, Fault::WrongResponse { .. }))
                || self.books.sent.iter().any(is_ambiguous));
        is_raw || (has_unknown && has_missing && !is_alone)
    }

    /// What the counters must be, for a window that ended at this time.
    pub(crate) fn counts(&self, end: u64) -> Counts {
        let mut counts = Counts::default();
        let places = self.places();
        for message in &self.books.received {
            let due = self.due(message, &places);
            match self.membership(due, end) {
                Membership::Outside => {}
                membership => {
                    self.count(&mut counts, message, due, membership == Membership::Inside);
                }
            }
        }
        self.count_reordered(&mut counts, end, &places);
        self.count_unasked(&mut counts);
        if let Pace::Open { rate } = self.scenario.pace {
            let inside = |&nth: &u64| {
                let due = self.due_at(rate, nth);
                self.membership(due, end) == Membership::Inside
            };
            let most = (end - self.books.load_start) as f64 / 1e9 * rate + 2.0;
            let due = (0..most as u64).filter(inside).count() as u64;
            counts.due = Some(due);
            // What could not be sent took longer than anything.
            let missing = due.saturating_sub(counts.sent.most);
            counts.add_unreceived(missing);
        }
        if self.is_muddled() {
            let (lost, corrupted) = (counts.lost, counts.corrupted);
            counts.received.widen(lost);
            counts.corrupted.widen(lost);
            counts.corrupted.widen(counts.unasked);
            counts.lost.widen(corrupted);
            counts.unasked.widen(corrupted);
            counts.late.least = 0;
            counts.duplicated.least = 0;
        }
        counts
    }

    fn count(&self, counts: &mut Counts, message: &Received, due: u64, is_sure: bool) {
        counts.sent.add(is_sure);
        counts.unsure += usize::from(!is_sure);
        let punctuality = match message.fate {
            Fate::Dropped | Fate::Misdelivered => Punctuality::Never,
            _ => self.punctuality(message),
        };
        let is_wrong = matches!(message.fate, Fate::Corrupted | Fate::WrongResponse);
        if message.fate == Fate::WrongResponse && punctuality != Punctuality::Never {
            // It is known to be the response when the timeout has passed, however early it came.
            counts.received.add(is_sure);
            counts.corrupted.add(is_sure);
            return;
        }
        let is_certain = is_sure && punctuality != Punctuality::Unsure;
        if matches!(punctuality, Punctuality::InTime | Punctuality::Unsure) {
            counts.received.add(is_certain);
            match message.fate {
                Fate::Corrupted => counts.corrupted.add(is_certain),
                Fate::OpcodeChanged => counts.opcode_changed.add(is_certain),
                _ => {}
            }
        }
        if punctuality != Punctuality::InTime {
            counts.lost.add(is_certain);
        }
        if matches!(punctuality, Punctuality::Late | Punctuality::Unsure) {
            counts.late.add(is_certain);
        }
        if punctuality == Punctuality::Unsure {
            counts.unsure += 1;
        }
        match (punctuality, message.response) {
            (Punctuality::InTime | Punctuality::Unsure, Some(index)) if !is_wrong => {
                let sent = self.books.sent[index];
                counts.took.push(Took {
                    taken: sent.taken.saturating_sub(due),
                    readable: sent.readable.saturating_sub(due),
                    from_write: sent.readable.saturating_sub(message.written),
                });
            }
            (Punctuality::Late | Punctuality::Never, _) => counts.took.push(LOST),
            _ => {}
        }
    }

    /// Counts echoes that came after that of a later message on their connection.
    fn count_reordered(&self, counts: &mut Counts, end: u64, places: &[Option<u64>]) {
        let mut newest = vec![None; self.links.len()];
        for sent in &self.books.sent {
            let What::Response(index) = sent.what else { continue };
            let message = &self.books.received[index];
            let punctuality = self.punctuality(message);
            let is_in_time = matches!(punctuality, Punctuality::InTime | Punctuality::Unsure);
            if !is_in_time || message.fate == Fate::WrongResponse {
                continue;
            }
            let newest = &mut newest[message.link];
            let is_late = newest.is_some_and(|newest| message.number < newest);
            *newest = (*newest).max(Some(message.number));
            // What was due after the window counts, too.
            let due = self.due(message, places);
            let membership = self.membership(due, end);
            if is_late && message.fate != Fate::Corrupted && due >= self.books.window_start {
                let is_sure = membership == Membership::Inside;
                counts.reordered.add(is_sure && punctuality == Punctuality::InTime);
            }
        }
    }

    /// Counts what belongs to no message of the window.
    fn count_unasked(&self, counts: &mut Counts) {
        let settles = self.books.window_start + self.scenario.reply_timeout / 2;
        for sent in &self.books.sent {
            let link = &self.links[sent.link];
            if sent.taken == 0 || sent.taken >= link.ended_by_client {
                continue;
            }
            match sent.what {
                // One that came before the window is counted when it is clear what it is.
                What::Copy if sent.taken < self.books.window_start => {
                    counts.duplicated.most +=
                        u64::from(sent.taken + settles > self.books.window_start);
                }
                What::Copy => counts.duplicated.add(true),
                What::Misdelivered => counts.misdelivered.add(true),
                What::Unasked => counts.unasked.add(true),
                What::Response(_) => {}
            }
        }
    }

    /// Messages that were sent on connections that the server ended, at most, and that it did not
    /// receive.
    pub(crate) fn unreceived_most(&self) -> u64 {
        let ended = self.books.ended.len() as u64;
        match self.scenario.pace {
            Pace::Closed { depth } => ended * u64::from(depth),
            Pace::Open { .. } => {
                let bytes = self.scenario.bytes as u64;
                let links = self.books.ended.iter().map(|&(at, _)| &self.links[at]);
                let written = links
                    .map(|link| link.written / bytes + 2 - link.messages.min(link.written / bytes));
                let blocked = self.scenario.send_window as u64 / bytes;
                written.sum::<u64>()
                    + if self.scenario.has(|it| matches!(it, Fault::StopReading { .. })) {
                        ended * blocked
                    } else {
                        0
                    }
            }
            Pace::Silent => 0,
        }
    }
}

fn is_about_messages(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Push { .. }
            | Fault::Duplicate { .. }
            | Fault::Greeting
            | Fault::WrongResponse { .. }
            | Fault::Misdeliver { .. }
            | Fault::Drop { .. }
            | Fault::Late { .. }
            | Fault::Corrupt { .. }
            | Fault::Reorder { .. }
            | Fault::End { how: Ending::Fin | Ending::Reset | Ending::Close, .. }
    )
}

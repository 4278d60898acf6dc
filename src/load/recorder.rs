//! What is counted while a run goes, and when it counts: what was to be sent in the window, and what came in
//! it.

use super::latency::Histogram;
use super::outcome::{Histograms, Interval, Messages};

/// See the [module documentation](self). All times are nanoseconds of one clock.
#[derive(Debug)]
pub(super) struct Recorder {
    /// The window: what is to be sent from its start on, and before its end, counts.
    start: u64,
    end: u64,
    /// Whether messages can be sent later than they were to be.
    is_open_loop: bool,
    totals: Messages,
    /// Echoes that came in the window, and the bytes of them.
    arrived: u64,
    arrived_bytes: u64,
    /// When the last of them came; 0 if none did.
    last_arrived: u64,
    /// Everything that went wrong in the window.
    errors: u64,
    at_last_interval: Marks,
    interval: Histograms,
    intervals: Vec<Interval>,
}

/// Totals at the end of an interval.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    sent: u64,
    arrived: u64,
    errors: u64,
}

/// What the counting of a window came to.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) messages: Messages,
    pub(super) arrived: u64,
    pub(super) arrived_bytes: u64,
    pub(super) histograms: Histograms,
    pub(super) intervals: Vec<Interval>,
}

/// Kinds of what is wrong with an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Duplicated,
    Reordered,
    Corrupted,
    OpcodeChanged,
}

impl Recorder {
    /// Counts nothing until the window [begins](Self::begin).
    pub(super) fn new(is_open_loop: bool) -> Self {
        Self {
            start: u64::MAX,
            end: u64::MAX,
            is_open_loop,
            totals: Messages::default(),
            arrived: 0,
            arrived_bytes: 0,
            last_arrived: 0,
            errors: 0,
            at_last_interval: Marks::default(),
            interval: Self::histograms(is_open_loop),
            intervals: Vec::new(),
        }
    }

    /// The window begins.
    pub(super) fn begin(&mut self, start: u64) {
        self.start = start;
    }

    /// It ends, or is to end.
    pub(super) fn end(&mut self, end: u64) {
        self.end = end;
    }

    /// It has ended with the last echo that came; now, if none did.
    pub(super) fn end_with_last(&mut self, now: u64) {
        self.end = if self.last_arrived > self.start { self.last_arrived } else { now };
    }

    /// Whether this moment is in the window.
    #[inline]
    pub(super) fn is_in_window(&self, moment: u64) -> bool {
        self.start <= moment && moment < self.end
    }

    /// How long ago it began; `None` if it has not.
    pub(super) fn since_start(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.start)
    }

    /// When it ends, as far as that is known.
    pub(super) fn window_end(&self) -> u64 {
        self.end
    }

    /// A message was sent that was to be sent at `intended`.
    #[inline]
    pub(super) fn sent(&mut self, intended: u64) {
        self.totals.sent += u64::from(self.is_in_window(intended));
    }

    /// Messages that were counted as sent so far.
    pub(super) fn sent_total(&self) -> u64 {
        self.totals.sent
    }

    /// An echo came that is worth its name.
    #[inline]
    pub(super) fn echoed(&mut self, intended: u64, sent: u64, now: u64) {
        if !self.is_in_window(intended) {
            return;
        }
        self.totals.received += 1;
        self.interval.latency.record(now.saturating_sub(intended));
        if let Some(uncorrected) = &mut self.interval.uncorrected {
            uncorrected.record(now.saturating_sub(sent));
        }
    }

    /// A whole message came, whatever it is.
    #[inline]
    pub(super) fn arrived(&mut self, now: u64, bytes: usize) {
        if self.is_in_window(now) {
            self.arrived += 1;
            self.arrived_bytes += bytes as u64;
            self.last_arrived = now;
        }
    }

    /// The answer to a message came, and is not its echo: it took no time that would mean anything.
    pub(super) fn answered_wrongly(&mut self, intended: u64) {
        self.totals.received += u64::from(self.is_in_window(intended));
    }

    /// Something is wrong with an echo of a message that was to be sent at `moment`; with one of no known message
    /// that came then.
    pub(super) fn fault(&mut self, fault: Fault, moment: u64) {
        // Once the window is over what comes still belongs to it.
        if moment < self.start {
            return;
        }
        self.errors += 1;
        *match fault {
            Fault::Duplicated => &mut self.totals.duplicated,
            Fault::Reordered => &mut self.totals.reordered,
            Fault::Corrupted => &mut self.totals.corrupted,
            Fault::OpcodeChanged => &mut self.totals.opcode_changed,
        } += 1;
    }

    /// A message that was to be sent at `intended` has no echo, and will have none.
    pub(super) fn lost(&mut self, intended: u64) {
        if self.is_in_window(intended) {
            self.totals.lost += 1;
            self.errors += 1;
        }
    }

    /// Something else went wrong.
    pub(super) fn error(&mut self) {
        self.errors += 1;
    }

    /// What went wrong so far.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    /// How many echoes came in the interval at hand, and how long they took.
    pub(super) fn interval(&self) -> (u64, &Histograms) {
        (self.arrived - self.at_last_interval.arrived, &self.interval)
    }

    /// Ends the interval at hand. `rest` has what is not counted here.
    pub(super) fn end_interval(&mut self, rest: Interval) -> &Interval {
        let last = self.at_last_interval;
        let fresh = Self::histograms(self.is_open_loop);
        let mut histograms = std::mem::replace(&mut self.interval, fresh);
        histograms.pack();
        let mut interval = rest;
        interval.sent = self.totals.sent - last.sent;
        interval.received = self.arrived - last.arrived;
        interval.errors = self.errors - last.errors;
        interval.histograms = histograms;
        self.intervals.push(interval);
        let (sent, arrived, errors) = (self.totals.sent, self.arrived, self.errors);
        self.at_last_interval = Marks { sent, arrived, errors };
        self.intervals.last().expect("one was pushed")
    }

    /// Everything that was counted. What came after the last interval belongs to it.
    pub(super) fn finish(mut self) -> Record {
        if let Some(last) = self.intervals.last_mut() {
            last.histograms.add(&self.interval);
            last.sent += self.totals.sent - self.at_last_interval.sent;
            last.errors += self.errors - self.at_last_interval.errors;
        }
        let mut histograms = Self::histograms(self.is_open_loop);
        self.intervals.iter().for_each(|interval| histograms.add(&interval.histograms));
        Record {
            messages: self.totals,
            arrived: self.arrived,
            arrived_bytes: self.arrived_bytes,
            histograms,
            intervals: self.intervals,
        }
    }

    fn histograms(is_open_loop: bool) -> Histograms {
        let uncorrected = is_open_loop.then(Histogram::new);
        Histograms { latency: Histogram::new(), uncorrected, beyond: 0 }
    }
}

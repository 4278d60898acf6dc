//! What is counted while a run goes, and when it counts: what was to be sent in the window, and what became of
//! it, even after the window.

use crate::load::result::histogram::Histogram;
use crate::load::result::outcome::{Difference, Histograms, Interval, Messages};

/// See the [module documentation](self). All times are nanoseconds of one clock.
#[derive(Debug)]
pub(in crate::load) struct Recorder {
    /// The window: what is to be sent from its start on, and before its end, counts.
    start: u64,
    end: u64,
    /// Whether messages can be sent later than they were to be.
    is_open_loop: bool,
    totals: Messages,
    /// Echoes of messages of the window, and the bytes of them.
    echoed: u64,
    echoed_bytes: u64,
    /// When the last of them came; 0 if none did.
    last_echoed: u64,
    /// The first message that came back changed.
    difference: Option<Difference>,
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
    echoed: u64,
    errors: u64,
}

/// What the counting of a window came to.
#[derive(Debug)]
pub(in crate::load) struct Record {
    pub(in crate::load) messages: Messages,
    /// Echoes of messages of the window, and the bytes of them.
    pub(in crate::load) echoed: u64,
    pub(in crate::load) echoed_bytes: u64,
    pub(in crate::load) difference: Option<Difference>,
    pub(in crate::load) histograms: Histograms,
    pub(in crate::load) intervals: Vec<Interval>,
}

/// Kinds of what is wrong with an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Fault {
    Duplicated,
    Reordered,
    OpcodeChanged,
    /// It came after its message was given up.
    Late,
    Misdelivered,
}

impl Recorder {
    /// Counts nothing until the window [begins](Self::begin).
    pub(in crate::load) fn new(is_open_loop: bool) -> Self {
        Self {
            start: u64::MAX,
            end: u64::MAX,
            is_open_loop,
            totals: Messages::default(),
            echoed: 0,
            echoed_bytes: 0,
            last_echoed: 0,
            difference: None,
            errors: 0,
            at_last_interval: Marks::default(),
            interval: Self::histograms(is_open_loop),
            intervals: Vec::new(),
        }
    }

    /// The window begins.
    pub(in crate::load) fn begin(&mut self, start: u64) {
        self.start = start;
    }

    /// It ends, or is to end.
    pub(in crate::load) fn end(&mut self, end: u64) {
        self.end = end;
    }

    /// It has ended with the last echo that came; now, if none did.
    pub(in crate::load) fn end_with_last(&mut self, now: u64) {
        self.end = if self.last_echoed > self.start { self.last_echoed } else { now };
    }

    /// Whether this moment is in the window.
    #[inline]
    pub(in crate::load) fn is_in_window(&self, moment: u64) -> bool {
        self.start <= moment && moment < self.end
    }

    /// How long ago it began; `None` if it has not.
    pub(in crate::load) fn since_start(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.start)
    }

    /// When it ends, as far as that is known.
    pub(in crate::load) fn window_end(&self) -> u64 {
        self.end
    }

    /// A message was sent that was to be sent at `intended`.
    #[inline]
    pub(in crate::load) fn sent(&mut self, intended: u64) {
        self.totals.sent += u64::from(self.is_in_window(intended));
    }

    /// Messages that were counted as sent so far.
    pub(in crate::load) fn sent_total(&self) -> u64 {
        self.totals.sent
    }

    /// The echo of a message came.
    #[inline]
    pub(in crate::load) fn echoed(&mut self, intended: u64, sent: u64, now: u64, bytes: usize) {
        if !self.is_in_window(intended) {
            return;
        }
        self.count_echo(now, bytes);
        self.interval.latency.record(now.saturating_sub(intended));
        if let Some(uncorrected) = &mut self.interval.uncorrected {
            uncorrected.record(now.saturating_sub(sent));
        }
    }

    /// The same, when it cannot be told how long it took.
    pub(in crate::load) fn echoed_untimed(&mut self, intended: u64, now: u64, bytes: usize) {
        if self.is_in_window(intended) {
            self.count_echo(now, bytes);
            self.totals.untimed += 1;
        }
    }

    #[inline]
    fn count_echo(&mut self, now: u64, bytes: usize) {
        self.totals.received += 1;
        self.echoed += 1;
        self.echoed_bytes += bytes as u64;
        self.last_echoed = now;
    }

    /// Forgets how long echoes took that came from this interval on: it has turned out that they may have been
    /// those of other messages.
    pub(in crate::load) fn forget_times_since(&mut self, index: u16) {
        let past = self.intervals.iter_mut().skip(index.into()).map(|interval| {
            let histograms = &mut interval.histograms;
            let untimed = forget_times(histograms);
            histograms.pack();
            untimed
        });
        self.totals.untimed += past.sum::<u64>() + forget_times(&mut self.interval);
    }

    /// How many intervals are over.
    #[inline]
    pub(in crate::load) fn interval_index(&self) -> u16 {
        self.intervals.len().min(u16::MAX.into()) as u16
    }

    /// A response to a message came, and is not its echo: it took no time that would mean anything.
    pub(in crate::load) fn wrong_response(&mut self, intended: u64, now: u64) {
        if self.is_in_window(intended) {
            self.totals.received += 1;
            self.totals.corrupted += 1;
            self.last_echoed = self.last_echoed.max(now);
            self.errors += 1;
        }
    }

    /// A message came that nobody asked for. It counts whenever it came, since none belongs to the window.
    pub(in crate::load) fn unasked(&mut self) {
        self.totals.unasked += 1;
    }

    /// Shows how a message came back changed, if it is the first.
    pub(in crate::load) fn differs(&mut self, difference: impl FnOnce() -> Difference) {
        self.difference.get_or_insert_with(difference);
    }

    /// Something is wrong with an echo of a message that was to be sent at `moment`; with one of no known message
    /// that came then.
    pub(in crate::load) fn fault(&mut self, fault: Fault, moment: u64) {
        // Once the window is over what comes still belongs to it. What must never happen counts before, too.
        if moment < self.start && fault != Fault::Misdelivered {
            return;
        }
        self.errors += u64::from(fault != Fault::Late);
        *match fault {
            Fault::Duplicated => &mut self.totals.duplicated,
            Fault::Reordered => &mut self.totals.reordered,
            Fault::OpcodeChanged => &mut self.totals.opcode_changed,
            Fault::Late => &mut self.totals.late,
            Fault::Misdelivered => &mut self.totals.misdelivered,
        } += 1;
    }

    /// A message that was to be sent at `intended` has no echo in time. Whether that counts.
    pub(in crate::load) fn lost(&mut self, intended: u64) -> bool {
        let counts = self.is_in_window(intended);
        if counts {
            self.totals.lost += 1;
            self.beyond(intended);
        }
        counts
    }

    /// A message that was to be sent at `due` could not be.
    pub(in crate::load) fn unsent(&mut self, due: u64) {
        if self.is_in_window(due) {
            self.totals.unsent += 1;
            self.beyond(due);
        }
    }

    /// A message of this time took longer than any echo: it belongs to the interval of that time.
    fn beyond(&mut self, intended: u64) {
        self.errors += 1;
        let after_s = (intended - self.start) as f64 / 1e9;
        let is_before = |interval: &Interval| interval.start_s + interval.duration_s <= after_s;
        let index = self.intervals.partition_point(is_before);
        match self.intervals.get_mut(index) {
            Some(interval) => interval.histograms.beyond += 1,
            None => self.interval.beyond += 1,
        }
    }

    /// Something else went wrong.
    pub(in crate::load) fn error(&mut self) {
        self.errors += 1;
    }

    /// What went wrong so far.
    pub(in crate::load) fn errors(&self) -> u64 {
        self.errors
    }

    /// How many echoes came in the interval at hand, and how long they took.
    pub(in crate::load) fn interval(&self) -> (u64, &Histograms) {
        (self.echoed - self.at_last_interval.echoed, &self.interval)
    }

    /// Ends the interval at hand. `rest` has what is not counted here.
    pub(in crate::load) fn end_interval(&mut self, rest: Interval) -> &Interval {
        let last = self.at_last_interval;
        let fresh = Self::histograms(self.is_open_loop);
        let mut histograms = std::mem::replace(&mut self.interval, fresh);
        histograms.pack();
        let mut interval = rest;
        interval.sent = self.totals.sent - last.sent;
        interval.received = self.echoed - last.echoed;
        interval.errors = self.errors - last.errors;
        interval.histograms = histograms;
        self.intervals.push(interval);
        let (sent, echoed, errors) = (self.totals.sent, self.echoed, self.errors);
        self.at_last_interval = Marks { sent, echoed, errors };
        self.intervals.last().expect("one was pushed")
    }

    /// Everything that was counted. What came after the last interval belongs to it.
    pub(in crate::load) fn finish(mut self) -> Record {
        if let Some(last) = self.intervals.last_mut() {
            last.histograms.add(&self.interval);
            last.sent += self.totals.sent - self.at_last_interval.sent;
            last.received += self.echoed - self.at_last_interval.echoed;
            last.errors += self.errors - self.at_last_interval.errors;
        }
        let mut histograms = Self::histograms(self.is_open_loop);
        self.intervals.iter().for_each(|interval| histograms.add(&interval.histograms));
        Record {
            messages: self.totals,
            echoed: self.echoed,
            echoed_bytes: self.echoed_bytes,
            difference: self.difference,
            histograms,
            intervals: self.intervals,
        }
    }

    fn histograms(is_open_loop: bool) -> Histograms {
        let uncorrected = is_open_loop.then(Histogram::new);
        Histograms { latency: Histogram::new(), uncorrected, beyond: 0 }
    }
}

/// Forgets how long messages took that were not beyond; how many there were.
fn forget_times(histograms: &mut Histograms) -> u64 {
    let count = histograms.latency.count();
    histograms.latency.clear();
    if let Some(uncorrected) = &mut histograms.uncorrected {
        uncorrected.clear();
    }
    count
}

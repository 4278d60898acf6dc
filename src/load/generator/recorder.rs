//! Counts the messages of the window: those that were due in it, and their echoes, even after its
//! end.

use crate::load::result::histogram::Histogram;
use crate::load::result::outcome::{Difference, Histograms, Interval, Messages};

/// See the [module documentation](self). All times are nanoseconds of one clock.
#[derive(Debug)]
pub(in crate::load) struct Recorder {
    /// The window: messages that are due from its start on, and before its end, count.
    start: u64,
    end: u64,
    /// Whether messages can be sent later than they are due.
    is_open_loop: bool,
    totals: Messages,
    /// The number of echoes of the window's messages, and their bytes.
    echoed: u64,
    echoed_bytes: u64,
    /// When the last of them arrived; 0 if none did.
    last_echoed: u64,
    /// The first message that was echoed with changes.
    difference: Option<Difference>,
    /// All errors of the window.
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

/// The counts of a window.
#[derive(Debug)]
pub(in crate::load) struct Record {
    pub(in crate::load) messages: Messages,
    /// The number of echoes of the window's messages, and their bytes.
    pub(in crate::load) echoed: u64,
    pub(in crate::load) echoed_bytes: u64,
    pub(in crate::load) difference: Option<Difference>,
    pub(in crate::load) histograms: Histograms,
    pub(in crate::load) intervals: Vec<Interval>,
}

/// The kinds of faults of an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Fault {
    Duplicated,
    Reordered,
    OpcodeChanged,
    /// It arrived after its message was given up.
    Late,
    Misdelivered,
}

impl Recorder {
    /// Creates a recorder that counts nothing until the window [begins](Self::begin).
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

    /// Begins the window.
    pub(in crate::load) fn begin(&mut self, start: u64) {
        self.start = start;
    }

    /// Sets the end of the window.
    pub(in crate::load) fn end(&mut self, end: u64) {
        self.end = end;
    }

    /// Ends the window with the last echo that arrived; now, if none did.
    pub(in crate::load) fn end_with_last(&mut self, now: u64) {
        self.end = if self.last_echoed > self.start { self.last_echoed } else { now };
    }

    /// Whether this moment is in the window.
    #[inline]
    pub(in crate::load) fn is_in_window(&self, moment: u64) -> bool {
        self.start <= moment && moment < self.end
    }

    /// The time since the window began; `None` if it has not.
    pub(in crate::load) fn since_start(&self, now: u64) -> Option<u64> {
        now.checked_sub(self.start)
    }

    /// When the window ends, as far as that is known.
    pub(in crate::load) fn window_end(&self) -> u64 {
        self.end
    }

    /// Counts a sent message that was due at `intended`.
    #[inline]
    pub(in crate::load) fn sent(&mut self, intended: u64) {
        self.totals.sent += u64::from(self.is_in_window(intended));
    }

    /// The number of messages that were counted as sent.
    pub(in crate::load) fn sent_total(&self) -> u64 {
        self.totals.sent
    }

    /// Counts the echo of a message.
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

    /// Counts an echo whose latency is unknown.
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

    /// Discards the latencies of echoes from this interval on: they may have been those of other
    /// messages.
    pub(in crate::load) fn forget_times_since(&mut self, index: u16) {
        let past = self.intervals.iter_mut().skip(index.into()).map(|interval| {
            let histograms = &mut interval.histograms;
            let untimed = forget_times(histograms);
            histograms.pack();
            untimed
        });
        self.totals.untimed += past.sum::<u64>() + forget_times(&mut self.interval);
    }

    /// The number of completed intervals.
    #[inline]
    pub(in crate::load) fn interval_index(&self) -> u16 {
        self.intervals.len().min(u16::MAX.into()) as u16
    }

    /// Counts a response to a message that is not its echo: its latency would have no meaning.
    pub(in crate::load) fn wrong_response(&mut self, intended: u64, now: u64) {
        if self.is_in_window(intended) {
            self.totals.received += 1;
            self.totals.corrupted += 1;
            self.last_echoed = self.last_echoed.max(now);
            self.errors += 1;
        }
    }

    /// Counts an unasked message. It counts whenever it arrives, since it does not belong to a
    /// message of the window.
    pub(in crate::load) fn unasked(&mut self) {
        self.totals.unasked += 1;
    }

    /// Keeps the difference between a message and its echo, if it is the first.
    pub(in crate::load) fn differs(&mut self, difference: impl FnOnce() -> Difference) {
        self.difference.get_or_insert_with(difference);
    }

    /// Counts a fault in the echo of a message that was due at `moment`, or in an echo of an
    /// unknown message that arrived then.
    pub(in crate::load) fn fault(&mut self, fault: Fault, moment: u64) {
        // Echoes after the end of the window still belong to it. A fault that must never happen
        // counts before it, too.
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

    /// Counts a message that was due at `intended` and has no echo in time. Returns whether it is
    /// in the window.
    pub(in crate::load) fn lost(&mut self, intended: u64) -> bool {
        let counts = self.is_in_window(intended);
        if counts {
            self.totals.lost += 1;
            self.record_beyond(intended);
        }
        counts
    }

    /// Counts a message that was due at `due` and could not be sent.
    pub(in crate::load) fn unsent(&mut self, due: u64) {
        if self.is_in_window(due) {
            self.totals.unsent += 1;
            self.record_beyond(due);
        }
    }

    /// Counts a message that took longer than any echo: it belongs to the interval in which it was
    /// due.
    fn record_beyond(&mut self, intended: u64) {
        self.errors += 1;
        let after_s = (intended - self.start) as f64 / 1e9;
        let is_before = |interval: &Interval| interval.start_s + interval.duration_s <= after_s;
        let index = self.intervals.partition_point(is_before);
        match self.intervals.get_mut(index) {
            Some(interval) => interval.histograms.beyond += 1,
            None => self.interval.beyond += 1,
        }
    }

    /// Counts any other error.
    pub(in crate::load) fn error(&mut self) {
        self.errors += 1;
    }

    /// The number of errors so far.
    pub(in crate::load) fn errors(&self) -> u64 {
        self.errors
    }

    /// The number of echoes in the current interval, and their latencies.
    pub(in crate::load) fn interval(&self) -> (u64, &Histograms) {
        (self.echoed - self.at_last_interval.echoed, &self.interval)
    }

    /// Ends the current interval. `rest` has the values that are not counted here.
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

    /// Returns all counts. Echoes after the last interval are added to it.
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

/// Discards all latencies that were not beyond the timeout; returns their number.
fn forget_times(histograms: &mut Histograms) -> u64 {
    let count = histograms.latency.count();
    histograms.latency.clear();
    if let Some(uncorrected) = &mut histograms.uncorrected {
        uncorrected.clear();
    }
    count
}

//! A heartbeat in the event loop: whether the load generator ran when it should have.
//!
//! The loop is to come by at least once in a period. How late it does is recorded for every beat, as jHiccup
//! does. A thread that was stopped inside its wait, kept off its CPU or suspended with the whole machine cannot
//! tell which; it sees that it is late. The scheduler's own count of waits for a CPU sees delays between two
//! beats as well.
//!
//! A loop that is idle but for the beat beats more slowly: a wake-up of an idle CPU costs up to 85 µs in a virtual
//! machine, and 500 of them per second would take four times the 1 % of a core that the beat may cost.

use crate::load::host::RunQueue;
use crate::load::result::histogram::Histogram;

/// Our own work of less than this is not a stall: 1 ms. It is a batch of messages, which takes as long in any
/// client.
const TURN_NS_MIN: u64 = 1_000_000;

/// What every switch to a thread takes on a machine with nothing else to do: 10 µs. Only what is beyond is a
/// wait for a CPU that somebody else had.
pub(in crate::load) const SWITCH_NS: u64 = 10_000;

/// The shortest period of an idle loop: 10 ms.
const IDLE_PERIOD_NS_MIN: u64 = 10_000_000;

/// A loop that waits no more often than this between two beats is idle: 2.
const IDLE_WAITS_MAX: u32 = 2;

/// See the [module documentation](self). All times are nanoseconds of one clock.
#[derive(Debug)]
pub(super) struct Heartbeat {
    period: u64,
    /// Waits since the last beat.
    waits: u32,
    /// When the next beat is due.
    due: u64,
    /// When the last wait ended.
    woke: u64,
    /// Beats of the interval at hand, by how late they were.
    lateness: Histogram,
    longest_turn: u64,
    queue: RunQueue,
}

impl Heartbeat {
    /// A beat each `period`, which is not 0.
    pub(super) fn new(period: u64) -> Self {
        Self::with_queue(period, RunQueue::of_this_thread())
    }

    fn with_queue(period: u64, queue: RunQueue) -> Self {
        let lateness = Histogram::new();
        Self { period, waits: 0, due: u64::MAX, woke: 0, lateness, longest_turn: 0, queue }
    }

    /// Counts from now on, and nothing before.
    pub(super) fn begin(&mut self, now: u64) {
        self.due = now + self.period;
        self.waits = 0;
        self.woke = now;
        self.longest_turn = 0;
        self.lateness.clear();
        self.queue.take();
    }

    /// When the loop is to come by.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// The loop is about to wait.
    #[inline]
    pub(super) fn before_wait(&mut self, now: u64) {
        let turn = now.saturating_sub(self.woke);
        self.longest_turn = self.longest_turn.max(turn);
        if now >= self.due {
            let is_work = turn < TURN_NS_MIN;
            self.beat(now, if is_work { 0 } else { now - self.due });
        }
    }

    /// The wait has ended; returns whether with a beat.
    #[inline]
    pub(super) fn after_wait(&mut self, now: u64) -> bool {
        self.woke = now;
        self.waits += 1;
        let is_due = now >= self.due;
        if is_due {
            self.beat(now, now - self.due);
        }
        is_due
    }

    /// What was recorded since this was asked last, and the longest turn.
    pub(super) fn take(&mut self) -> (Histogram, u64) {
        let mut lateness = std::mem::take(&mut self.lateness);
        lateness.pack();
        (lateness, std::mem::take(&mut self.longest_turn))
    }

    fn beat(&mut self, now: u64, late: u64) {
        let (delay, switches) = self.queue.take();
        let waited = delay.saturating_sub(switches.saturating_mul(SWITCH_NS));
        self.lateness.record(late.max(waited));
        let is_idle = std::mem::take(&mut self.waits) <= IDLE_WAITS_MAX;
        let period = if is_idle { self.period.max(IDLE_PERIOD_NS_MIN) } else { self.period };
        self.due = now + period;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 2_000_000;

    fn heartbeat() -> Heartbeat {
        let mut heartbeat = Heartbeat::with_queue(PERIOD, RunQueue::unknown());
        heartbeat.begin(0);
        heartbeat
    }

    fn counts(heartbeat: &mut Heartbeat) -> Vec<(u64, u64)> {
        heartbeat.take().0.counts().collect()
    }

    #[test]
    fn a_loop_that_comes_by_in_time_is_not_late() {
        let mut heartbeat = heartbeat();
        for beat in 1..=5 {
            heartbeat.after_wait(heartbeat.due() - PERIOD / 2);
            heartbeat.after_wait(heartbeat.due() - PERIOD / 3);
            heartbeat.before_wait(heartbeat.due() - PERIOD / 3);
            heartbeat.after_wait(heartbeat.due());
            assert_eq!(heartbeat.due(), (beat + 1) * PERIOD);
        }
        assert_eq!(counts(&mut heartbeat), [(0, 5)]);
    }

    #[test]
    fn an_idle_loop_beats_more_slowly() {
        let mut heartbeat = heartbeat();
        let mut now = 0;
        for gap in [PERIOD, IDLE_PERIOD_NS_MIN, IDLE_PERIOD_NS_MIN] {
            assert_eq!(heartbeat.due(), now + gap);
            now += gap;
            heartbeat.before_wait(now - 10);
            heartbeat.after_wait(now);
        }
        // Messages come: the loop is busy again.
        heartbeat.after_wait(now + 10);
        heartbeat.after_wait(now + 20);
        heartbeat.after_wait(heartbeat.due());
        assert_eq!(heartbeat.due(), now + IDLE_PERIOD_NS_MIN + PERIOD);
        let mut slow = Heartbeat::with_queue(100_000_000, RunQueue::unknown());
        slow.begin(0);
        slow.after_wait(100_000_000);
        assert_eq!(slow.due(), 200_000_000, "it is slow enough");
    }

    #[test]
    fn a_stop_inside_the_wait_is_one_stall_as_long_as_it_was() {
        let mut heartbeat = heartbeat();
        heartbeat.before_wait(10);
        heartbeat.after_wait(PERIOD + 2_000_000_000);
        let (lateness, longest_turn) = heartbeat.take();
        assert_eq!(lateness.count(), 1);
        assert!(lateness.nanoseconds_max().abs_diff(2_000_000_000) < 2_000_000);
        assert_eq!(longest_turn, 10, "the turn itself was short");
    }

    #[test]
    fn a_short_turn_of_our_own_is_not_a_stall_and_a_long_one_is() {
        let mut heartbeat = heartbeat();
        heartbeat.after_wait(PERIOD - 10);
        heartbeat.before_wait(PERIOD + 900_000);
        assert_eq!(counts(&mut heartbeat), [(0, 1)]);
        let due = heartbeat.due();
        heartbeat.after_wait(due - 10);
        heartbeat.before_wait(due + 5_000_000);
        let (lateness, longest_turn) = heartbeat.take();
        assert!(lateness.nanoseconds_max().abs_diff(5_000_000) < 5_000);
        assert_eq!(longest_turn, 5_000_010);
    }

    #[test]
    fn nothing_counts_before_it_begins() {
        let mut heartbeat = Heartbeat::with_queue(PERIOD, RunQueue::unknown());
        heartbeat.after_wait(u64::MAX / 2);
        heartbeat.before_wait(u64::MAX / 2 + 1);
        heartbeat.begin(u64::MAX / 2 + 2);
        assert_eq!(counts(&mut heartbeat), []);
    }
}

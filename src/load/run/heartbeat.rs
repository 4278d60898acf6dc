//! A heartbeat in the event loop: detects when the load generator did not run on time.
//!
//! The loop should come around at least once per period. The delay of every beat is recorded, as
//! jHiccup does. A thread that was stopped inside its wait, kept off its CPU or suspended with the
//! whole machine cannot tell which; it only sees the delay. The scheduler's own count of waits for
//! a CPU also covers delays between two beats.
//!
//! A loop that is idle except for the beat beats more slowly: a wake-up of an idle CPU costs up to
//! 100 µs in a virtual machine, and 500 of them per second would take five times the 1 % of a core
//! that the beat may cost.

use crate::load::host::Instruments;
use crate::load::result::histogram::Histogram;

/// The shortest turn of our own that counts as a stall: 1 ms. Less is one batch of messages, which
/// takes as long in any client.
const TURN_NS_MIN: u64 = 1_000_000;

/// The cost of a switch to a thread on an otherwise idle machine: 10 µs. Only the time beyond that
/// is a wait for a CPU that another thread used.
pub(in crate::load) const SWITCH_NS: u64 = 10_000;

/// The shortest period of an idle loop: 12 ms.
const IDLE_PERIOD_NS_MIN: u64 = 12_000_000;

/// A loop with at most this number of waits between two beats is idle: 2.
const IDLE_WAITS_MAX: u32 = 2;

/// See the [module documentation](self). All times are nanoseconds of one clock.
#[derive(Debug)]
pub(super) struct Heartbeat {
    period: u64,
    /// The number of waits since the last beat.
    waits: u32,
    /// When the next beat is due.
    due: u64,
    /// When the last beat was.
    last: u64,
    /// When the last wait ended.
    woke: u64,
    /// The beats of the current interval, by their delay.
    lateness: Histogram,
    longest_turn: u64,
    /// Total waits for a CPU, and timeslices, if the system reports them.
    run_queue: Option<(u64, u64)>,
}

impl Heartbeat {
    /// Creates a heartbeat with this period, which must not be 0.
    pub(super) fn new(period: u64) -> Self {
        Self {
            period,
            waits: 0,
            due: u64::MAX,
            last: 0,
            woke: 0,
            lateness: Histogram::new(),
            longest_turn: 0,
            run_queue: None,
        }
    }

    /// Starts recording, and discards everything before.
    pub(super) fn begin(&mut self, now: u64, instruments: &mut dyn Instruments) {
        self.last = now;
        self.due = now + self.period;
        self.waits = 0;
        self.woke = now;
        self.longest_turn = 0;
        self.lateness.clear();
        self.run_queue = instruments.run_queue();
    }

    /// When the next beat is due.
    pub(super) fn due(&self) -> u64 {
        self.due
    }

    /// Records that the loop is about to wait.
    #[inline]
    pub(super) fn before_wait(&mut self, now: u64, instruments: &mut dyn Instruments) {
        let turn = now.saturating_sub(self.woke);
        self.longest_turn = self.longest_turn.max(turn);
        // What arrived during a long turn waited for its end, wherever the turn lies between two
        // beats.
        if turn >= TURN_NS_MIN {
            self.beat(now, turn, instruments);
        } else if now >= self.due {
            self.beat(now, 0, instruments);
        }
    }

    /// Records that the wait has ended. Returns whether that was a beat.
    #[inline]
    pub(super) fn after_wait(&mut self, now: u64, instruments: &mut dyn Instruments) -> bool {
        self.woke = now;
        self.waits += 1;
        // A loop that events wake after all beats as often as any other.
        let is_busy = self.waits > IDLE_WAITS_MAX && now >= self.last + self.period;
        let is_due = now >= self.due || is_busy;
        if is_due {
            self.beat(now, now.saturating_sub(self.due), instruments);
        }
        is_due
    }

    /// Returns and resets the recorded delays and the longest turn.
    pub(super) fn take(&mut self) -> (Histogram, u64) {
        let mut lateness = std::mem::take(&mut self.lateness);
        lateness.pack();
        (lateness, std::mem::take(&mut self.longest_turn))
    }

    fn beat(&mut self, now: u64, late: u64, instruments: &mut dyn Instruments) {
        let waited = self.waited(instruments.run_queue());
        self.lateness.record(late.max(waited));
        let is_idle = std::mem::take(&mut self.waits) <= IDLE_WAITS_MAX;
        let period = if is_idle { self.period.max(IDLE_PERIOD_NS_MIN) } else { self.period };
        self.last = now;
        self.due = now + period;
    }

    /// How long this thread waited for a CPU since the last call, minus the cost of switching.
    fn waited(&mut self, now: Option<(u64, u64)>) -> u64 {
        let before = std::mem::replace(&mut self.run_queue, now);
        let Some(((delay, switches), (delay_before, switches_before))) = now.zip(before) else {
            return 0;
        };
        let switching = switches.saturating_sub(switches_before).saturating_mul(SWITCH_NS);
        delay.saturating_sub(delay_before).saturating_sub(switching)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 2_000_000;

    /// A system that reports nothing.
    struct Unknown;

    impl Instruments for Unknown {}

    fn heartbeat() -> Heartbeat {
        let mut heartbeat = Heartbeat::new(PERIOD);
        heartbeat.begin(0, &mut Unknown);
        heartbeat
    }

    fn counts(heartbeat: &mut Heartbeat) -> Vec<(u64, u64)> {
        heartbeat.take().0.counts().collect()
    }

    #[test]
    fn a_loop_that_runs_on_time_is_not_late() {
        let mut heartbeat = heartbeat();
        for beat in 1..=5 {
            heartbeat.after_wait(heartbeat.due() - PERIOD / 2, &mut Unknown);
            heartbeat.after_wait(heartbeat.due() - PERIOD / 3, &mut Unknown);
            heartbeat.before_wait(heartbeat.due() - PERIOD / 3, &mut Unknown);
            heartbeat.after_wait(heartbeat.due(), &mut Unknown);
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
            heartbeat.before_wait(now - gap + 10, &mut Unknown);
            heartbeat.after_wait(now, &mut Unknown);
        }
        // Messages arrive: the loop is busy again.
        assert!(!heartbeat.after_wait(now + 10, &mut Unknown));
        assert!(!heartbeat.after_wait(now + 20, &mut Unknown));
        assert!(heartbeat.after_wait(now + PERIOD, &mut Unknown));
        assert_eq!(heartbeat.due(), now + 2 * PERIOD);
        let mut slow = Heartbeat::new(100_000_000);
        slow.begin(0, &mut Unknown);
        slow.after_wait(100_000_000, &mut Unknown);
        assert_eq!(slow.due(), 200_000_000, "its period is long enough");
    }

    #[test]
    fn a_stop_inside_the_wait_is_one_stall_of_its_length() {
        let mut heartbeat = heartbeat();
        heartbeat.before_wait(10, &mut Unknown);
        heartbeat.after_wait(PERIOD + 2_000_000_000, &mut Unknown);
        let (lateness, longest_turn) = heartbeat.take();
        assert_eq!(lateness.count(), 1);
        assert!(lateness.nanoseconds_max().abs_diff(2_000_000_000) < 2_000_000);
        assert_eq!(longest_turn, 10, "the turn itself was short");
    }

    #[test]
    fn a_short_turn_of_our_own_is_not_a_stall_and_a_long_one_is() {
        let mut heartbeat = heartbeat();
        heartbeat.after_wait(PERIOD - 10, &mut Unknown);
        heartbeat.before_wait(PERIOD + 900_000, &mut Unknown);
        assert_eq!(counts(&mut heartbeat), [(0, 1)]);
        let due = heartbeat.due();
        heartbeat.after_wait(due - 10, &mut Unknown);
        heartbeat.before_wait(due + 5_000_000, &mut Unknown);
        let (lateness, longest_turn) = heartbeat.take();
        assert!(lateness.nanoseconds_max().abs_diff(5_000_000) < 5_000);
        assert_eq!(longest_turn, 5_000_010);
    }

    #[test]
    fn nothing_is_recorded_before_it_begins() {
        let mut heartbeat = Heartbeat::new(PERIOD);
        heartbeat.after_wait(u64::MAX / 2, &mut Unknown);
        heartbeat.before_wait(u64::MAX / 2 + 1, &mut Unknown);
        heartbeat.begin(u64::MAX / 2 + 2, &mut Unknown);
        assert_eq!(counts(&mut heartbeat), []);
    }

    #[test]
    fn waits_for_a_cpu_count_beyond_what_switching_takes() {
        struct Waiting(u64, u64);
        impl Instruments for Waiting {
            fn run_queue(&mut self) -> Option<(u64, u64)> {
                Some((self.0, self.1))
            }
        }
        let mut heartbeat = Heartbeat::new(PERIOD);
        heartbeat.begin(0, &mut Waiting(500, 7));
        heartbeat.after_wait(PERIOD, &mut Waiting(500 + 3 * SWITCH_NS, 10));
        let due = heartbeat.due();
        heartbeat.after_wait(due, &mut Waiting(500 + 4 * SWITCH_NS + 3_000_000, 11));
        let lateness = heartbeat.take().0;
        assert_eq!(lateness.count(), 2);
        assert!(lateness.nanoseconds_max().abs_diff(3_000_000) < 3_000);
    }
}

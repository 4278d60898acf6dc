//! Decides which figures can be believed, given when the load generator was not running.
//!
//! A stall of length `L` delays everything that arrives during it, by up to `L`. Of messages that
//! arrive at random times, a share of `Σ max(0, L - x) / elapsed` is delayed by more than `x`. A
//! percentile is believed if, with `x` a tenth of it, this share is less than half of the messages
//! above the percentile. Stalls can then have moved it by at most a tenth, or by 200 µs.
//!
//! Three measurements must each satisfy this bound:
//! * late beats of the event loop: by their length, as above, and by the share that was late, since
//!   a thread that wakes up late does so for every message and not at random times;
//! * messages that were sent late (open loop);
//! * below 200 µs, which beats do not resolve: the time that the thread waited for a CPU according
//!   to the scheduler, minus the cost of an ordinary context switch.
//!
//! This bounds how many messages were delayed, but not the effect on a percentile in a sparse
//! region: between a server's fast and slow responses, delaying one message in fifty moves the
//! median from one to the other. So a second condition looks at the distribution. If a share `a` of
//! the messages was delayed by more than 50 µs at all, the true percentile is not below that of
//! `Q-a`, and the measured one may exceed that by at most 5 % or 50 µs. `benches/truth` compares
//! the believed figures with a capture of the wire.

use super::histogram::{Histogram, Latency};
use super::outcome::Histograms;
use super::{Figure, Stalls};

/// The percentiles that are checked, ascending.
pub const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// Stalls shorter than this cannot be told from normal operation: 200 µs.
pub const FLOOR_US: f64 = 200.0;

/// How far a stall may have moved a believed figure, as a share of it: a tenth.
const TOLERANCE: f64 = 0.1;

/// The share of time in stalls from which rate and mean describe the generator: 1 %.
const STALLED_MAX: f64 = 0.01;

/// The time of a context switch on an idle machine: 10 µs.
const SWITCH_US: f64 = 10.0;

/// Delays up to this are ignored: 50 µs, the wake-up latency of a thread on an idle machine.
const UNNOTICED_US: f64 = 50.0;

/// How far the percentile without the delayed messages may lie below the measured one: 5 %, or
/// [`UNNOTICED_US`].
const SHIFT: f64 = 0.05;

/// Which figures can be believed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Belief {
    /// The highest percentile that is believed, along with all below it.
    pub valid_to: Option<f64>,
    /// The figures that are not believed, by metric name, in report order.
    pub not_believed: Vec<String>,
}

impl Belief {
    /// Checks the figures of a run that sent `sent` messages.
    pub fn new(histograms: &Histograms, latency: &Latency, stalls: &Stalls, sent: u64) -> Self {
        let delayed = delayed(stalls, sent);
        let mut not_believed = Vec::new();
        let mut valid_to = None;
        for percentile in PERCENTILES {
            let name = format!("p{percentile}");
            let allowed = (1.0 - percentile / 100.0) / 2.0;
            let figure = latency.figure(&name);
            let is_believed = affected(figure, stalls, sent) < allowed
                && !is_shifted(histograms, figure, percentile / 100.0, delayed);
            if not_believed.is_empty() && is_believed {
                valid_to = Some(percentile);
            } else {
                not_believed.push(name);
            }
        }
        let longest = [&stalls.lateness, &stalls.late_sends].map(Histogram::nanoseconds_max);
        if longest.iter().any(|&longest| longest as f64 / 1e3 > threshold(latency.figure("max"))) {
            not_believed.push("max".into());
        }
        if affected(latency.figure("mean"), stalls, sent) >= STALLED_MAX {
            not_believed.push("mean".into());
        }
        if stalls.share_beyond(FLOOR_US).max(stalls.queued_beyond(SWITCH_US)) >= STALLED_MAX {
            not_believed.extend(["rate".into(), "throughput".into()]);
        }
        Self { valid_to, not_believed }
    }
}

/// The share of messages that stalls may have delayed by more than a tenth of this figure.
fn affected(figure: Figure, stalls: &Stalls, sent: u64) -> f64 {
    let threshold = threshold(figure);
    let queued = match tenth(figure) {
        below if below < FLOOR_US => stalls.queued_beyond(below.max(SWITCH_US)),
        _ => 0.0,
    };
    let late_sends = above(&stalls.late_sends, threshold) as f64 / sent.max(1) as f64;
    let beats = stalls.lateness.count().max(1);
    let late_beats = above(&stalls.lateness, threshold) as f64 / beats as f64;
    stalls.share_beyond(threshold).max(late_beats).max(late_sends).max(queued)
}

/// The share of messages that stalls may have delayed at all.
fn delayed(stalls: &Stalls, sent: u64) -> f64 {
    let late_sends = above(&stalls.late_sends, UNNOTICED_US) as f64 / sent.max(1) as f64;
    let beats = stalls.lateness.count().max(1) as f64;
    let late_beats = above(&stalls.lateness, UNNOTICED_US) as f64 / beats;
    late_sends
        + late_beats.max(stalls.share_longer(UNNOTICED_US)).max(stalls.queued_beyond(SWITCH_US))
}

/// Whether this percentile could be noticeably lower without the delayed messages.
fn is_shifted(histograms: &Histograms, figure: Figure, quantile: f64, delayed: f64) -> bool {
    let lower = match quantile - delayed {
        rest if rest <= 0.0 => return true,
        rest => histograms.quantile_us(rest),
    };
    match (figure, lower) {
        (Figure::Known(value), Some(lower)) => value - lower > UNNOTICED_US.max(value * SHIFT),
        // Beyond the timeout with and without the delayed messages.
        (Figure::Above(_), None) | (Figure::Absent, _) => false,
        _ => true,
    }
}

/// The longest delay that does not move this figure noticeably, in µs.
fn threshold(figure: Figure) -> f64 {
    tenth(figure).max(FLOOR_US)
}

fn tenth(figure: Figure) -> f64 {
    match figure {
        Figure::Known(value) | Figure::Above(value) => value * TOLERANCE,
        Figure::Absent => 0.0,
    }
}

fn above(histogram: &Histogram, microseconds: f64) -> u64 {
    histogram.count_above(std::time::Duration::from_nanos((microseconds * 1e3) as u64))
}

impl Stalls {
    /// The share of time in which an arriving message was delayed by more than this many µs.
    pub fn share_beyond(&self, microseconds: f64) -> f64 {
        let beyond_s = self.lateness.counts().map(|(nanoseconds, count)| {
            (nanoseconds as f64 / 1e9 - microseconds / 1e6).max(0.0) * count as f64
        });
        beyond_s.sum::<f64>() / self.watched_s.max(f64::MIN_POSITIVE)
    }

    /// The share of time spent in stalls of more than this many µs.
    pub fn share_longer(&self, microseconds: f64) -> f64 {
        let longer = self
            .lateness
            .counts()
            .filter(|&(nanoseconds, _)| nanoseconds as f64 > microseconds * 1e3);
        let stalled_s = longer.map(|(nanoseconds, count)| nanoseconds as f64 / 1e9 * count as f64);
        stalled_s.sum::<f64>() / self.watched_s.max(f64::MIN_POSITIVE)
    }

    /// The share of time that the thread waited for a CPU, not counting this many µs of each wait.
    pub fn queued_beyond(&self, microseconds: f64) -> f64 {
        let (Some(delay_s), Some(timeslices)) = (self.run_delay_s, self.timeslices) else {
            return 0.0;
        };
        let ordinary_s = timeslices as f64 * microseconds / 1e6;
        (delay_s - ordinary_s).max(0.0) / self.watched_s.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 10 s with a beat every 2 ms, some of them late by this many ms.
    fn stalls(late_ms: &[f64]) -> Stalls {
        let mut lateness = Histogram::new();
        late_ms.iter().for_each(|late| lateness.record((late * 1e6) as u64));
        (late_ms.len()..5_000).for_each(|_| lateness.record(0));
        Stalls { lateness, beat_us: 2_000.0, watched_s: 10.0, ..Stalls::default() }
    }

    /// Histograms of messages: their number, and the time of each in µs.
    fn took(all: &[(u64, f64)]) -> Histograms {
        let mut histograms = Histograms::default();
        for &(count, microseconds) in all {
            (0..count).for_each(|_| histograms.latency.record((microseconds * 1e3) as u64));
        }
        histograms
    }

    fn believed(histograms: &Histograms, stalls: &Stalls, sent: u64) -> Belief {
        Belief::new(histograms, &histograms.latency_us(5.0), stalls, sent)
    }

    fn valid_to(microseconds: f64, stalls: &Stalls) -> Option<f64> {
        believed(&took(&[(1, microseconds)]), stalls, 50_000).valid_to
    }

    #[test]
    fn a_median_between_two_modes_tolerates_fewer_delays() {
        // Half of the responses come at once, the other half when the server gets its CPU back.
        let modes = took(&[(505, 60.0), (495, 2_500.0)]);
        let late = |count: u64| {
            let mut late_sends = Histogram::new();
            (0..count).for_each(|_| late_sends.record(90_000));
            Stalls { late_sends, ..stalls(&[]) }
        };
        assert_eq!(believed(&modes, &late(0), 1_000).valid_to, Some(99.99));
        assert_eq!(
            believed(&modes, &late(20), 1_000).valid_to,
            Some(99.99),
            "both modes are narrow"
        );
        let other = took(&[(495, 60.0), (505, 2_500.0)]);
        assert_eq!(
            believed(&other, &late(20), 1_000).valid_to,
            None,
            "20 of them decide the median"
        );
        assert_eq!(believed(&other, &late(2), 1_000).valid_to, Some(99.99));
    }

    #[test]
    fn messages_beyond_the_timeout_are_not_shifted_by_delays() {
        let mut histograms = took(&[(900, 60.0)]);
        histograms.beyond = 100;
        assert_eq!(believed(&histograms, &stalls(&[]), 1_000).valid_to, Some(99.99));
    }

    #[test]
    fn without_a_stall_everything_is_believed() {
        let belief = believed(&took(&[(1, 50.0)]), &stalls(&[]), 50_000);
        assert_eq!(belief, Belief { valid_to: Some(99.99), not_believed: Vec::new() });
    }

    #[test]
    fn a_stop_of_two_seconds_in_ten_leaves_only_the_median() {
        let belief = believed(&took(&[(1, 2_000.0)]), &stalls(&[2_000.0]), 50_000);
        assert_eq!(belief.valid_to, Some(50.0));
        let all = ["p90", "p99", "p99.9", "p99.99", "max", "mean", "rate", "throughput"];
        assert_eq!(belief.not_believed, all);
    }

    #[test]
    fn stops_half_of_the_time_leave_nothing() {
        let belief = believed(&took(&[(1, 2_000.0)]), &stalls(&[80.0; 62]), 50_000);
        assert_eq!(belief.valid_to, None);
    }

    #[test]
    fn a_few_short_stalls_invalidate_only_the_highest_percentiles() {
        // 8 ms in 10 s are 0.08 %.
        assert_eq!(valid_to(100.0, &stalls(&[1.2; 8])), Some(99.0));
        // They are negligible compared with 20 ms.
        assert_eq!(valid_to(20_000.0, &stalls(&[1.2; 8])), Some(99.99));
    }

    #[test]
    fn late_sends_too_few_to_move_a_percentile_do_not_invalidate_it() {
        let mut late_sends = Histogram::new();
        (0..47).for_each(|_| late_sends.record(1_500_000));
        let stalls = Stalls { late_sends, ..stalls(&[]) };
        let to = |sent| believed(&took(&[(1, 60.0)]), &stalls, sent).valid_to;
        assert_eq!(to(15_000), Some(99.0), "47 of 15,000 are 0.3 %");
        assert_eq!(to(900), Some(50.0), "47 of 900 are 5.2 %, and p90 needs fewer than 5");
    }

    #[test]
    fn waits_for_a_cpu_between_beats_count() {
        let queued = |run_delay_s, timeslices| Stalls {
            run_delay_s: Some(run_delay_s),
            timeslices: Some(timeslices),
            ..stalls(&[])
        };
        // Next to the server on one CPU, 44 % of the time.
        assert_eq!(valid_to(100.0, &queued(4.4, 40_000)), None);
        // A context switch takes some microseconds on an idle machine.
        assert_eq!(valid_to(100.0, &queued(0.4, 100_000)), Some(99.99));
        // Latencies of 20 ms are not affected.
        assert_eq!(valid_to(20_000.0, &queued(4.4, 40_000)), Some(99.99));
    }

    proptest! {
        #[test]
        fn more_stalls_are_never_believed_more(
            late in prop::collection::vec(0.0_f64..3_000.0, 0..40),
            more in 0.0_f64..3_000.0,
            p in 1.0_f64..1e6,
        ) {
            let before = valid_to(p, &stalls(&late));
            let mut late = late;
            late.push(more);
            prop_assert!(valid_to(p, &stalls(&late)) <= before);
        }
    }
}

//! The percentiles of a run beside those of the world's own list.

use crate::counts::{Counts, Took};
use crate::plan::{Fault, MICROSECOND};
use crate::world::World;
use halloo::load::Outcome;
use halloo::load::plan::Pace;
use halloo::load::result::Figure;

/// What the histogram rounds, and what the load generator takes from a read to its look at the
/// clock.
const PRECISION: f64 = 0.002;
const SLACK_NS: f64 = 5_000.0;

/// How far a figure that is believed may be from the truth, if the load generator was disturbed.
const BELIEVED: f64 = 0.1;
const BELIEVED_NS: f64 = 100_000.0;

const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)];

/// A sorted list of what messages took.
struct Sorted(Vec<u64>);

impl Sorted {
    fn new(took: &[Took], of: impl Fn(&Took) -> u64) -> Self {
        let mut all: Vec<u64> = took.iter().map(of).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The least and the most that this quantile may be, if this many messages belong to the list
    /// or not.
    fn quantile(&self, quantile: f64, unsure: usize) -> (u64, u64) {
        let rank = (quantile * self.0.len() as f64).ceil() as usize;
        let last = self.0.len() - 1;
        let low = rank.saturating_sub(1 + unsure).min(last);
        let high = (rank.saturating_sub(1) + unsure).min(last);
        (self.0[low], self.0[high])
    }
}

/// Checks every percentile that is to be believed.
pub(crate) fn check(world: &World, outcome: &Outcome, counts: &Counts) -> Result<(), String> {
    if counts.took.is_empty() || world.is_muddled() || !world.scenario.verify {
        return Ok(());
    }
    let taken = Sorted::new(&counts.took, |it| it.taken);
    let readable = Sorted::new(&counts.took, |it| it.readable);
    let from_write = Sorted::new(&counts.took, |it| it.from_write);
    let delayed = counts.took.iter().map(|it| it.taken.saturating_sub(it.readable)).max();
    for (name, quantile) in PERCENTILES {
        let figure = outcome.latency_us.figure(name);
        if !world.is_disturbed() {
            let slack = SLACK_NS + 4.0 * MICROSECOND as f64;
            compare(name, figure, taken.quantile(quantile, counts.unsure), PRECISION, slack)?;
            let slack = slack + delayed.unwrap_or_default() as f64;
            compare(name, figure, readable.quantile(quantile, counts.unsure), PRECISION, slack)?;
            continue;
        }
        // A closed loop on a server of constant speed keeps in step: one stall delays all echoes of
        // a round, and not the share of them that belief counts on.
        let is_random = quantile <= 0.5 || !matches!(world.scenario.pace, Pace::Closed { .. });
        let is_believed = quantile < 1.0
            && is_random
            && outcome.valid_to.is_some_and(|to| quantile * 100.0 <= to)
            && !outcome.not_believed.iter().any(|it| it == name);
        if is_believed {
            let low = from_write.quantile(quantile, counts.unsure).0;
            // A message that is sent late misses the beginning of a pause: the schedule has all of
            // it.
            let high = match world.server_pauses() {
                true => readable.quantile(quantile, counts.unsure).1,
                false => from_write.quantile(quantile, counts.unsure).1,
            };
            compare(name, figure, (low, high), BELIEVED, BELIEVED_NS)
                .map_err(|text| format!("believed and wrong: {text}"))?;
        }
    }
    Ok(())
}

/// Compares a figure with the least and the most that it should be, in ns.
fn compare(
    name: &str,
    figure: Figure,
    (low, high): (u64, u64),
    share: f64,
    slack_ns: f64,
) -> Result<(), String> {
    let shown = |value: u64| match value {
        u64::MAX => "lost".to_owned(),
        value => format!("{:.1} µs", value as f64 / 1e3),
    };
    let is_right = match figure {
        Figure::Known(value) => {
            let value = value * 1e3;
            let least = if low == u64::MAX { f64::INFINITY } else { low as f64 };
            let most = if high == u64::MAX { f64::INFINITY } else { high as f64 };
            least * (1.0 - share) - slack_ns <= value && value <= most * (1.0 + share) + slack_ns
        }
        Figure::Above(_) => high == u64::MAX,
        Figure::Absent => false,
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("{name} is {figure:?}, not {} to {}", shown(low), shown(high))),
    }
}

impl World {
    fn server_pauses(&self) -> bool {
        self.scenario.has(|it| matches!(it, Fault::Pause { .. } | Fault::StopReading { .. }))
    }
}

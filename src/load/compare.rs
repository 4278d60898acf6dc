//! Two outcomes, side by side: what changed, and whether that is more than chance.
//!
//! Chance is what differs between the intervals of a run. What differs from run to run, as a processor that is
//! hotter or a neighbour on the machine, is not seen in two runs, however long they are.

use super::bootstrap::{self, Estimate, INTERVALS_MIN, QUANTILES, RATE, Run, SERVER};
use super::metric::{Metric, Unit};
use super::outcome::{Kind, Load, Outcome};
use super::render::quantity::{bytes, count, per_second, percent, signed_percent};

/// What is compared, by its name among the [metrics](super::metric::METRICS).
pub const COMPARED: [&str; 7] =
    ["p50", "p90", "p99", "p99.9", "mean", "rate", "server.cpu_per_message"];

/// A quantile of fewer messages beyond it is that of a few accidents: 10.
const BEYOND_MIN: f64 = 10.0;

/// See the [module documentation](self).
#[derive(Debug, Clone)]
pub struct Comparison {
    /// One for each of [`COMPARED`], in its order.
    pub changes: Vec<Change>,
    /// What else to know, in sentences.
    pub notes: Vec<String>,
}

/// What became of a metric.
#[derive(Debug, Clone)]
pub struct Change {
    /// Which.
    pub metric: &'static Metric,
    /// Its value in the first outcome; none if it was not measured.
    pub before: Option<f64>,
    /// In the second.
    pub after: Option<f64>,
    /// By how much it changed, or why that cannot be told.
    pub estimate: Result<Estimate, String>,
}

impl Change {
    /// `faster by 4.1 % ± 0.6 %`, `no difference shown (-0.4 % ± 1.2 %)`, or why neither can be told.
    pub fn sentence(&self) -> String {
        let estimate = match &self.estimate {
            Ok(estimate) => estimate,
            Err(reason) => return format!("cannot tell: {reason}"),
        };
        let margin = percent(estimate.margin);
        if !estimate.is_shown {
            let change = signed_percent(estimate.change);
            return format!("no difference shown ({change} ± {margin})");
        }
        let words = match self.metric.unit {
            _ if self.metric.name.starts_with("server.") => ["cheaper", "dearer"],
            Unit::Time => ["faster", "slower"],
            _ => ["lower", "higher"],
        };
        let word = words[usize::from(estimate.change > 0.0)];
        format!("{word} by {} ± {margin}", percent(estimate.change.abs()))
    }
}

impl Comparison {
    /// Compares `after` with `before`. The same two give the same answer every time.
    ///
    /// # Errors
    /// In a sentence: one is a bench and the other a hold.
    pub fn new(before: &Outcome, after: &Outcome) -> Result<Self, String> {
        if before.kind != after.kind {
            return Err("a bench and a hold cannot be compared".into());
        }
        let runs = (Run::new(before), Run::new(after));
        let few = runs.0.blocks().min(runs.1.blocks());
        let estimates = if few < INTERVALS_MIN {
            std::array::from_fn(|_| None)
        } else {
            bootstrap::estimate(&runs.0, &runs.1)
        };
        let changes = COMPARED.iter().zip(estimates).enumerate();
        let changes = changes.filter_map(|(index, (name, estimate))| {
            let metric = Metric::named(name)?;
            let obstacle = match few {
                0..INTERVALS_MIN => Some(format!(
                    "{few} intervals are too few, it takes {INTERVALS_MIN} on either side"
                )),
                _ => obstacle(index, before, after),
            };
            let estimate = match (obstacle, estimate) {
                (Some(reason), _) => Err(reason),
                (None, Some(estimate)) => Ok(estimate),
                (None, None) => Err("it was not measured in both, in every interval".into()),
            };
            let (before, after) = (metric.value(before).known(), metric.value(after).known());
            Some(Change { metric, before, after, estimate })
        });
        Ok(Self { changes: changes.collect(), notes: notes(before, after) })
    }

    /// The change of a metric of [`COMPARED`].
    pub fn change(&self, name: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.metric.name == name)
    }
}

/// Why a figure cannot be compared however well it was measured.
fn obstacle(index: usize, before: &Outcome, after: &Outcome) -> Option<String> {
    let (one, other) = (&before.load, &after.load);
    let is_mixed = one.rate.is_some() != other.rate.is_some();
    if is_mixed && index != SERVER {
        return Some("one is an open loop, the other a closed one".into());
    }
    if index == RATE && one.rate.is_some() {
        return Some("the rate of an open loop is given, not measured".into());
    }
    let quantile = QUANTILES.get(index)?;
    let messages = before.histograms.latency.count().min(after.histograms.latency.count());
    let beyond = (1.0 - quantile) * messages as f64;
    let wanted = (BEYOND_MIN / (1.0 - quantile)).ceil() as u64;
    (beyond < BEYOND_MIN * 0.999)
        .then(|| format!("{} messages are too few, it takes {}", count(messages), count(wanted)))
}

fn notes(before: &Outcome, after: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    let mut differs = |what: &str, one: String, other: String| {
        if one != other {
            notes.push(format!("{what}: {one} before, {other} after"));
        }
    };
    differs("the verdicts differ", before.verdict.to_string(), after.verdict.to_string());
    differs("the loads differ", load(&before.load), load(&after.load));
    let connections = |it: &Outcome| count(it.connections.established);
    differs("the connections differ", connections(before), connections(after));
    if before.kind == Kind::Bench {
        notes.push(
            "± is the 95 % interval by what varies within the two runs; what varies from run to run is not \
             in it, so repeat both in turn"
                .into(),
        );
    }
    notes
}

fn load(load: &Load) -> String {
    let size = bytes(load.message_bytes as f64);
    match (load.rate, load.depth) {
        (Some(rate), _) => format!("{size} at {}", per_second(rate)),
        (None, depth) => format!("{size}, {} on their way", depth.unwrap_or(1)),
    }
}

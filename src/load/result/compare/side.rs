//! One side of a comparison: what its runs have in common, and how they are arranged in time.

use super::difference::Design;
use crate::load::result::Figure;
use crate::load::result::experiment::disagreement;
use crate::load::result::metric::Metric;
use crate::load::result::outcome::Outcome;
use jiff::Timestamp;

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    /// The runs, earliest first, at least one.
    pub runs: Vec<&'a Outcome>,
    starts: Vec<Timestamp>,
}

impl<'a> Side<'a> {
    /// # Errors
    /// A sentence: there is no run, a run has no valid start time, or the runs are not one
    /// experiment.
    pub(super) fn new(name: &str, outcomes: &'a [Outcome]) -> Result<Self, String> {
        let mut runs = Vec::new();
        for outcome in outcomes {
            let start = outcome.started_at.parse::<Timestamp>();
            let start = start
                .map_err(|_| format!("started_at '{}' is not a valid time", outcome.started_at))?;
            runs.push((start, outcome));
        }
        runs.sort_by_key(|&(start, _)| start);
        let Some(&(_, first)) = runs.first() else { return Err(format!("{name} has no run")) };
        if let Some(reason) = runs.iter().find_map(|(_, run)| disagreement(first, run)) {
            return Err(format!("the runs of {name} are not one experiment: {reason}"));
        }
        let (starts, runs) = runs.into_iter().unzip();
        Ok(Self { runs, starts })
    }

    /// The first run, for everything that the runs have in common.
    pub fn first(&self) -> &'a Outcome {
        self.runs[0]
    }

    /// A metric's figure: that of the only run, or the geometric mean of several. If it is only a
    /// bound in some runs, the lowest bound.
    pub fn figure(&self, metric: &Metric) -> Figure {
        let figures = || self.runs.iter().map(|run| metric.value(run));
        if let [only] = &self.runs[..] {
            return metric.value(only);
        }
        let bounds = figures().filter_map(|figure| match figure {
            Figure::Above(bound) => Some(bound),
            Figure::Absent | Figure::Known(_) => None,
        });
        let bound = bounds.reduce(f64::min);
        match figures().map(Figure::known).collect::<Option<Vec<f64>>>() {
            Some(values) if values.contains(&0.0) => {
                Figure::Known(values.iter().sum::<f64>() / values.len() as f64)
            }
            Some(values) => {
                let logarithms: f64 = values.iter().map(|value| value.ln()).sum();
                Figure::Known((logarithms / values.len() as f64).exp())
            }
            None => bound.map_or(Figure::Absent, Figure::Above),
        }
    }
}

/// Rounds, if the runs of the two sides alternate: the two runs of a round may be in either order,
/// but no third run is between them.
pub(super) fn design(a: &Side<'_>, b: &Side<'_>) -> Design {
    let is_round = |pair: &[(Timestamp, bool)]| pair.len() == 2 && pair[0].1 != pair[1].1;
    match all_starts(a, b).chunks(2).all(is_round) {
        true => Design::Rounds,
        false => Design::Separate,
    }
}

/// Whether a run started before another ended.
pub(super) fn do_overlap(a: &Side<'_>, b: &Side<'_>) -> bool {
    let spans = |side: &Side<'_>| {
        let ends = side.runs.iter().map(|run| run.duration_s);
        let starts = side.starts.iter().map(|start| start.as_millisecond() as f64 / 1e3);
        starts.zip(ends).collect::<Vec<_>>()
    };
    let mut spans = [spans(a), spans(b)].concat();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    // Start times have a resolution of a millisecond.
    spans.windows(2).any(|pair| pair[0].0 + pair[0].1 > pair[1].0 + 0.002)
}

/// The start time of each run, and whether it is on the second side.
fn all_starts(a: &Side<'_>, b: &Side<'_>) -> Vec<(Timestamp, bool)> {
    let of = |side: &Side<'_>, is_second| {
        side.starts.iter().map(|&start| (start, is_second)).collect::<Vec<_>>()
    };
    let mut all = [of(a, false), of(b, true)].concat();
    all.sort_by_key(|&(start, _)| start);
    all
}

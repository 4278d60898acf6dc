//! A comparison: every metric on both sides, how they differ, and why that is unknown where it is.

use super::difference::{Design, Difference, RUNS_MIN, Values, differences};
use super::notes::notes;
use super::side::{Side, design};
use crate::load::render::quantity::{count, percent};
use crate::load::result::Figure;
use crate::load::result::experiment::is_same_run;
use crate::load::result::metric::{Metric, Unit};
use crate::load::result::outcome::Outcome;
use std::fmt;

/// The metrics that are compared, by their names in
/// [`METRICS`](crate::load::result::metric::METRICS).
pub const COMPARED: [&str; 5] = ["p50", "p90", "p99", "rate", "server.cpu_per_message"];

/// Times are exact to three significant digits and to a hundredth of a microsecond.
const TIME_RESOLUTION: f64 = 0.001;
const TIME_RESOLUTION_US: f64 = 0.01;

/// Why a single run per side is not compared.
const ONE_RUN: &str = "one run per side is not enough";

/// How the runs of one side differ from those of the other.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The baseline, and the side that is compared with it.
    pub sides: [Side<'a>; 2],
    /// How the runs are arranged in time.
    pub design: Design,
    /// One change per metric of [`COMPARED`], in its order.
    pub changes: Vec<Change>,
    /// Notes for the reader, as sentences.
    pub notes: Vec<String>,
}

/// How one metric differs.
#[derive(Debug, Clone)]
pub struct Change {
    /// The metric.
    pub metric: &'static Metric,
    /// The figure of each side.
    pub figures: [Figure; 2],
    /// How the second side differs, or why that is unknown.
    pub difference: Result<Difference, String>,
}

/// Why two sides cannot be compared, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The figures of a run cannot be believed.
    NotValid(String),
    /// The runs are not comparable.
    NotComparable(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotValid(sentence) | Self::NotComparable(sentence)) = self;
        formatter.write_str(sentence)
    }
}

impl<'a> Comparison<'a> {
    /// Compares the runs of `b` with those of `a`. `accept_invalid` also accepts figures that
    /// cannot be believed.
    ///
    /// # Errors
    /// A run is not valid, is given twice, or does not belong to the same experiment as the other
    /// runs of its side.
    pub fn new(a: &'a [Outcome], b: &'a [Outcome], accept_invalid: bool) -> Result<Self, Refusal> {
        let side = |name, outcomes| Side::new(name, outcomes).map_err(Refusal::NotComparable);
        let sides = [side("A", a)?, side("B", b)?];
        refuse_repeated(&sides)?;
        if sides[0].first().kind != sides[1].first().kind {
            return Err(Refusal::NotComparable("a bench and a hold cannot be compared".into()));
        }
        if !accept_invalid {
            refuse_invalid(&sides)?;
        }
        let design = design(&sides[0], &sides[1]);
        let changes = changes(&sides, design, accept_invalid);
        let notes = notes(&sides, design, &changes);
        Ok(Self { sides, design, changes, notes })
    }

    /// The change of a metric in [`COMPARED`].
    pub fn change(&self, name: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.metric.name == name)
    }
}

impl Change {
    /// `B is 4.1 % faster ± 0.6 %`, `no difference shown (± 3.9 %)`, or why neither is known.
    pub fn sentence(&self) -> String {
        let it = match &self.difference {
            Ok(difference) => difference,
            Err(reason) if reason == ONE_RUN => return reason.clone(),
            Err(reason) => return format!("not comparable: {reason}"),
        };
        let margin = percent(it.margin);
        if !it.is_shown {
            return format!("no difference shown (± {margin})");
        }
        let words = match self.metric.unit {
            _ if self.metric.name.starts_with("server.") => ["lower", "higher"],
            Unit::Time => ["faster", "slower"],
            _ => ["lower", "higher"],
        };
        let word = words[usize::from(it.change > 0.0)];
        format!("B is {} {word} ± {margin}", percent(it.change.abs()))
    }
}

fn refuse_invalid(sides: &[Side<'_>; 2]) -> Result<(), Refusal> {
    for run in sides.iter().flat_map(|side| &side.runs) {
        if !run.verdict.is_valid() {
            return Err(Refusal::NotValid(format!(
                "the run of {} is {}: {}",
                run.started_at,
                run.headline(),
                run.verdict_reason
            )));
        }
    }
    Ok(())
}

/// A run that counts twice makes a side look steadier than it is. One run compared with itself is
/// only shown.
fn refuse_repeated(sides: &[Side<'_>; 2]) -> Result<(), Refusal> {
    let runs: Vec<&Outcome> = sides.iter().flat_map(|side| side.runs.iter().copied()).collect();
    if runs.len() <= 2 {
        return Ok(());
    }
    for (index, run) in runs.iter().enumerate() {
        if runs[..index].iter().any(|other| is_same_run(run, other)) {
            return Err(Refusal::NotComparable(format!(
                "the run of {} is given twice",
                run.started_at
            )));
        }
    }
    Ok(())
}

fn changes(sides: &[Side<'_>; 2], design: Design, accept_invalid: bool) -> Vec<Change> {
    let metrics = || COMPARED.iter().filter_map(|name| Metric::named(name));
    let values: Vec<Result<Values, String>> = metrics()
        .map(|metric| match obstacle(metric, sides, accept_invalid) {
            Some(reason) => Err(reason),
            None => values(metric, sides),
        })
        .collect();
    let comparable: Vec<Values> = values.iter().filter_map(|it| it.clone().ok()).collect();
    let mut differences = differences(&comparable, design).into_iter();
    let change = |(metric, values): (&'static Metric, Result<Values, String>)| Change {
        metric,
        figures: [0, 1].map(|side: usize| sides[side].figure(metric)),
        difference: values.and_then(|_| differences.next().ok_or_else(|| "not compared".into())),
    };
    metrics().zip(values).map(change).collect()
}

/// Why a metric cannot be compared: for reasons that more runs do not change, and then for too few
/// runs.
fn obstacle(metric: &Metric, sides: &[Side<'_>; 2], accept_invalid: bool) -> Option<String> {
    let loads = [0, 1].map(|side: usize| &sides[side].first().load);
    let is_about_server = metric.name.starts_with("server.");
    if loads[0].rate.is_some() != loads[1].rate.is_some() && !is_about_server {
        return Some("one side is an open loop, the other a closed loop".into());
    }
    if metric.name == "rate" && loads[0].rate.is_some() {
        return Some("an open loop sets the rate".into());
    }
    let runs = || sides.iter().flat_map(|side| &side.runs);
    let share = |holds: &dyn Fn(&Outcome) -> bool| {
        let some = runs().filter(|run| holds(run)).count();
        (some > 0).then(|| format!("in {some} of {} runs", runs().count()))
    };
    let is_doubted = |run: &Outcome| run.not_believed.iter().any(|name| name == metric.name);
    if let Some(share) = share(&is_doubted).filter(|_| !accept_invalid) {
        return Some(format!("not believed {share}"));
    }
    if let Some(share) = share(&|run| matches!(metric.value(run), Figure::Above(_))) {
        return Some(format!("beyond the reply timeout {share}"));
    }
    if let Some(share) = share(&|run| metric.value(run) == Figure::Absent) {
        return Some(format!("not measured {share}"));
    }
    if let Some(share) = share(&|run| metric.value(run) == Figure::Known(0.0)) {
        return Some(format!("0 {share}"));
    }
    match sides.iter().map(|side| side.runs.len()).min().unwrap_or(0) {
        0 | 1 => Some(ONE_RUN.into()),
        few if few < RUNS_MIN => {
            Some(format!("{} runs are too few, each side needs {RUNS_MIN}", count(few as u64)))
        }
        _ => None,
    }
}

/// The value of each run. Both sides are ordered by time, so the runs of a round have the same
/// index.
fn values(metric: &Metric, sides: &[Side<'_>; 2]) -> Result<Values, String> {
    let of = |side: &Side<'_>| {
        let values = side.runs.iter().map(|run| metric.value(run).known());
        values.collect::<Option<Vec<f64>>>().ok_or_else(|| "not measured".to_owned())
    };
    let (a, b) = (of(&sides[0])?, of(&sides[1])?);
    let smallest = a.iter().chain(&b).copied().fold(f64::INFINITY, f64::min);
    let is_from_histogram = metric.unit == Unit::Time && !metric.name.starts_with("server.");
    let resolution = match is_from_histogram {
        true => TIME_RESOLUTION.max(TIME_RESOLUTION_US / smallest),
        false => 0.0,
    };
    Ok(Values { a, b, resolution })
}

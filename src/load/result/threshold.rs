//! Thresholds: `p99>5ms`, `errors>0`, `rate<100k/s`, and for comparisons `p99>+5%`.
//!
//! A threshold is the condition under which a run fails. If it cannot be judged, because nothing
//! was measured, the run fails too: a gate must not open for want of data.

use super::Figure;
use super::compare::{COMPARED, Comparison};
use super::metric::{METRICS, Metric};
use super::outcome::Outcome;
use crate::load::render::quantity::{count, percent, signed_percent};
use std::fmt;
use std::str::FromStr;

/// See the [module documentation](self).
#[derive(Debug, Clone)]
pub struct Threshold {
    text: String,
    metric: &'static Metric,
    operator: Operator,
    bound: Bound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    /// In the unit of the metric.
    Absolute(f64),
    /// A relative change: 0.05 is 5 % more.
    Relative(f64),
}

impl Threshold {
    /// Whether the threshold is about a change, which only a comparison provides.
    pub fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Relative(_))
    }

    /// The name of its metric.
    pub fn metric_name(&self) -> &'static str {
        self.metric.name
    }

    /// The complaint about this outcome, with the measured value, if the threshold is crossed or
    /// cannot be judged.
    pub fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let Bound::Absolute(bound) = self.bound else {
            return Some(format!("{self} is about a change: it needs two results to compare"));
        };
        let (name, unit) = (self.metric.name, self.metric.unit);
        let crossed = |value: String| Some(format!("{name} is {value}: crosses {self}"));
        let figure = self.metric.value(outcome);
        let text = figure.text(|value| unit.show(value));
        match figure {
            Figure::Known(value) => self.operator.holds(value, bound).then(|| crossed(text))?,
            Figure::Above(least) if self.operator.is_above() && least >= bound => crossed(text),
            Figure::Above(least) if !self.operator.is_above() && least >= bound => None,
            Figure::Above(_) => {
                Some(format!("{self} cannot be judged: {name} is only known to be {text}"))
            }
            Figure::Absent => Some(format!("{self} cannot be judged: {name} was not measured")),
        }
    }

    /// Why this outcome's figure cannot be believed, in a sentence; `None` if it can.
    pub fn doubt(&self, outcome: &Outcome) -> Option<String> {
        let (name, unit) = (self.metric.name, self.metric.unit);
        outcome.not_believed.iter().any(|doubted| doubted == name).then(|| {
            let value = self.metric.value(outcome).text(|value| unit.show(value));
            format!(
                "{self} cannot be judged: {name} is {value}, and stalls of the load generator may dominate it"
            )
        })
    }

    /// The same for a comparison. An absolute threshold applies to each run of the second side. A
    /// change that is not shown may still reach the bound, if the runs can only show larger ones.
    pub fn doubt_between(&self, comparison: &Comparison<'_>) -> Option<String> {
        let Bound::Relative(bound) = self.bound else {
            return comparison.sides[1].runs.iter().find_map(|run| self.doubt(run));
        };
        let change = comparison.change(self.metric.name)?;
        let it = match &change.difference {
            Err(reason) => return Some(format!("{self} cannot be judged: {reason}")),
            Ok(it) if it.is_shown => return None,
            Ok(it) => it,
        };
        let is_open = match self.operator.holds(0.0, bound) {
            true => !self.operator.holds(it.change, bound),
            false => bound != 0.0 && it.margin >= bound.abs(),
        };
        is_open.then(|| {
            let more = match it.rounds_missing() {
                0 => String::new(),
                rounds => format!("; about {} more rounds would show 5 %", count(rounds.into())),
            };
            let margin = percent(it.margin);
            format!(
                "{self} cannot be judged: these runs cannot show a change below ± {margin}{more}"
            )
        })
    }

    /// The complaint about the second side of a comparison. A change must be more than chance to
    /// cross a threshold, unless no change crosses it too.
    pub fn complaint_between(&self, comparison: &Comparison<'_>) -> Option<String> {
        let Bound::Relative(bound) = self.bound else { return self.complaint_of_runs(comparison) };
        let name = self.metric.name;
        let it = comparison.change(name)?.difference.as_ref().ok()?;
        let is_known = it.is_shown || self.operator.holds(0.0, bound);
        (is_known && self.operator.holds(it.change, bound)).then(|| {
            let (change, margin) = (signed_percent(it.change), percent(it.margin));
            format!("{name} changed by {change} ± {margin}: crosses {self}")
        })
    }

    /// The first complaint about a run of the second side, and the number of runs with a complaint.
    fn complaint_of_runs(&self, comparison: &Comparison<'_>) -> Option<String> {
        let runs = &comparison.sides[1].runs;
        let complaints: Vec<String> = runs.iter().filter_map(|run| self.complaint(run)).collect();
        let first = complaints.first()?;
        Some(match runs.len() {
            1 => first.clone(),
            all => format!("in {} of {all} runs of B, as in {first}", complaints.len()),
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some(start) = text.find(['<', '>']) else {
            return Err(format!(
                "expected a metric, <, <=, > or >=, and a bound, as in 'p99>5ms'; {}",
                names()
            ));
        };
        let name = text[..start].trim_end();
        let Some(metric) = Metric::named(name) else {
            return Err(format!("'{name}' is not a metric; {}", names()));
        };
        let (operator, bound) = Operator::split(&text[start..]);
        let bound = bound.trim_start();
        let relative = bound.starts_with(['+', '-']).then(|| change(bound)).flatten();
        let bound = match relative {
            Some(part) if COMPARED.contains(&name) => Bound::Relative(part),
            Some(_) => {
                return Err(format!(
                    "changes are available for {}, not for {name}",
                    COMPARED.join(", ")
                ));
            }
            None => {
                Bound::Absolute(metric.unit.parse(bound).ok_or_else(|| expected(metric, bound))?)
            }
        };
        Ok(Self { text: text.into(), metric, operator, bound })
    }
}

/// The list of metrics, for error messages.
pub fn names() -> String {
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    format!("metrics are {}", names.join(", "))
}

fn expected(metric: &Metric, bound: &str) -> String {
    let change = if COMPARED.contains(&metric.name) { ", or a change such as +5%" } else { "" };
    format!(
        "'{bound}' is not a valid threshold for {}: expected {}{change}",
        metric.name,
        metric.unit.examples()
    )
}

/// Parses a change: `+5%` is 0.05.
fn change(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    number.is_finite().then_some(number / 100.0)
}

impl Operator {
    /// Splits off the operator at the start of the text, which is `<` or `>`.
    fn split(text: &str) -> (Self, &str) {
        let (above, rest) = (text.starts_with('>'), &text[1..]);
        match (above, rest.strip_prefix('=')) {
            (true, None) => (Self::Above, rest),
            (true, Some(rest)) => (Self::AtLeast, rest),
            (false, None) => (Self::Below, rest),
            (false, Some(rest)) => (Self::AtMost, rest),
        }
    }

    fn is_above(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
        }
    }
}

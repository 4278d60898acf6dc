//! Thresholds: `p99>5ms`, `errors>0`, `rate<100k/s`, and between two outcomes `p99>+5%`.
//!
//! A threshold is the condition under which a run has failed. One that cannot be judged, because nothing was
//! measured, has failed too: a gate must not open because nobody came.

use super::compare::{COMPARED, Comparison};
use super::metric::{METRICS, Metric};
use super::outcome::Outcome;
use super::render::quantity::{percent, signed_percent};
use super::result::Figure;
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
    /// A change as a part of what was before: 0.05 is 5 % more.
    Relative(f64),
}

impl Threshold {
    /// Whether it is about a change, which only a comparison knows.
    pub fn is_relative(&self) -> bool {
        matches!(self.bound, Bound::Relative(_))
    }

    /// The metric that it is about.
    pub fn metric_name(&self) -> &'static str {
        self.metric.name
    }

    /// What is wrong with this outcome, in a sentence with the measured value, if the threshold is crossed or
    /// cannot be judged.
    pub fn complaint(&self, outcome: &Outcome) -> Option<String> {
        let Bound::Absolute(bound) = self.bound else {
            return Some(format!("{self} is about a change: it takes two results to compare"));
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
                Some(format!("{self} cannot be judged: all that is known is {name} {text}"))
            }
            Figure::Absent => Some(format!("{self} cannot be judged: {name} was not measured")),
        }
    }

    /// The same for the change between two outcomes, of which `after` is what an absolute threshold is about.
    /// A change must be more than chance to cross a threshold.
    pub fn complaint_between(&self, comparison: &Comparison, after: &Outcome) -> Option<String> {
        let Bound::Relative(bound) = self.bound else { return self.complaint(after) };
        let name = self.metric.name;
        let change = comparison.change(name)?;
        match &change.estimate {
            Err(reason) => Some(format!("{self} cannot be judged: {reason}")),
            Ok(it) => (it.is_shown && self.operator.holds(it.change, bound)).then(|| {
                let (change, margin) = (signed_percent(it.change), percent(it.margin));
                format!("{name} changed by {change} ± {margin}: crosses {self}")
            }),
        }
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
            return Err(format!("'{name}' is not measured; {}", names()));
        };
        let (operator, bound) = Operator::split(&text[start..]);
        let bound = bound.trim_start();
        let relative = bound.starts_with(['+', '-']).then(|| change(bound)).flatten();
        let bound = match relative {
            Some(part) if COMPARED.contains(&name) => Bound::Relative(part),
            Some(_) => {
                return Err(format!("changes are known of {}, not of {name}", COMPARED.join(", ")));
            }
            None => {
                Bound::Absolute(metric.unit.parse(bound).ok_or_else(|| expected(metric, bound))?)
            }
        };
        Ok(Self { text: text.into(), metric, operator, bound })
    }
}

/// What can stand before the comparison.
pub fn names() -> String {
    let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
    format!("metrics are {}", names.join(", "))
}

fn expected(metric: &Metric, bound: &str) -> String {
    let change = if COMPARED.contains(&metric.name) { ", or a change such as +5%" } else { "" };
    format!("'{bound}' is no bound of {}: expected {}{change}", metric.name, metric.unit.examples())
}

/// `+5%` is 0.05.
fn change(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    number.is_finite().then_some(number / 100.0)
}

impl Operator {
    /// The operator that the text begins with, which is `<` or `>`, and what follows.
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

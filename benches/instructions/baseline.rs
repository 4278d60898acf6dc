//! The committed counts, and the comparison of new counts with them.

use crate::surroundings::Surroundings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::{fmt, fs, io};

/// The path of the baseline.
pub(crate) const PATH: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/baseline.json");

/// What to do when a comparison fails.
pub(crate) const ADVICE: &str = "\
Make it cheaper, or accept what it costs: `cargo bench --bench instructions -- --update`, and say why in the
commit.";

/// The difference that counts as a change: 3 %. Counts repeat to the instruction, but inlining
/// decisions vary with unrelated code.
const TOLERANCE: f64 = 0.03;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Baseline {
    surroundings: Surroundings,
    counts: BTreeMap<String, f64>,
}

impl Baseline {
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        Self { surroundings, counts: BTreeMap::new() }
    }

    pub(crate) fn read() -> io::Result<Self> {
        let text = fs::read_to_string(PATH)
            .map_err(|error| io::Error::other(format!("{PATH}: {error}; --update writes it")))?;
        let value: Value = serde_json::from_str(&text)?;
        Self::from_json(&value).ok_or_else(|| io::Error::other(format!("{PATH} is not a baseline")))
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        let counts: Map<String, Value> =
            self.counts.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        let value = json!({ "surroundings": self.surroundings.to_json(), "instructions": counts });
        fs::write(PATH, format!("{value:#}\n"))
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    pub(crate) fn insert(&mut self, name: &str, count: f64) {
        self.counts.insert(name.to_owned(), (count * 10.0).round() / 10.0);
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.counts.keys().map(String::as_str)
    }

    pub(crate) fn count(&self, name: &str) -> Option<f64> {
        self.counts.get(name).copied()
    }

    fn from_json(value: &Value) -> Option<Self> {
        let surroundings = Surroundings::from_json(value.get("surroundings")?)?;
        let counts = value.get("instructions")?.as_object()?;
        let counts = counts.iter().map(|(name, count)| Some((name.clone(), count.as_f64()?)));
        Some(Self { surroundings, counts: counts.collect::<Option<_>>()? })
    }
}

/// A count with its baseline.
#[derive(Debug)]
pub(crate) struct Verdict {
    now: f64,
    baseline: Option<f64>,
}

impl Verdict {
    pub(crate) fn new(now: f64, baseline: Option<f64>) -> Self {
        Self { now, baseline }
    }

    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// Whether the count is within the limit, with a baseline to compare it with.
    pub(crate) fn is_well(&self) -> bool {
        self.change().is_some_and(|change| change <= TOLERANCE)
    }

    /// The increase as a fraction of the baseline.
    fn change(&self) -> Option<f64> {
        self.baseline.map(|baseline| self.now / baseline - 1.0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:>10.1}", self.now)?;
        let (Some(baseline), Some(change)) = (self.baseline, self.change()) else {
            return write!(formatter, " {:>10}   not in the baseline: --update", "-");
        };
        write!(formatter, " {baseline:>10.1} {:>+7.2} %", change * 100.0)?;
        match change {
            _ if change > TOLERANCE => write!(formatter, "   too dear"),
            _ if change < -TOLERANCE => write!(formatter, "   cheaper: --update"),
            _ => Ok(()),
        }
    }
}

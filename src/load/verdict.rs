//! Whether the figures of a run may be believed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A message is late if it was sent so long after it was to be sent: 1,000 µs. Timers and the scheduler
/// of an unloaded machine keep below.
pub const LATE_US: f64 = 1_000.0;

/// See the [module documentation](self). Saved as its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Verdict {
    /// What was measured is the server and the way to it.
    Valid,
    /// It was rather the load generator that was measured.
    GeneratorBound,
    /// The rate that was asked for was not reached.
    RateNotReached,
    /// This limit was hit: `descriptors`, `ports`, `backlog`, `remote-resets`…
    Ceiling(String),
}

const CEILING: &str = "CEILING: ";

impl Verdict {
    /// How much a verdict says against the figures: the largest of several runs is that of all.
    pub fn severity(&self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::RateNotReached => 1,
            Self::GeneratorBound => 2,
            Self::Ceiling(_) => 3,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => formatter.write_str("VALID"),
            Self::GeneratorBound => formatter.write_str("GENERATOR-BOUND"),
            Self::RateNotReached => formatter.write_str("RATE-NOT-REACHED"),
            Self::Ceiling(name) => write!(formatter, "{CEILING}{name}"),
        }
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.to_string()
    }
}

impl TryFrom<String> for Verdict {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "VALID" => Self::Valid,
            "GENERATOR-BOUND" => Self::GeneratorBound,
            "RATE-NOT-REACHED" => Self::RateNotReached,
            _ => match text.strip_prefix(CEILING) {
                Some(name) if !name.is_empty() => Self::Ceiling(name.into()),
                _ => return Err(format!("'{text}' is no verdict")),
            },
        })
    }
}

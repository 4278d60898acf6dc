//! The verdict on a run: whether its figures can be believed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// See the [module documentation](self). Ordered by gravity: the greatest of several decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// The figures describe the server and the path to it, at least up to the percentile in
    /// [`valid_to`](crate::load::Outcome::valid_to).
    #[serde(rename = "VALID")]
    Valid,
    /// Held connections were ended by the other side. This is a finding, and the figures are valid.
    #[serde(rename = "LOST")]
    Lost,
    /// Fewer echoes arrived than the requested rate demands.
    #[serde(rename = "RATE-NOT-REACHED")]
    RateNotReached,
    /// Too many messages were lost or corrupted.
    #[serde(rename = "LOSSY")]
    Lossy,
    /// The figures describe the load generator rather than the server.
    #[serde(rename = "GENERATOR-BOUND")]
    GeneratorBound,
    /// A limit was reached; [`ceiling`](crate::load::Outcome::ceiling) names it.
    #[serde(rename = "CEILING")]
    Ceiling,
    /// The server sends something other than it received.
    #[serde(rename = "NOT-AN-ECHO")]
    NotAnEcho,
    /// An echo arrived on another connection than its message was sent on.
    #[serde(rename = "MISDELIVERED")]
    Misdelivered,
}

impl Verdict {
    /// Whether the figures can be used as they are.
    pub fn is_valid(self) -> bool {
        matches!(self, Self::Valid | Self::Lost)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Valid => "VALID",
            Self::Lost => "LOST",
            Self::RateNotReached => "RATE-NOT-REACHED",
            Self::Lossy => "LOSSY",
            Self::GeneratorBound => "GENERATOR-BOUND",
            Self::Ceiling => "CEILING",
            Self::NotAnEcho => "NOT-AN-ECHO",
            Self::Misdelivered => "MISDELIVERED",
        })
    }
}

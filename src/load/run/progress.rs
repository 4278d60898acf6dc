//! The progress of a run: what is displayed while it runs, and what a worker reports to its
//! coordinator.

use crate::load::result::Histogram;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The phase of a run, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Connections are being made.
    #[default]
    Connecting,
    /// All connections are open; the run waits for its start.
    Ready,
    /// Messages are sent, but do not count yet.
    WarmingUp,
    /// Messages count.
    Measuring,
    /// No more messages are sent; the run waits for the last echoes.
    Waiting,
    /// Every open connection is probed once more.
    Proving,
    /// Connections are being closed.
    Closing,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Connecting => "connecting",
            Self::Ready => "ready",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Waiting => "waiting for the last echoes",
            Self::Proving => "probing each connection once more",
            Self::Closing => "closing",
        })
    }
}

/// The progress of a run, of one process or the sum of several.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress<'a> {
    /// The current phase.
    pub phase: Phase,
    /// Time since this phase began.
    pub elapsed: Duration,
    /// Open connections.
    pub connections: u64,
    /// Echoes received per second in the current interval.
    pub per_second: f64,
    /// The latencies of these echoes.
    pub latency: Cow<'a, Histogram>,
    /// The number of errors so far.
    pub errors: u64,
}

//! How a run goes: what is shown while it runs, and what a worker reports to its coordinator.

use crate::load::result::Histogram;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What a run is doing, in the order of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Connections are made.
    #[default]
    Connecting,
    /// All connections are open; the run waits for its start.
    Ready,
    /// Messages are sent that do not count yet.
    WarmingUp,
    /// Messages count.
    Measuring,
    /// No more messages are sent; the last echoes are awaited.
    Waiting,
    /// Every connection that was held is probed once more.
    Proving,
    /// Connections are closed.
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

/// How a run goes, in one process or, summed up, in several.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Progress<'a> {
    /// What the run is doing.
    pub phase: Phase,
    /// Time since this phase began.
    pub elapsed: Duration,
    /// Open connections.
    pub connections: u64,
    /// Echoes received per second in the current interval.
    pub per_second: f64,
    /// Their latencies.
    pub latency: Cow<'a, Histogram>,
    /// Errors so far.
    pub errors: u64,
}

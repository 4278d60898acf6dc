//! When the load generator was not running: the evidence for or against its figures.

use super::histogram::Histogram;
use serde::{Deserialize, Serialize};

/// When the load generator was not running. For several processes, the sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// Lateness of each beat of the event loop, in ns. Beats on time are not counted.
    pub lateness: Histogram,
    /// Lateness of messages that their connections would have accepted, in ns, from 50 µs on (open
    /// loop).
    pub late_sends: Histogram,
    /// Time between two beats, in µs; 12 ms while the loop is idle, unless it is longer anyway.
    pub beat_us: f64,
    /// How long the event loop was watched, in s.
    pub watched_s: f64,
    /// How long the thread was runnable and waited for a CPU, in s (`/proc/thread-self/schedstat`).
    #[serde(default)]
    pub run_delay_s: Option<f64>,
    /// How often it was given a CPU.
    #[serde(default)]
    pub timeslices: Option<u64>,
    /// CPU time that the hypervisor took from this machine, in s, over all its CPUs (`/proc/stat`).
    #[serde(default)]
    pub steal_s: Option<f64>,
    /// How long the CPU quota of the control group throttled the load generator, in s (`cpu.stat`).
    #[serde(default)]
    pub throttled_s: Option<f64>,
}

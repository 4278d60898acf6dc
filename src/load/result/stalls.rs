//! How long the load generator did not run: the evidence for or against its own figures.

use super::histogram::Histogram;
use serde::{Deserialize, Serialize};

/// How long the load generator did not run. Of several processes, their sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// How late each beat of the event loop was, in ns. A beat that was on time is not counted.
    pub lateness: Histogram,
    /// How late messages were sent that their connections would have taken, in ns, from 50 µs on (open loop).
    pub late_sends: Histogram,
    /// Time between two beats, in µs; 12 ms while the loop is idle, unless it is longer anyway.
    pub beat_us: f64,
    /// How long the event loop was watched, in s.
    pub watched_s: f64,
    /// How long the thread was ready to run and waited for a CPU, in s (`/proc/self/schedstat`).
    #[serde(default)]
    pub run_delay_s: Option<f64>,
    /// How often it was given a CPU.
    #[serde(default)]
    pub timeslices: Option<u64>,
    /// CPU time that the hypervisor took from this machine, in s, over all its CPUs (`/proc/stat`).
    #[serde(default)]
    pub steal_s: Option<f64>,
    /// How long the CPU quota of the control group stopped us, in s (`cpu.stat`).
    #[serde(default)]
    pub throttled_s: Option<f64>,
}

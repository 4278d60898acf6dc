//! Why the load generator was not running, and how to avoid it.

use super::outcome::Outcome;
use super::{STALL_FLOOR_US, Stalls};
use crate::load::render::quantity::{length_s, percent, time_us};
use std::fmt;

/// The CPU usage from which a process with one thread counts as busy: 0.95 of a core.
pub const BUSY_CPU: f64 = 0.95;

/// The share of the stalls that a cause must explain: a half.
const MOST: f64 = 0.5;

/// The same for quotas, which are counted only when a period ends: 0.3.
const MOST_THROTTLED: f64 = 0.3;

/// A beat later than this, in µs, was not delayed by a timer: 50 ms.
const STOPPED_US: f64 = 50_000.0;

/// Why the load generator was not running.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cause {
    /// The quota of its control group throttled it for this long, in s.
    Quota(f64),
    /// It waited for a CPU for this long, in s.
    RunQueue(f64),
    /// The hypervisor ran something else for this long, in s.
    Steal(f64),
    /// It kept this share of a core busy itself.
    Overloaded(f64),
    /// It was stopped or suspended, for up to this long at a time, in µs.
    Stopped(f64),
    /// Timers and wake-ups were late by up to this, in µs.
    LateWakeUps(f64),
}

impl Cause {
    /// The cause that explains most of an outcome's stalls.
    pub fn of(outcome: &Outcome) -> Self {
        let stalls = &outcome.stalls;
        let longest_us = stalls.longest_us();
        let busy = outcome.generator.cpu_of_busiest;
        let stalled_s = stalls.share_beyond(STALL_FLOOR_US) * stalls.watched_s;
        let queued_s = stalls.queued_beyond(10.0) * stalls.watched_s;
        let explains = |seconds: Option<f64>, share: f64| {
            seconds.filter(|&seconds| seconds > 0.0 && seconds >= stalled_s * share)
        };
        if let Some(seconds) = explains(stalls.throttled_s, MOST_THROTTLED) {
            return Self::Quota(seconds);
        }
        if let Some(seconds) = explains(Some(queued_s), MOST) {
            return Self::RunQueue(seconds);
        }
        if let Some(seconds) = explains(stalls.steal_s, MOST) {
            return Self::Steal(seconds);
        }
        match busy {
            _ if busy >= BUSY_CPU => Self::Overloaded(busy),
            _ if longest_us >= STOPPED_US => Self::Stopped(longest_us),
            _ => Self::LateWakeUps(longest_us),
        }
    }

    /// The cause and its remedy in a sentence, for a run that was watched for this many seconds.
    pub fn sentence(self, watched_s: f64) -> String {
        let of_all = match self {
            Self::Quota(_) | Self::RunQueue(_) | Self::Steal(_) => {
                format!(" of {}", length_s(watched_s))
            }
            Self::Overloaded(_) | Self::Stopped(_) | Self::LateWakeUps(_) => String::new(),
        };
        format!("{self}{of_all}; {}", self.advice())
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Quota(_) => "raise the quota, or reduce the load",
            Self::RunQueue(_) => "give it a CPU of its own (taskset), or stop other programs",
            Self::Steal(_) => "use a machine with dedicated CPUs",
            Self::Overloaded(_) => "use more --processes, or reduce the load",
            Self::Stopped(_) => "measure again without stopping it",
            Self::LateWakeUps(_) => "measure on a quiet machine, or try --spin",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Quota(seconds) => write!(
                formatter,
                "the CPU quota of its control group throttled it for {}",
                length_s(seconds)
            ),
            Self::RunQueue(seconds) => {
                write!(formatter, "it waited for a CPU for {}", length_s(seconds))
            }
            Self::Steal(seconds) => {
                write!(formatter, "the hypervisor took its CPU for {}", length_s(seconds))
            }
            Self::Overloaded(share) => {
                write!(formatter, "it was overloaded, with {} of a core busy", percent(share))
            }
            Self::Stopped(longest) => {
                write!(formatter, "it was stopped for up to {} at a time", time_us(longest))
            }
            Self::LateWakeUps(longest) => {
                write!(formatter, "its wake-ups were up to {} late", time_us(longest))
            }
        }
    }
}

impl Stalls {
    /// The longest stall or the latest send, in µs.
    pub fn longest_us(&self) -> f64 {
        self.lateness.nanoseconds_max().max(self.late_sends.nanoseconds_max()) as f64 / 1e3
    }
}

//! The result of a run, and whether it can be believed.
//!
//! [`outcome`] is the data that is saved, merged and shown; [`histogram`] counts times. [`judge`]
//! determines the [`verdict`], [`threshold`] checks `--fail-if`, [`compare`] compares runs, and
//! [`read`] reads saved results.

mod belief;
mod cause;
pub mod compare;
mod connect_phases;
mod difference;
mod end_reason;
pub(in crate::load) mod experiment;
mod figure;
mod findings;
pub mod histogram;
pub mod judge;
mod losses;
pub mod merge;
pub mod metric;
pub mod outcome;
mod packed;
pub mod read;
mod stalls;
pub(in crate::load) mod sum;
pub mod threshold;
pub mod verdict;

pub use belief::{Belief, FLOOR_US as STALL_FLOOR_US, PERCENTILES};
pub use cause::{BUSY_CPU, Cause};
pub(in crate::load) use connect_phases::CONNECT_PHASES;
pub use end_reason::EndReason;
pub use figure::Figure;
pub(in crate::load) use findings::of_messages;
pub use histogram::{Histogram, Latency};
pub use losses::losses;
pub use outcome::Outcome;
pub use stalls::Stalls;
pub use verdict::Verdict;

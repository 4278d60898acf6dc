//! The host: which of its limits a load reaches first, what kept the load generator from running,
//! and what the kernel reports about a listener.
//!
//! [`Host`] has the limits of this machine, [`Demand`] is the load it is to carry, and
//! [`Host::limits`] compares the two. [`Host::limit_behind`] finds the limit behind an error.

mod accept_queue;
mod cgroup;
mod demand;
mod diagnose;
mod environment;
mod facts;
mod instruments;
mod interference;
mod limit;
mod limits;
mod meter;
mod procfs;
mod queue_counters;
mod run_queue;
pub mod usage;

pub use accept_queue::{AcceptQueue, QueueWatch};
pub use cgroup::ControlGroupLimit;
pub use demand::{Demand, Place};
pub use diagnose::Route;
pub use facts::{Host, Ports, TcpMemory};
pub use instruments::{HostInstruments, Instruments};
pub use interference::Taken;
pub use limit::Limit;
pub use meter::Delta;
pub use queue_counters::QueueCounters;

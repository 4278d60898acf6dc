//! The host: which of its limits ends an attempt first, what kept the load generator from running, and what the
//! kernel tells about a listener.
//!
//! [`Machine`] is what the system says, [`Plan`] what is to be held, and [`Machine::limits`] where the one ends the
//! other. [`Machine::limit_behind`] names the limit behind an error that was met on the way.

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
pub use demand::{Place, Plan};
pub use diagnose::Route;
pub use facts::{Machine, Ports, TcpMemory};
pub use instruments::{HostInstruments, Instruments};
pub use interference::Taken;
pub use limit::Limit;
pub use meter::Delta;
pub use queue_counters::QueueCounters;

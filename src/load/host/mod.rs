//! What the host does to the load generator: waits for a CPU, steal, quotas.

mod interference;
mod run_queue;

pub(super) use interference::Interference;
pub(super) use run_queue::RunQueue;

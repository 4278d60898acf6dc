//! What the host does to the load generator: waits for a CPU, steal, quotas; and what it tells of a listener.

mod accept_queue;
mod interference;
mod run_queue;

pub use accept_queue::{AcceptQueue, QueueWatch};
pub(super) use interference::Interference;
pub(super) use run_queue::RunQueue;

//! The service of a load generator: sends messages, and verifies what comes back on each connection.
//!
//! [`Generator`] is the reactor's service. It hands each event to the [`connection`] that it belongs to; all
//! connections share one counter desk. A message is built by [`payload`], numbered in [`in_flight`], and its
//! echo is checked by [`verify`]. What is not clear at once waits in [`unknown`] until [`resolve`] decides.

mod connection;
mod in_flight;
mod payload;
mod phases;
mod receive;
mod recorder;
mod resolve;
mod schedule;
mod service;
mod stream;
mod unknown;
mod verify;

pub(super) use connection::Counters;
pub(super) use recorder::Record;
pub(super) use service::Generator;
pub use service::Upgrade;

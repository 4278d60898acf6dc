//! The service of a load generator: sends messages, and verifies the echoes of each connection.
//!
//! [`Generator`] is the reactor's service. It passes each event to its [`connection`]; all
//! connections share one set of counters. [`payload`] builds a message, [`in_flight`] numbers it,
//! and [`verify`] checks its echo. Messages that cannot be classified at once wait in [`unknown`]
//! until [`resolve`] decides.

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

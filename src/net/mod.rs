//! Connections and the loop that drives them.
//!
//! The [`Reactor`] owns every [`connection`] and everything they share. Its interface to the
//! operating system is the trait [`Network`]: [`os`] has the real implementation, and a simulated
//! one lets tests drive the same reactor from a seed. Nothing outside of [`os`] makes a system
//! call.

pub mod address;
mod admission;
pub mod connection;
mod deadlines;
pub mod network;
pub mod os;
pub mod reactor;
mod slab;

pub use address::{Address, Endpoint};
pub use network::{Network, Peer, Readiness, Stream, Token};
pub use os::{Keepalive, SocketOptions, System};
pub use reactor::{ConnectionId, Reactor};

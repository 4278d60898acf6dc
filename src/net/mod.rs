//! Connections and the loop that drives them.
//!
//! The [`Reactor`] owns every [`connection`] and everything they share. What it needs of the world is the
//! trait [`Network`]; [`system`] is the real one on mio, and a simulated one lets tests drive the same
//! reactor from a seed. Only this module makes system calls.

pub mod address;
pub mod channel;
pub mod connection;
mod deadlines;
mod doorkeeper;
mod flags;
mod heap;
pub mod listener;
pub mod network;
pub mod os;
mod pacer;
pub mod random;
pub mod reactor;
mod slab;
pub mod socket_options;
pub mod stream;
pub mod system;
#[cfg_attr(not(feature = "tls"), path = "tls_absent.rs")]
pub mod tls;

pub use address::{Address, Endpoint};
pub use network::{Network, Peer, Readiness, Stream, Token};
pub use reactor::{ConnectionId, Reactor};
pub use socket_options::{Keepalive, SocketOptions};
pub use system::System;

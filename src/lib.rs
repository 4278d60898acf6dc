//! An echo server that costs almost nothing to leave running, and the load tool that measures it, or any other.
//!
//! One thread: a poll loop holds the state of every connection in a slab and moves each through
//! handshake, optional authentication and framed messages.
//!
//! # Layers
//!
//! Imports only point downwards: `main → cli → load → net → service → proto`.
//!
//! * [`proto`] is the protocol without I/O: no sockets, no clock, no randomness of its own.
//! * [`service`] is what is done with messages. It sees messages, never sockets or frames.
//! * [`net`] drives connections: the only module that makes their system calls.
//! * [`load`] is measuring: what is sent, what came back, what that says, and what this machine allows.
//! * [`cli`] is what a user types, and the only module that prints.
//!
//! [`limits`] and [`metrics`] are data: every bound with its reason, and everything that is counted.
//!
//! # The journey of a byte
//!
//! 1. [`net::System`] reports that a socket is readable; [`net::Reactor::turn`] latches it at the
//!    connection and queues the connection.
//! 2. The connection is driven: it reads once into the reactor's one [`proto::Batch`].
//! 3. [`proto::Session::step`] consumes one unit from the front of the batch. A frame's payload is unmasked
//!    where it stands, or moved up behind the answers so far.
//! 4. The [`service::Service`] is lent the message and an [`proto::Outbox`]; to echo is to write a header in
//!    front of the payload.
//! 5. When everything is stepped through, one write sends the answers straight from the batch. What the
//!    kernel refuses is kept by the session, and nothing more is read from this peer until it is gone.
//!
//! An idle connection owns no heap: its 128 bytes in the slab are all it costs.
//!
//! # Reading order
//!
//! [`proto::session`], [`proto::batch`], [`proto::outbox`], [`proto::websocket`], then
//! [`net::connection`], [`net::reactor`], [`net::network`], and last `cli/serve.rs`.

pub mod cli;
pub mod limits;
pub mod load;
pub mod metrics;
pub mod net;
pub mod proto;
pub mod service;

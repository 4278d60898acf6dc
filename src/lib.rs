//! A WebSocket, TCP and line echo server and a load generator in one binary.
//!
//! A server process has one thread: an event loop keeps the state of all connections in a slab and
//! moves each of them through the opening handshake, optional authentication and framed messages.
//!
//! # Layers
//!
//! Imports only point downwards: `main → cli → load → net → service → proto`.
//!
//! * [`proto`] is the protocol without I/O: no sockets, no clock, no randomness of its own.
//! * [`service`] processes messages. It sees messages, never sockets or frames.
//! * [`net`] drives connections. It is the only module that makes their system calls.
//! * [`load`] measures: it generates load, verifies echoes, evaluates the results, and determines
//!   the limits of the machine.
//! * [`cli`] is the command line, and the only module that prints.
//!
//! [`limits`] and [`metrics`] are data: all limits with their reasons, and all counters.
//!
//! # The journey of a byte
//!
//! 1. [`net::System`] reports that a socket is readable; [`net::Reactor::turn`] latches the event
//!    in the connection and queues the connection.
//! 2. The connection is driven: it reads once into the reactor's [`proto::Batch`].
//! 3. [`proto::Session::step`] consumes one unit from the front of the batch. The payload of a
//!    frame is unmasked in place, or moved up to the end of the output so far.
//! 4. The [`service::Service`] is lent the message and a [`proto::Outbox`]. An echo only writes a
//!    header in front of the payload.
//! 5. When all input is consumed, one write sends the output directly from the batch. The session
//!    keeps the output that the kernel does not accept, and nothing more is read from this peer
//!    until that output is sent.
//!
//! An idle connection owns no heap: it only costs its 128 bytes in the slab.
//!
//! # Reading order
//!
//! [`proto::session`], [`proto::batch`], [`proto::outbox`], [`proto::websocket`], then
//! [`net::connection`], [`net::reactor`], [`net::network`], and last `cli/serve`.

pub mod cli;
pub mod limits;
pub mod load;
pub mod metrics;
pub mod net;
pub mod proto;
pub mod service;

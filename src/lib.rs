//! halloo is a WebSocket, TCP and line echo server and a load generator, for testing clients,
//! proxies and load balancers. The server is strict about the RFCs; the load generator verifies
//! every echo and says when its own figures should not be trusted.
//!
//! # A server in a test
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! let server = halloo::serve("tcp://127.0.0.1:0")?;
//! let mut stream = TcpStream::connect(server.url().trim_start_matches("tcp://"))?;
//! stream.write_all(b"hello")?;
//! let mut echo = [0; 5];
//! stream.read_exact(&mut echo)?;
//! assert_eq!(&echo, b"hello");
//!
//! drop(stream);
//! let metrics = server.stop()?;
//! assert_eq!((metrics.opened, metrics.bytes_sent), (1, 5));
//! # std::io::Result::Ok(())
//! ```
//!
//! [`serve`](serve()) takes every address that the program takes; [`Server`] has the service,
//! authentication, limits and TLS. Dropping the [`Handle`] stops the server.
//!
//! # A measurement
//!
//! ```
//! use halloo::load::plan::{Plan, WindowEnd};
//! use std::time::Duration;
//!
//! let server = halloo::serve("ws://127.0.0.1:0")?;
//! let end = WindowEnd::Time(Duration::from_millis(200));
//! let outcome = halloo::bench(server.url(), &Plan { connections: 4, end, ..Plan::default() })?;
//! println!("{}: {:.0} messages/s", outcome.headline(), outcome.messages_per_second);
//! assert!(outcome.messages.received > 0 && outcome.messages.corrupted == 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`bench`](bench()) works with any server that echoes, and measures in the calling thread.
//!
//! # What a program can rely on
//!
//! * A [`Handle`] owns one thread, and joins it when it is dropped. Nothing else starts a thread or
//!   a process.
//! * No signal handler, panic hook, resource limit or logger is installed or changed. Log records
//!   go to the [`log`] facade.
//! * Without the feature `cli`, which is the program, neither clap nor the terminal crates are
//!   dependencies: `halloo = { version = "0.1", default-features = false }`. `tls` and `deflate`
//!   are features too.
//!
//! # Layers
//!
//! A server has one thread: an event loop keeps the state of all connections in a slab and moves
//! each of them through the opening handshake, optional authentication and framed messages.
//!
//! Imports only point downwards: `main → cli → serve, bench → load → net → service → proto`.
//!
//! * [`proto`] is the protocol without I/O: no sockets, no clock, no randomness of its own.
//! * [`service`] processes messages. It sees messages, never sockets or frames.
//! * [`net`] drives connections. It is the only module that makes their system calls.
//! * [`load`] measures: it generates load, verifies echoes, evaluates the results, and determines
//!   the limits of the machine.
//! * [`mod@serve`] and [`mod@bench`] are for programs that use the library: a server in a thread of
//!   its own, and a measurement in the calling thread.
//! * `cli`, with the feature of this name, is the command line, and the only module that prints.
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

pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod limits;
pub mod load;
pub mod metrics;
pub mod net;
pub mod proto;
pub mod serve;
pub mod service;

pub use bench::{Bench, BenchError, bench};
pub use load::plan::Plan;
pub use load::{Outcome, Verdict};
pub use serve::{Handle, Server, serve};

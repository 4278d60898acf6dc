//! The server on real sockets: the binary in its own process, and clients written without the
//! crate.
//!
//! Every server has its own port, every wait has a limit, and every measured value is printed.

#![cfg(feature = "cli")]
// Measured values are printed, to be read beside their bounds.
#![allow(clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod framing;
#[allow(dead_code, reason = "shared with tests/attacks, which uses more of it")]
mod process;
mod rush;
mod stream;
mod wire;

mod bad_peers;
mod big;
mod closing;
mod crowd;
mod listeners;
mod one_edge;
mod piecemeal;
mod room;
mod services;
mod slow_readers;
mod start_up;
mod stopping;
mod timeouts;
mod unread_output;
mod workers;

use support::Server;

/// A server on a free port for each framing.
const ALL_FRAMINGS: [&str; 3] = ["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"];

/// A server that logs little, with these arguments.
#[track_caller]
fn serve(arguments: &[&str]) -> Server {
    Server::start(&[&["--quiet"], arguments].concat())
}

/// The server process.
fn process_of(server: &Server) -> process::Process {
    process::Process::new(server.pid())
}

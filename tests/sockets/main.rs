//! The server on real sockets: the binary as its own process, clients that know nothing of the crate.
//!
//! Every server takes a port of its own, every wait has an end, and what a test measures it prints.

#![cfg(feature = "cli")]
// What was measured is printed, to be read beside the bounds.
#![allow(clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod framing;
#[allow(dead_code, reason = "shared with the tests of attacks, which need more of it")]
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

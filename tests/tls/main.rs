//! TLS on real sockets: the binary in its own process, with rustls, Python and OpenSSL as clients.

#![cfg(all(feature = "cli", feature = "tls"))]
// Measured values are printed, to be read beside their bounds, and so are skipped tests.
#![allow(clippy::print_stdout)]

#[path = "../support/mod.rs"]
mod support;

// Shared with tests/sockets: clients that know the framings, here over the TLS of this directory.
#[path = "../sockets/client.rs"]
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
mod client;
#[path = "../sockets/framing.rs"]
mod framing;
#[path = "../sockets/process.rs"]
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
mod process;
#[path = "../sockets/wire.rs"]
#[allow(dead_code, reason = "shared with tests/sockets, which uses more of it")]
mod wire;

mod authority;
mod stream;

mod attacks;
mod certificates;
mod connecting;
mod echo;
mod ending;
mod handshake;
mod memory;
mod records;
mod renewal;

use authority::Issued;
use support::Server;

/// A TLS server on a free port for each framing.
const ALL_FRAMINGS: [&str; 3] =
    ["wss://127.0.0.1:0", "line+tls://127.0.0.1:0", "tls://127.0.0.1:0"];

/// A server with the shared certificate and these arguments.
#[track_caller]
fn serve(arguments: &[&str]) -> Server {
    Server::start(&[&Issued::shared().flags()[..], arguments].concat())
}

/// The server process.
fn process_of(server: &Server) -> process::Process {
    process::Process::new(server.pid())
}

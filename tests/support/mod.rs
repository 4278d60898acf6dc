//! Helpers for tests that run the binary: programs with a time limit, servers, interpreters, key
//! files.

// Every test binary compiles its own copy and uses a part of it.
#![allow(dead_code, unused_imports)]

mod collected;
mod connect;
mod key_file;
pub(crate) mod outcome;
mod program;
mod python;
mod server;
mod stamp;

pub(crate) use connect::{connect, start_connect};
pub(crate) use key_file::KeyFile;
pub(crate) use program::{Finished, Program};
pub(crate) use python::{Python, PythonServer, python, pythons};
pub(crate) use server::Server;
pub(crate) use stamp::{assert_stamped, is_stamped};

use std::process::Command;
use std::time::Duration;

/// How long a program may run before it is killed, and how long a test waits for output.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// How long a server may run, which outlives many clients.
pub(crate) const SERVER_TIME_LIMIT: Duration = Duration::from_secs(120);

/// The binary under test.
pub(crate) fn halloo() -> Command {
    Command::new(env!("CARGO_BIN_EXE_halloo"))
}

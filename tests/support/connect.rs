//! `halloo connect` with input for its stdin.

use super::halloo;
use super::program::{Finished, Program};

/// Starts it with its stdin open.
pub(crate) fn start_connect(arguments: &[&str]) -> Program {
    Program::start(halloo().arg("connect").args(arguments))
}

/// Runs it with this input on stdin and waits until it ends.
#[track_caller]
pub(crate) fn connect(arguments: &[&str], input: &str) -> Finished {
    let mut program = start_connect(arguments);
    program.write(input);
    program.close_stdin();
    program.wait()
}

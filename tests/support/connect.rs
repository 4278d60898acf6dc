//! `halloo connect`, with lines for its stdin.

use super::halloo;
use super::program::{Finished, Program};

/// Starts it, with its stdin open.
pub(crate) fn start_connect(arguments: &[&str]) -> Program {
    Program::start(halloo().arg("connect").args(arguments))
}

/// Gives it this input, all at once, ends its stdin and waits for its end.
#[track_caller]
pub(crate) fn connect(arguments: &[&str], input: &str) -> Finished {
    let mut program = start_connect(arguments);
    program.write(input);
    program.close_stdin();
    program.wait()
}

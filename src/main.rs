//! The `halloo` program: runs the command line of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    halloo::cli::run(std::env::args_os())
}

//! The `halloo` program. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    halloo::cli::run(std::env::args_os())
}

//! The number of connections that one machine holds: `halloo serve --workers` and `halloo hold
//! --processes`, both on this machine, every connection checked by echoes, and its cost in memory.
//!
//! `cargo bench --bench million -- --connections 1000000 --hold 60s` runs all of it; `--help` has
//! the details. The machine's limits are checked first, and a run that they do not allow is not
//! started. The measurement is the one of `halloo hold`; this bench only adds the kernel's memory
//! by kind.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to a user")]

mod hold;
mod memory;
mod options;
mod plan;
mod server;
mod trial;

use options::Choice;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tried = match Choice::from_arguments(std::env::args().skip(1)) {
        Ok(Choice::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Choice::Try(wish)) => trial::run(&wish),
        Err(message) => {
            eprintln!("million: {message}");
            return ExitCode::from(2);
        }
    };
    tried.unwrap_or_else(|error| {
        eprintln!("million: {error}");
        ExitCode::FAILURE
    })
}

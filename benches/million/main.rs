//! How many connections one machine holds: `halloo serve --workers` and `halloo hold --processes`, both ends
//! here, every connection proved alive by echoes, and what each costs.
//!
//! `cargo bench --bench million -- --connections 1000000 --hold 60s` is the whole of it; `--help` says more.
//! The machine's limits are looked at first, and nothing is begun that they do not allow. What is measured is
//! what `halloo hold` says; added is only where the kernel's memory went.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports to a person"
)]

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

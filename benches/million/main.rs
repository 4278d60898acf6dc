//! How many connections one machine holds: `halloo serve --workers` and as many client processes, both ends
//! here, every connection proved alive by an echo, and what each costs in memory.
//!
//! `cargo bench --bench million -- --connections 1000000 --hold 60s` is the whole of it; `--help` says more.
//! The machine's limits are looked at first, and nothing is begun that they do not allow.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports to a person"
)]

mod client;
mod clients;
mod limits;
mod memory;
mod options;
mod plan;
mod process;
mod server;
mod table;
mod tally;
mod trial;
mod watch;
mod words;

use options::Choice;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match Choice::from_arguments(std::env::args().skip(1)) {
        Ok(Choice::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Choice::Client(orders)) => client::run(&orders).map(|()| true),
        Ok(Choice::Try { connections, hold }) => trial::run(connections, hold),
        Err(message) => {
            eprintln!("million: {message}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("million: {error}");
            ExitCode::FAILURE
        }
    }
}

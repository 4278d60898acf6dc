//! The command line: parsing the arguments, running the commands, and everything that prints.

mod args;
mod connect;
mod doctor;
mod ended;
mod measure;
mod output;
mod output_file;
mod process;
mod prompt;
mod redact;
mod report;
mod secrets;
mod serve;
mod terminal;

use crate::net::Address;
use args::{heading, help};
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use process::signals;
use std::ffi::OsString;
use std::process::ExitCode;
use terminal::failure;

/// A WebSocket, TCP and line echo server and a load generator, for testing clients, proxies and
/// load balancers
#[derive(Debug, Parser)]
#[command(name = "halloo", version, after_help = help::end(help::HALLOO))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve an echo, timestamp, discard or flood service (the default command)
    #[command(after_help = help::end(help::SERVE))]
    Serve(Box<serve::ServeArgs>),
    /// Send each line of stdin as a message, and print each message that arrives
    #[command(after_help = help::end(help::CONNECT))]
    Connect(Box<connect::ConnectArgs>),
    /// Measure the latency and throughput of an echo server
    #[command(after_help = help::end(help::BENCH))]
    Bench(Box<measure::BenchArgs>),
    /// Hold many connections open, and account for each one lost
    #[command(after_help = help::end(help::HOLD))]
    Hold(Box<measure::HoldArgs>),
    /// Show how many connections this machine can hold, and which limit comes first
    #[command(after_help = help::end(help::DOCTOR))]
    Doctor(Box<doctor::DoctorArgs>),
    /// Show, merge or compare saved results
    #[command(after_help = help::end(help::REPORT))]
    Report(Box<report::ReportArgs>),
}

/// The flags that every command has.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Read defaults from this TOML file, whose keys are the long flag names
    #[arg(long, value_name = "FILE", help_heading = None::<&str>)]
    config: Option<std::path::PathBuf>,
    /// Write log lines to stderr in this format
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = heading::OUTPUT
    )]
    log_format: terminal::logger::LogFormat,
    /// Log more (-vv: everything)
    #[arg(short, long, action = ArgAction::Count, help_heading = heading::OUTPUT)]
    verbose: u8,
    /// Log only errors
    #[arg(short, long, help_heading = heading::OUTPUT)]
    quiet: bool,
}

/// Why a command failed, which decides the exit code.
#[derive(Debug)]
enum Failure {
    /// Exit code 2: a usage error.
    Usage(String),
    /// Exit code 1: a runtime error.
    Runtime(String),
    /// Exit code 3: a check or a threshold failed.
    Check(String),
    /// Exit code 4: the measurement is not valid.
    Invalid(String),
    /// Exit code 128 plus the signal's number: interrupted.
    Signal(i32),
    /// This exit code, with everything printed already.
    Printed(u8),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Runtime(error.to_string())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message)
            | Self::Runtime(message)
            | Self::Check(message)
            | Self::Invalid(message) => formatter.write_str(message),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
            Self::Printed(code) => write!(formatter, "exit code {code}"),
        }
    }
}

/// Runs the program with these arguments, of which the first is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    signals::hold();
    let mut arguments = process::arguments::received(arguments.into_iter().collect());
    let named = name_command(&mut arguments);
    let result = named.and_then(|()| parse(&arguments)).and_then(|cli| match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Connect(arguments) => connect::run(&arguments),
        Command::Bench(arguments) => measure::bench(&arguments),
        Command::Hold(arguments) => measure::hold(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
    });
    let (message, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Printed(code)) => return ExitCode::from(code),
        Err(Failure::Signal(signal)) => return ExitCode::from(128 + signal as u8),
        Err(Failure::Runtime(message)) => (message, 1),
        Err(Failure::Usage(message)) => (message, 2),
        Err(Failure::Check(message)) => (message, 3),
        Err(Failure::Invalid(message)) => (message, 4),
    };
    failure::report(&arguments, &message);
    ExitCode::from(code)
}

/// Inserts the default command: `halloo`, `halloo URL` and `halloo --flag` mean `halloo serve …`.
fn name_command(arguments: &mut Vec<OsString>) -> Result<(), Failure> {
    let commands = Cli::command();
    let first = arguments.get(1).and_then(|first| first.to_str()).unwrap_or_default();
    let is_command = commands.get_subcommands().any(|command| command.get_name() == first);
    let is_about_all = ["help", "-h", "--help", "-V", "--version"].contains(&first);
    if is_command || is_about_all {
        return Ok(());
    }
    if !first.is_empty() && !first.starts_with('-') && !Address::is_meant_by(first) {
        return Err(Failure::Usage(args::unknown_command(&commands, first)));
    }
    arguments.insert(1.min(arguments.len()), "serve".into());
    Ok(())
}

/// Parses the arguments. A flag overrides the environment, which overrides the file, which
/// overrides the default. Signals stay blocked for a server only, until it can handle them.
fn parse(arguments: &[OsString]) -> Result<Cli, Failure> {
    let command = Cli::command().mut_subcommands(|it| it.mut_args(args::environment::bind));
    let (command, file) = args::config_file::apply(command, arguments)?;
    let matches = command.clone().try_get_matches_from(arguments);
    let matches =
        matches.map_err(|error| args::explain(error, &command, arguments, file.as_ref()))?;
    if matches.subcommand_name() != Some("serve") {
        signals::release();
    }
    let mut cli =
        Cli::from_arg_matches(&matches).map_err(|error| Failure::Usage(error.to_string()))?;
    if let (Command::Serve(serve), Some((_, matches))) = (&mut cli.command, matches.subcommand()) {
        serve.add_port(matches.value_source("listen") == Some(ValueSource::CommandLine));
    }
    Ok(cli)
}

/// Warnings about variables that look like flags and are not.
fn environment_warnings() -> Vec<String> {
    args::environment::warnings(&Cli::command())
}

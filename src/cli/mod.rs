//! The command line: what a user types, and the only place that prints.

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
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use process::signals;
use std::ffi::OsString;
use std::process::ExitCode;
use terminal::failure;

/// An echo server that costs almost nothing to leave running, and the load tool that measures it, or any other
#[derive(Debug, Parser)]
#[command(name = "halloo", version, after_help = "Without a command, `halloo` is `halloo serve`.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer: echo, timestamp, discard, flood (the default command)
    Serve(Box<serve::ServeArgs>),
    /// Talk to a server: each line is a message, each reply a line
    Connect(Box<connect::ConnectArgs>),
    /// Measure how fast a server answers, and how much
    Bench(Box<measure::BenchArgs>),
    /// Hold many connections, and account for each that is lost
    Hold(Box<measure::HoldArgs>),
    /// Say how many connections this machine can hold, and which limit stands in the way first
    Doctor(Box<doctor::DoctorArgs>),
    /// Show saved results again, or make one of several
    Report(Box<report::ReportArgs>),
}

/// What every command takes.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Take the values of flags that are not given from this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// How log lines on stderr are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: terminal::logger::LogFormat,
    /// Log more; twice for everything
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Log only what is wrong
    #[arg(short, long)]
    quiet: bool,
}

/// Why a command ended badly, and the exit code that says so.
#[derive(Debug)]
enum Failure {
    /// Exit code 2: what was asked for makes no sense.
    Usage(String),
    /// Exit code 1: it did not work.
    Runtime(String),
    /// Exit code 3: it worked, and what was found is not what was asked for.
    Check(String),
    /// Exit code 4: it worked, but the figures may not be believed.
    Invalid(String),
    /// Exit code 128 and the signal's number.
    Signal(i32),
    /// This exit code: what is to be said was said.
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

/// Runs the program with these arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    signals::hold();
    let mut arguments = process::arguments::with_conducted(arguments.into_iter().collect());
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

/// `halloo`, `halloo URL` and `halloo --flag` are `halloo serve …`.
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

/// Flag over environment over file over default. Signals wait on for a server only.
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

/// Sentences about variables that look like flags and are none.
fn environment_warnings() -> Vec<String> {
    args::environment::warnings(&Cli::command())
}

//! `halloo bench` and `halloo hold`: their common flags, and the choice between one process and
//! several.
//!
//! [`local`] runs in one process, watched by a user; [`worker`] runs in a process of several, and
//! [`coordinator`] in their parent.

mod bench;
mod coordinator;
mod hold;
mod local;
mod memory;
mod messages;
mod report;
mod stop;
mod worker;

pub(super) use bench::{BenchArgs, run as bench};
pub(super) use hold::{HoldArgs, run as hold};

use super::args::client::ClientArgs;
use super::args::deflate::{self, DeflateArgs};
use super::args::heading;
use super::args::values::{count, duration, rate};
use super::output::OutputArgs;
use super::process::descriptors::raise_descriptor_limit;
use super::terminal::logger;
use super::terminal::progress::{ProgressLine, ProgressMode};
use super::{CommonArgs, Failure};
use crate::load::host::HostInstruments;
use crate::load::plan::{Content, MESSAGE_BYTES_MAX, Plan, WindowEnd};
use crate::load::result::outcome::Kind;
use crate::load::run::Run;
use crate::load::sources::Sources;
use crate::load::{Labels, Outcome};
use crate::net::os::random;
use crate::net::{Endpoint, System};
use clap::Args;
use jiff::Timestamp;
use log::LevelFilter;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use std::time::Duration;

/// Connections in progress at once in all processes together: 1,024, a quarter of a listener's
/// usual backlog.
const CONNECTS_AT_ONCE: u32 = 1024;

/// The range for one process: at least 16, and at most 128, beyond which it gets no faster.
const CONNECTS_AT_ONCE_EACH: (u32, u32) = (16, 128);

/// The largest number of intervals in a window: 600, ten minutes of one second each.
const INTERVALS_MAX: u32 = 600;

/// Flags of both commands.
#[derive(Debug, Args)]
#[command(mut_arg("deflate", |arg| {
    arg.default_value("off").help(deflate::CLIENT_HELP).long_help(None::<&str>)
}))]
struct MeasureArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    deflate: DeflateArgs,
    /// Send binary messages instead of text
    #[arg(long, help_heading = heading::LOAD)]
    binary: bool,
    /// Take any message for an echo, for services that respond with something else
    #[arg(long, help_heading = heading::LOAD)]
    no_verify: bool,
    /// Start at most this many connections per second [default: unlimited]
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = heading::LOAD)]
    connect_rate: Option<f64>,
    /// Count a message as lost if its echo takes longer than this
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "5s",
        help_heading = heading::LOAD
    )]
    reply_timeout: Duration,
    /// Call a run LOSSY above this share of lost and corrupted messages, as in 1% or 0.01
    #[arg(
        long,
        value_name = "PERCENT|SHARE",
        value_parser = share,
        default_value = "1%",
        help_heading = heading::LOAD
    )]
    lossy_above: f64,
    /// Connect from these addresses in turn [default: the one that the system chooses]
    ///
    /// As in 127.1.0.0/16, 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9.
    #[arg(long, value_name = "CIDR|LIST", help_heading = heading::CONNECTION)]
    source: Option<Sources>,
    /// Share the connections among N processes
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        default_value = "1",
        help_heading = heading::LOAD
    )]
    processes: u32,
    /// Start at this time, as in 2026-12-24T18:00:00Z, to start several machines together
    #[arg(long, value_name = "TIME", help_heading = heading::LOAD)]
    start_at: Option<Timestamp>,
    /// Report the CPU time and memory of this server process, which runs on this machine
    #[arg(long, value_name = "PID", help_heading = heading::OUTPUT)]
    pid: Option<u32>,
    #[command(flatten)]
    output: OutputArgs,
    /// Show progress on stderr in this form
    #[arg(
        long,
        value_name = "MODE",
        default_value = "auto",
        help_heading = heading::OUTPUT
    )]
    progress: ProgressMode,
    /// Run as worker N of the coordinator on standard input
    #[arg(long, value_name = "N", hide = true)]
    as_worker: Option<u32>,
    #[command(flatten)]
    common: CommonArgs,
}

/// A measurement, as the flags of a command describe it.
struct Task<'a> {
    arguments: &'a MeasureArgs,
    kind: Kind,
    /// For all processes together.
    plan: Plan,
    /// The length of the window, if it is known in advance.
    duration: Option<Duration>,
}

impl Task<'_> {
    /// The display of the run's progress.
    fn progress_line(&self) -> ProgressLine {
        ProgressLine::new(self.arguments.progress, self.duration)
    }

    /// Runs the measurement and delivers its result.
    fn run(&self) -> Result<(), Failure> {
        let common = &self.arguments.common;
        let worker = self.arguments.as_worker;
        logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, worker);
        raise_descriptor_limit();
        if worker.is_none() {
            self.arguments.output.check()?;
            self.check()?;
        }
        match (worker, self.arguments.processes) {
            (Some(index), _) => worker::run(self, index),
            (None, 1) => self.deliver(local::run(self)?),
            (None, _) => self.deliver(coordinator::run(self)?),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let processes = self.arguments.processes;
        let connections = self.plan.connections;
        if processes > connections {
            return Err(Failure::Usage(format!(
                "--processes {processes}: there are only {connections} connections to share"
            )));
        }
        if let WindowEnd::Messages(messages) = self.plan.end
            && u64::from(processes) > messages
        {
            return Err(Failure::Usage(format!(
                "--processes {processes}: there are only {messages} messages to share"
            )));
        }
        if let Some(pid) = self.arguments.pid.filter(|&pid| !is_process(pid)) {
            return Err(Failure::Usage(format!("--pid {pid}: there is no such process")));
        }
        match self.arguments.start_at {
            Some(start) if start < Timestamp::now() => {
                Err(Failure::Usage(format!("--start-at {start}: this time is in the past")))
            }
            _ => Ok(()),
        }
    }

    /// Prints and saves the result, and turns it into the exit code.
    fn deliver(&self, (outcome, signal): (Outcome, Option<i32>)) -> Result<(), Failure> {
        let delivered = self.arguments.output.deliver(&outcome);
        match (signal, delivered) {
            (Some(signal), Ok(()) | Err(Failure::Check(_) | Failure::Invalid(_))) => {
                Err(Failure::Signal(signal))
            }
            (_, delivered) => delivered,
        }
    }

    /// Creates a run in this process. `server` is the ID of the server process, if it is watched.
    fn start(
        &self,
        plan: Plan,
        endpoints: Vec<Endpoint>,
        network: System,
        server: Option<u32>,
    ) -> Result<Run<System>, Failure> {
        let instruments = Box::new(HostInstruments::new(server));
        let random = random::from_system();
        Ok(Run::new(plan, self.config()?, endpoints, network, instruments, random)?)
    }

    /// The share of process number `index`.
    fn share(&self, index: u32) -> Plan {
        let processes = self.arguments.processes;
        let mut plan = self.plan.share(index, processes);
        let (least, most) = CONNECTS_AT_ONCE_EACH;
        plan.connects_at_once = (CONNECTS_AT_ONCE / processes).clamp(least, most);
        plan
    }

    fn labels(&self) -> Labels {
        Labels {
            kind: self.kind,
            command: self.arguments.client.command(),
            target: self.arguments.client.shown_url(),
            needed: self.arguments.output.needed(),
        }
    }

    /// The configuration of a session.
    fn config(&self) -> Result<crate::proto::Config, Failure> {
        let deflate = self.arguments.deflate.settings();
        Ok(crate::proto::Config { deflate, ..self.arguments.client.config()? })
    }
}

/// The length of an interval: one second, or more if there would be too many intervals.
fn interval(duration: Option<Duration>) -> Duration {
    let share = duration.unwrap_or_default() / INTERVALS_MAX;
    Duration::from_secs(share.as_secs() + u64::from(share.subsec_nanos() > 0))
        .max(Duration::from_secs(1))
}

impl MeasureArgs {
    /// The part of a plan that the shared flags describe; the rest depends on the command.
    fn plan(&self, content: Content) -> Plan {
        Plan {
            connect_rate: self.connect_rate,
            sources: self.source.clone(),
            verify: !self.no_verify,
            connect_timeout: self.client.connect_timeout,
            reply_timeout: self.reply_timeout,
            lossy_above: self.lossy_above,
            ..Plan::new(content)
        }
    }

    /// Messages of this many bytes, each with a stamp.
    fn stamped(&self, size: u64) -> Result<Content, Failure> {
        match usize::try_from(size) {
            Ok(bytes @ 1..=MESSAGE_BYTES_MAX) => {
                Ok(Content::Stamped { bytes, binary: self.binary })
            }
            _ => Err(Failure::Usage(format!("--size {size}: expected 1 B to 1 GiB"))),
        }
    }
}

/// Whether a process with this ID exists, also if it belongs to another user.
fn is_process(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// Parses a share from 0 to 1: `1%`, `0.01`.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let share = number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number / whole);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share such as 1% or 0.01, from 0% to 100%".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_or_a_fraction() {
        assert_eq!((share("1%"), share("0.01"), share("0")), (Ok(0.01), Ok(0.01), Ok(0.0)));
        assert_eq!((share("100 %"), share("1")), (Ok(1.0), Ok(1.0)));
        for text in ["", "%", "101%", "1.5", "-1%", "1e-3", "NaN", "inf", "one"] {
            assert!(share(text).is_err_and(|message| message.contains("1% or 0.01")), "{text}");
        }
    }

    #[test]
    fn a_process_exists_or_does_not() {
        assert!(is_process(std::process::id()));
        assert!(!is_process(0) && !is_process(u32::MAX));
    }
}

//! `halloo bench` and `halloo hold`: flags, and whether one process measures or several.
//!
//! [`local`] is a run in one process, and a person who watches it; [`worker`] a run that a parent
//! process conducts, and [`coordinator`] that parent.

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
use super::args::values::{count, duration, rate};
use super::output::OutputArgs;
use super::terminal::logger;
use super::terminal::progress::{ProgressLine, ProgressMode};
use super::{CommonArgs, Failure};
use crate::load::host::HostInstruments;
use crate::load::plan::{Content, Plan, WindowEnd};
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
use rustix::process::{Pid, Resource, getrlimit, setrlimit, test_kill_process};
use std::time::Duration;

/// Connections that are being made at once by all processes together: 1,024, a quarter of the usual queue of a
/// listener.
const CONNECTS_AT_ONCE: u32 = 1024;

/// By one process: no more than 128, which is as fast as it goes, and no fewer than 16.
const CONNECTS_AT_ONCE_EACH: (u32, u32) = (16, 128);

/// The largest message that can be sent: 1 GiB.
const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// The most intervals that a window is recorded in: 600, ten minutes of seconds.
const INTERVALS_MAX: u32 = 600;

/// Flags of both commands.
#[derive(Debug, Args)]
#[command(mut_arg("deflate", |arg| arg.default_value("off").help(deflate::CLIENT_HELP)))]
struct MeasureArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    deflate: DeflateArgs,
    /// Send binary messages, not text
    #[arg(long)]
    binary: bool,
    /// Take any message for an echo: for services that answer something else
    #[arg(long)]
    no_verify: bool,
    /// Begin no more connections than this in a second [default: as many as go]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    connect_rate: Option<f64>,
    /// How long an echo is waited for until its message is lost
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    reply_timeout: Duration,
    /// Call a run LOSSY above this share of lost and corrupted messages, as in 1% or 0.01
    #[arg(long, value_name = "PERCENT|SHARE", value_parser = share, default_value = "1%")]
    lossy_above: f64,
    /// Where connections come from, in turns, as in 127.1.0.0/16, 10.0.0.1,10.0.0.2 or 10.0.0.1-10.0.0.9
    /// [default: the address that the system chooses]
    #[arg(long, value_name = "CIDR|LIST")]
    source: Option<Sources>,
    /// Share the connections among so many processes
    #[arg(long, value_name = "N", value_parser = count, default_value = "1")]
    processes: u32,
    /// Begin at this time, as in 2026-12-24T18:00:00Z: several machines begin together so
    #[arg(long, value_name = "TIME")]
    start_at: Option<Timestamp>,
    /// Also say what the server costs: its process, if it runs here
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    #[command(flatten)]
    output: OutputArgs,
    /// How progress is shown on stderr
    #[arg(long, value_name = "MODE", default_value = "auto")]
    progress: ProgressMode,
    /// Be member number N of the team that the process on standard input conducts
    #[arg(long, value_name = "N", hide = true)]
    as_worker: Option<u32>,
    #[command(flatten)]
    common: CommonArgs,
}

/// What a command makes of its flags.
struct Task<'a> {
    arguments: &'a MeasureArgs,
    kind: Kind,
    /// For all processes together.
    plan: Plan,
    /// How long the window is, if that is known.
    duration: Option<Duration>,
}

impl Task<'_> {
    /// Shows how the run goes.
    fn progress_line(&self) -> ProgressLine {
        ProgressLine::new(self.arguments.progress, self.duration)
    }

    /// Does it, and delivers what comes out.
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
                Err(Failure::Usage(format!("--start-at {start}: this time is over")))
            }
            _ => Ok(()),
        }
    }

    /// Prints and saves what was measured; the exit code says what it means.
    fn deliver(&self, (outcome, signal): (Outcome, Option<i32>)) -> Result<(), Failure> {
        let delivered = self.arguments.output.deliver(&outcome);
        match (signal, delivered) {
            (Some(signal), Ok(()) | Err(Failure::Check(_) | Failure::Invalid(_))) => {
                Err(Failure::Signal(signal))
            }
            (_, delivered) => delivered,
        }
    }

    /// A run of this process that has not begun; `server` is the process of the server, if it is watched.
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

    /// The share of process `index`.
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

    /// What a session is told.
    fn config(&self) -> Result<crate::proto::Config, Failure> {
        let deflate = self.arguments.deflate.settings();
        Ok(crate::proto::Config { deflate, ..self.arguments.client.config()? })
    }
}

/// Intervals are a second long, or longer if there would be too many.
fn interval(duration: Option<Duration>) -> Duration {
    let share = duration.unwrap_or_default() / INTERVALS_MAX;
    Duration::from_secs(share.as_secs() + u64::from(share.subsec_nanos() > 0))
        .max(Duration::from_secs(1))
}

impl MeasureArgs {
    /// What the shared flags say of a plan; the rest is the command's own.
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

    /// What messages are that have so many bytes.
    fn stamped(&self, size: u64) -> Result<Content, Failure> {
        match usize::try_from(size) {
            Ok(bytes @ 1..=MESSAGE_BYTES_MAX) => {
                Ok(Content::Stamped { bytes, binary: self.binary })
            }
            _ => Err(Failure::Usage(format!("--size {size}: expected 1 B to 1 GiB"))),
        }
    }
}

/// Whether there is a process of this number; one of another user's counts.
fn is_process(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// A share of all, 0 to 1: `1%`, `0.01`.
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

/// Raises the soft limit to the hard one.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // If it cannot be raised, the one there is counts.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_or_a_part_of_one() {
        assert_eq!((share("1%"), share("0.01"), share("0")), (Ok(0.01), Ok(0.01), Ok(0.0)));
        assert_eq!((share("100 %"), share("1")), (Ok(1.0), Ok(1.0)));
        for text in ["", "%", "101%", "1.5", "-1%", "1e-3", "NaN", "inf", "one"] {
            assert!(share(text).is_err_and(|message| message.contains("1% or 0.01")), "{text}");
        }
    }

    #[test]
    fn a_process_is_there_or_not() {
        assert!(is_process(std::process::id()));
        assert!(!is_process(0) && !is_process(u32::MAX));
    }
}

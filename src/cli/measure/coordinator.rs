//! The coordinator of several worker processes: each measures its share of the connections, all
//! start at once, and their results are merged exactly.

use super::Task;
use super::memory::Sample;
use super::messages::{Command, Lines, Report, line};
use super::report::report_interrupted;
use super::stop::StopSignal;
use crate::cli::Failure;
use crate::cli::process::arguments;
use crate::cli::process::spawn_self::this_program;
use crate::cli::terminal::progress::ProgressLine;
use crate::load::host::Place;
use crate::load::plan::Pace;
use crate::load::result::merge::merge_shares;
use crate::load::result::outcome::Kind;
use crate::load::run::{Phase, Progress};
use crate::load::{Histogram, Outcome, Verdict};
use jiff::Timestamp;
use mio::unix::pipe::Receiver;
use mio::{Events, Interest, Poll, Token};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

/// How often progress is shown and signals are checked.
const TICK: Duration = Duration::from_millis(100);

/// Runs the measurement. Returns its result, and the signal that ended it early, if any.
pub(super) fn run(task: &Task<'_>) -> Result<(Outcome, Option<i32>), Failure> {
    let endpoints = task.arguments.client.endpoints()?;
    let both_ends = Place::from(&endpoints[0]) != Place::Elsewhere;
    let stop = StopSignal::listen()?;
    let mut coordinator = Coordinator::start(task, stop)?;
    coordinator.wait(Worker::has_begun)?;
    let server = task.arguments.pid;
    let before = Sample::now(server);
    coordinator.send_all(Command::Connect);
    coordinator.wait(Worker::is_ready)?;
    let up = Sample::now(server);
    coordinator.wait_for_start(task.arguments.start_at)?;
    coordinator.send_all(Command::Go);
    coordinator.wait(Worker::is_over)?;
    coordinator.display.finish();
    let mut outcome = coordinator.outcome()?;
    if task.kind == Kind::Hold {
        outcome.memory = up.since(&before, outcome.connections.established, both_ends);
    }
    Ok((outcome, coordinator.stop.signal()))
}

/// See the [module documentation](self). The workers end when this value is dropped.
struct Coordinator<'a> {
    task: &'a Task<'a>,
    workers: Vec<Worker>,
    poll: Poll,
    display: ProgressLine,
    stop: StopSignal,
    has_stopped: bool,
    /// The earliest phase that a worker is in, and since when.
    phase: (Phase, Instant),
    shown_at: Instant,
}

/// A process that measures.
struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: Receiver,
    lines: Lines,
    /// Its connections.
    share: u32,
    stage: Stage,
    progress: Progress<'static>,
}

/// How far a worker has come.
enum Stage {
    Starting,
    Begun,
    Ready,
    Done(Box<Outcome>),
    Failed(String),
}

impl<'a> Coordinator<'a> {
    fn start(task: &'a Task<'a>, stop: StopSignal) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut workers = Vec::new();
        for index in 0..task.arguments.processes {
            let mut worker = Worker::start(index, task.share(index).connections)
                .map_err(|error| Failure::Runtime(format!("process {index}: {error}")))?;
            let token = Token(index as usize);
            poll.registry().register(&mut worker.stdout, token, Interest::READABLE)?;
            workers.push(worker);
        }
        Ok(Self {
            task,
            workers,
            poll,
            display: task.progress_line(),
            stop,
            has_stopped: false,
            phase: (Phase::default(), Instant::now()),
            shown_at: Instant::now(),
        })
    }

    fn send_all(&mut self, command: Command) {
        // If a worker is gone, the next read reports it.
        self.workers.iter_mut().for_each(|worker| drop(worker.send(command)));
    }

    /// Waits until this holds for every worker that has not failed.
    fn wait(&mut self, holds: fn(&Worker) -> bool) -> Result<(), Failure> {
        while !self.workers.iter().all(|worker| holds(worker) || worker.is_over()) {
            self.read_messages()?;
            self.pass_on_signal();
            self.show_progress();
        }
        match self.workers.iter().all(|worker| matches!(worker.stage, Stage::Failed(_))) {
            true => Err(self.failure()),
            false => Ok(()),
        }
    }

    fn wait_for_start(&mut self, start_at: Option<Timestamp>) -> Result<(), Failure> {
        while start_at.is_some_and(|at| Timestamp::now() < at) && self.stop.signal().is_none() {
            self.read_messages()?;
            self.show_progress();
        }
        Ok(())
    }

    fn read_messages(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(self.workers.len());
        match self.poll.poll(&mut events, Some(TICK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &events {
            self.workers[event.token().0].read_messages();
        }
        Ok(())
    }

    /// Passes the first signal on to the workers; the second ends this process, which ends them.
    fn pass_on_signal(&mut self) {
        if self.stop.signal().is_some() && !std::mem::replace(&mut self.has_stopped, true) {
            self.send_all(Command::Stop);
        }
    }

    /// Shows progress, if it is due: it takes a sum over all workers.
    fn show_progress(&mut self) {
        if self.shown_at.elapsed() < TICK {
            return;
        }
        self.shown_at = Instant::now();
        let busy = || self.workers.iter().filter(|worker| !worker.is_over());
        let phase = busy().map(|worker| worker.progress.phase).min().unwrap_or(self.phase.0);
        if phase != self.phase.0 {
            self.phase = (phase, Instant::now());
        }
        let all = || self.workers.iter().map(|worker| &worker.progress);
        let mut latency = Histogram::new();
        all().for_each(|progress| latency.add(&progress.latency));
        let sum = Progress {
            phase,
            elapsed: self.phase.1.elapsed(),
            connections: busy().map(|worker| worker.progress.connections).sum(),
            per_second: busy().map(|worker| worker.progress.per_second).sum(),
            latency: Cow::Owned(latency),
            errors: all().map(|progress| progress.errors).sum(),
        };
        self.display.show(&sum);
    }

    /// Merges the results. The connections of a worker without one count as failed.
    fn outcome(&self) -> Result<Outcome, Failure> {
        let done = self.workers.iter().filter_map(|worker| match &worker.stage {
            Stage::Done(outcome) => Some((**outcome).clone()),
            _ => None,
        });
        let done: Vec<Outcome> = done.collect();
        let mut merged = merge_shares(&done).map_err(Failure::Runtime)?;
        let labels = self.task.labels();
        (merged.command, merged.target) = (labels.command, labels.target);
        merged.runs = 1;
        merged.planned_s = self.task.duration.map(|duration| duration.as_secs_f64());
        merged.interrupted = done.iter().any(|it| it.interrupted);
        if let Pace::Open { rate } = self.task.plan.pace {
            merged.load.rate = Some(rate);
        }
        for worker in &self.workers {
            let Stage::Failed(reason) = &worker.stage else { continue };
            let share = u64::from(worker.share);
            merged.connections.requested += share;
            if self.stop.signal().is_some() {
                // It had nothing to measure yet, and reached no limit.
                continue;
            }
            merged.connections.failed += share;
            *merged.errors.entry(reason.as_str().into()).or_default() += share;
            if merged.verdict != Verdict::Ceiling {
                merged.verdict = Verdict::Ceiling;
                merged.ceiling = Some("connections".into());
                merged.verdict_reason = format!("one process could not measure: {reason}");
            }
        }
        Ok(merged)
    }

    /// The error if no worker has a result.
    fn failure(&mut self) -> Failure {
        if let Some(signal) = self.stop.signal() {
            report_interrupted(&mut self.display);
            return Failure::Signal(signal);
        }
        let reasons = self.workers.iter().filter_map(|worker| match &worker.stage {
            Stage::Failed(reason) => Some(reason.clone()),
            _ => None,
        });
        Failure::Runtime(reasons.min().unwrap_or_default())
    }
}

impl Worker {
    /// Starts this program with the same arguments, as worker number `index`.
    fn start(index: u32, share: u32) -> io::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let mut child = this_program()
            .arg(arguments::argument(index))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or(ErrorKind::BrokenPipe)?;
        arguments::send(&arguments, &mut stdin)?;
        let stdout = Receiver::from(child.stdout.take().ok_or(ErrorKind::BrokenPipe)?);
        stdout.set_nonblocking(true)?;
        let (lines, progress) = (Lines::default(), Progress::default());
        Ok(Self { child, stdin, stdout, lines, share, stage: Stage::Starting, progress })
    }

    fn send(&mut self, command: Command) -> io::Result<()> {
        self.stdin.write_all(&line(&command)?)?;
        self.stdin.flush()
    }

    /// Reads all reports that have arrived.
    fn read_messages(&mut self) {
        let mut buffer = [0; 64 * 1024];
        let end = loop {
            match self.stdout.read(&mut buffer) {
                Ok(0) => break Some("a worker process ended without a result".to_owned()),
                Ok(count) => self.lines.push(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        while let Some(report) = self.lines.next::<Report>() {
            match report {
                Ok(Report::Begun) => self.stage = Stage::Begun,
                Ok(Report::Ready) => self.stage = Stage::Ready,
                Ok(Report::Progress(progress)) => self.progress = progress,
                Ok(Report::Done(outcome)) => self.stage = Stage::Done(outcome),
                Ok(Report::Failed(reason)) => self.stage = Stage::Failed(reason),
                Err(error) => self.stage = Stage::Failed(error.to_string()),
            }
        }
        if let Some(reason) = end.filter(|_| !self.is_over()) {
            self.stage = Stage::Failed(reason);
        }
    }

    fn has_begun(&self) -> bool {
        !matches!(self.stage, Stage::Starting)
    }

    fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready) || self.is_over()
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done(_) | Stage::Failed(_))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.is_over() {
            // If it has already ended, kill fails.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

//! A run in a worker process: it receives commands from a coordinator on standard input, and
//! reports its progress and its result on standard output.

use super::Task;
use super::messages::{Command, Lines, Report, line};
use super::report::failure;
use crate::cli::Failure;
use crate::load::run::{Phase, Progress, Stop, Watch};
use jiff::Timestamp;
use mio::unix::SourceFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::borrow::Cow;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// The number of standard input among the network's external sources.
const COORDINATOR: u32 = 0;

/// How often progress is reported: every second.
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// Measures as worker number `index`.
pub(super) fn run(task: &Task<'_>, index: u32) -> Result<(), Failure> {
    end_with_coordinator()?;
    let arguments = task.arguments;
    let mut network = arguments.client.network()?;
    network.register_external(&mut SourceFd(&io::stdin().as_raw_fd()), COORDINATOR)?;
    // One worker is enough to watch the server.
    let server = arguments.pid.filter(|_| index == 0);
    let endpoints = arguments.client.endpoints()?;
    let mut run = task.start(task.share(index), endpoints, network, server)?;
    let mut coordinator = Coordinator::new();
    coordinator.send(&Report::Begun)?;
    coordinator.wait_for_connect()?;
    let measured = run.connect(&mut coordinator).and_then(|()| {
        coordinator.send(&Report::Ready)?;
        run.measure(&mut coordinator)?;
        run.finish(&task.labels(), &mut coordinator)
    });
    let report = match measured {
        Ok(Some(outcome)) => Report::Done(Box::new(outcome)),
        Ok(None) => Report::Failed(failure(task, Stop::Asked, None).to_string()),
        Err(stop) => Report::Failed(failure(task, stop, None).to_string()),
    };
    Ok(coordinator.send(&report)?)
}

/// Ends this process with its coordinator: without one, nobody could read its result or stop it. If
/// the coordinator has ended already, a read of standard input reports that.
#[cfg(target_os = "linux")]
fn end_with_coordinator() -> io::Result<()> {
    use rustix::process::{Signal, set_parent_process_death_signal};
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Elsewhere a read of standard input reports the end of the coordinator, if later.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn end_with_coordinator() -> io::Result<()> {
    Ok(())
}

/// The coordinator, as a worker sees it.
struct Coordinator {
    lines: Lines,
    /// Standard input may be readable.
    is_readable: bool,
    wants_start: bool,
    wants_stop: bool,
    /// When progress was last reported, and in which phase: a new phase is reported at once.
    sent_at: Instant,
    sent_phase: Phase,
}

impl Coordinator {
    fn new() -> Self {
        Self {
            lines: Lines::default(),
            is_readable: false,
            wants_start: false,
            wants_stop: false,
            sent_at: Instant::now(),
            sent_phase: Phase::default(),
        }
    }

    fn send(&mut self, report: &Report) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line(report)?)?;
        stdout.flush()
    }

    fn wait_for_connect(&mut self) -> io::Result<()> {
        loop {
            match self.lines.next::<Command>() {
                Some(Ok(Command::Connect)) => return Ok(()),
                Some(Ok(_)) => return Err(io::ErrorKind::InvalidInput.into()),
                Some(Err(error)) => return Err(error),
                None if self.wants_stop => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => self.read(None),
            }
        }
    }

    /// Reads the commands that have arrived.
    fn read_commands(&mut self) {
        if !std::mem::take(&mut self.is_readable) {
            return;
        }
        self.read(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        while let Some(command) = self.lines.next::<Command>() {
            match command {
                Ok(Command::Go) => self.wants_start = true,
                // A line that is not a command does not come from a coordinator.
                Ok(Command::Stop | Command::Connect) | Err(_) => self.wants_stop = true,
            }
        }
    }

    /// Waits this long for input and reads once. The end of the input stops the run.
    fn read(&mut self, wait: Option<&Timespec>) {
        let stdin = rustix::stdio::stdin();
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], wait) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return,
            _ => {}
        }
        let mut buffer = [0; 1024];
        match rustix::io::read(stdin, &mut buffer) {
            Ok(0) | Err(_) => self.wants_stop = true,
            Ok(count) => self.lines.push(&buffer[..count]),
        }
    }
}

impl Watch for Coordinator {
    fn time_of_day(&mut self) -> Timestamp {
        Timestamp::now()
    }

    fn external(&mut self, number: u32) {
        self.is_readable |= number == COORDINATOR;
    }

    fn wants_start(&mut self) -> bool {
        self.read_commands();
        self.wants_start
    }

    fn wants_stop(&mut self) -> bool {
        self.read_commands();
        self.wants_stop
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        if self.sent_at.elapsed() < PROGRESS_PERIOD && progress.phase == self.sent_phase {
            return;
        }
        self.sent_phase = progress.phase;
        self.sent_at = Instant::now();
        let latency = Cow::Owned(progress.latency.clone().into_owned());
        // If the coordinator is gone, the next read reports it.
        let _ = self.send(&Report::Progress(Progress { latency, ..*progress }));
    }
}

//! A place for a worker: the process in it, and when it is started again or given up.

use super::worker::{READY, STOPPED};
use crate::cli::Failure;
use crate::net::os::ipc::Channel;
use log::warn;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a dead worker's place stays empty the first time: 100 ms, doubled with each death in a
/// row.
const RESTART_WAIT_MIN: Duration = Duration::from_millis(100);

/// The most it is doubled to: 10 s.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);

/// A worker that lived so long died of something new: 10 s.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(10);

/// Consecutive failed starts after which a place is given up: 5. With the waits between them this
/// takes 3 s: clients should not hang longer in a queue that no worker empties.
const FAILED_STARTS_MAX: u32 = 5;

/// See the [module documentation](self).
pub(super) struct Place {
    index: usize,
    running: Option<Running>,
    /// When a worker is started again, if the last one died.
    restart_at: Option<Instant>,
    restart_wait: Duration,
    /// Consecutive starts that failed before the worker served.
    failed_starts: u32,
    is_given_up: bool,
}

struct Running {
    child: Child,
    channel: Channel,
    started_at: Instant,
    is_ready: bool,
    /// SIGHUP came before it could take a signal.
    wants_reload: bool,
}

/// What became of the worker in a place.
pub(super) enum Death {
    /// It was still starting, for the first time.
    BeforeService(Failure),
    /// It is started again.
    Restarted,
    /// It is not started again: clients must not wait for it.
    GivenUp,
}

impl Place {
    /// A place without a worker.
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            running: None,
            restart_at: None,
            restart_wait: RESTART_WAIT_MIN,
            failed_starts: 0,
            is_given_up: false,
        }
    }

    /// Starts a worker, which is told `config`. What it says wakes `poll` with the number of the
    /// place.
    pub(super) fn start(
        &mut self,
        config: &[u8],
        listeners: &[BorrowedFd<'_>],
        poll: &Poll,
    ) -> io::Result<()> {
        self.restart_at = None;
        let (channel, theirs) = Channel::pair()?;
        let mut child = worker_command(self.index).stdin(OwnedFd::from(theirs)).spawn()?;
        let token = Token(self.index);
        let begun = channel.send(config, listeners).and_then(|()| {
            let source = &mut SourceFd(&channel.as_raw_fd());
            poll.registry().register(source, token, Interest::READABLE)
        });
        if let Err(error) = begun {
            // Without orders it would wait for ever. If it is already gone there is nothing to end.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(error);
        }
        let started_at = Instant::now();
        let running = Running { child, channel, started_at, is_ready: false, wants_reload: false };
        self.running = Some(running);
        Ok(())
    }

    /// Whether there is a worker that serves.
    pub(super) fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|it| it.is_ready)
    }

    /// Whether there is no worker.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none()
    }

    /// Whether no worker is started any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// When a worker is to be started, if that is planned.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        self.restart_at
    }

    /// Cancels a planned start.
    pub(super) fn cancel_restart(&mut self) {
        self.restart_at = None;
    }

    /// Takes what the worker says. Returns how many connections and messages it has served in all,
    /// once it has stopped.
    pub(super) fn read_messages(&mut self) -> Option<(u64, u64)> {
        let running = self.running.as_mut()?;
        let mut totals = None;
        while let Ok(Some((words, _))) = running.channel.receive() {
            let words = String::from_utf8_lossy(&words);
            let mut words = words.split(' ');
            match words.next() {
                Some(READY) => {
                    running.is_ready = true;
                    self.failed_starts = 0;
                    if std::mem::take(&mut running.wants_reload) {
                        running.signal(Signal::HUP);
                    }
                }
                Some(STOPPED) => {
                    let mut count = || words.next().and_then(|it| it.parse().ok()).unwrap_or(0);
                    totals = Some((count(), count()));
                }
                _ => {}
            }
        }
        totals
    }

    /// Sends a signal to the worker, if there is one.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(running) = &self.running {
            running.signal(signal);
        }
    }

    /// Makes the worker read its keys again. One that is still starting gets the signal when it is
    /// ready: it may have read the old keys already, and handles no signals yet.
    pub(super) fn reload(&mut self) {
        match &mut self.running {
            Some(running) if running.is_ready => running.signal(Signal::HUP),
            Some(running) => running.wants_reload = true,
            None => {}
        }
    }

    /// How the worker has ended; `None` while it runs. Its last messages can still be read.
    pub(super) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.running.as_mut()?.child.try_wait().ok()?
    }

    /// Empties the place of a worker that has ended, and plans the next start. `None` if nothing
    /// follows, because all workers are to stop.
    pub(super) fn clear(
        &mut self,
        status: ExitStatus,
        is_stopping: bool,
        is_announced: bool,
    ) -> Option<Death> {
        let index = self.index;
        let dead = self.running.take()?;
        if is_stopping {
            if !status.success() {
                warn!("worker {index} ended with {status}");
            }
            return None;
        }
        if !is_announced && !dead.is_ready {
            let message = format!("worker {index} did not start: {status}");
            return Some(Death::BeforeService(Failure::Runtime(message)));
        }
        if dead.started_at.elapsed() >= LIFE_THAT_COUNTS {
            self.restart_wait = RESTART_WAIT_MIN;
        }
        Some(self.plan_restart(!dead.is_ready))
    }

    /// Plans another start, unless too many in a row have failed.
    pub(super) fn plan_restart(&mut self, has_failed: bool) -> Death {
        self.failed_starts += u32::from(has_failed);
        if self.failed_starts >= FAILED_STARTS_MAX {
            self.is_given_up = true;
            return Death::GivenUp;
        }
        self.restart_at = Some(Instant::now() + self.restart_wait);
        self.restart_wait = (self.restart_wait * 2).min(RESTART_WAIT_MAX);
        Death::Restarted
    }
}

impl fmt::Display for Death {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeService(failure) => failure.fmt(formatter),
            Self::Restarted => formatter.write_str("is started again"),
            Self::GivenUp => {
                write!(formatter, "is given up, since {FAILED_STARTS_MAX} starts in a row failed")
            }
        }
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        // One that is gone already needs no signal: it was not waited for, so the number is still
        // its own.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

/// This program with the same arguments, as worker number `index`.
fn worker_command(index: usize) -> Command {
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(|first| first == "serve");
    // The program as it was when this process began, even if its file was replaced since.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("halloo").arg("serve").arg(format!("--as-worker={index}"));
    command.args(arguments.collect::<Vec<OsString>>());
    // A Ctrl-C at the terminal is for the parent, which forwards it.
    command.process_group(0);
    command
}

//! The slot of a worker: the process in it, and when to restart it or give up.

use super::worker::{READY, STOPPED};
use crate::cli::Failure;
use crate::cli::process::spawn_self::this_program;
use crate::net::os::ipc::Channel;
use log::warn;
use mio::unix::SourceFd;
use mio::{Interest, Poll, Token};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long to wait before the first restart of a worker: 100 ms, doubled with each further death
/// in a row.
const RESTART_WAIT_MIN: Duration = Duration::from_millis(100);

/// The longest wait before a restart: 10 s.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);

/// A worker that ran for this long was healthy, so its death resets the restart wait: 10 s.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(10);

/// Consecutive failed starts after which the supervisor gives up on a slot: 5. With the waits
/// between them this takes 3 s; clients should not wait longer in a queue that no worker accepts
/// from.
const FAILED_STARTS_MAX: u32 = 5;

/// See the [module documentation](self).
pub(super) struct Slot {
    index: usize,
    running: Option<Running>,
    /// When to restart the worker, if it died.
    restart_at: Option<Instant>,
    restart_wait: Duration,
    /// Consecutive starts that failed before the worker was ready.
    failed_starts: u32,
    is_given_up: bool,
}

struct Running {
    child: Child,
    channel: Channel,
    started_at: Instant,
    is_ready: bool,
    /// A SIGHUP arrived before the worker could handle signals.
    wants_reload: bool,
}

/// What follows the death of a worker.
pub(super) enum Death {
    /// It died during the first start, before the server was announced: the server ends.
    BeforeService(Failure),
    /// It will be restarted.
    Restarted,
    /// It will not be restarted: clients must not wait for it.
    GivenUp,
}

impl Slot {
    /// A slot without a worker.
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

    /// Starts a worker and sends it `config` and its listeners. Its messages wake `poll` with the
    /// slot's index as token.
    ///
    /// # Errors
    ///
    /// The error of the system; no process is left behind.
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
            // Without its configuration it would wait for ever. If it has already ended, kill
            // fails.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(error);
        }
        let started_at = Instant::now();
        let running = Running { child, channel, started_at, is_ready: false, wants_reload: false };
        self.running = Some(running);
        Ok(())
    }

    /// Whether there is a worker and it serves.
    pub(super) fn is_ready(&self) -> bool {
        self.running.as_ref().is_some_and(|it| it.is_ready)
    }

    /// Whether there is no worker.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_none()
    }

    /// Whether the supervisor has given up on this slot.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// When to restart the worker, if that is planned.
    pub(super) fn restart_at(&self) -> Option<Instant> {
        self.restart_at
    }

    /// Cancels a planned restart.
    pub(super) fn cancel_restart(&mut self) {
        self.restart_at = None;
    }

    /// Reads the worker's messages. Returns its totals of connections and messages, if it has
    /// reported that it stopped.
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

    /// Makes the worker reload its keys. One that is still starting gets the signal when it is
    /// ready: it may have read the old keys already, and does not handle signals yet.
    pub(super) fn reload(&mut self) {
        match &mut self.running {
            Some(running) if running.is_ready => running.signal(Signal::HUP),
            Some(running) => running.wants_reload = true,
            None => {}
        }
    }

    /// The exit status of a worker that has ended. Its last messages can still be read.
    pub(super) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.running.as_mut()?.child.try_wait().ok()?
    }

    /// Empties the slot of a worker that has ended, and plans the restart. `None` if all workers
    /// are stopping, so nothing follows.
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

    /// Plans a restart, unless too many in a row have failed.
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
            Self::Restarted => formatter.write_str("will be restarted"),
            Self::GivenUp => {
                write!(formatter, "is given up: {FAILED_STARTS_MAX} starts in a row failed")
            }
        }
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        // A worker that has ended needs no signal. It has not been reaped, so its process ID is
        // still its own.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

/// This program with the same arguments, as worker number `index`.
fn worker_command(index: usize) -> Command {
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(|first| first == "serve");
    let mut command = this_program();
    command.arg("serve").arg(format!("--as-worker={index}"));
    command.args(arguments.collect::<Vec<OsString>>());
    command
}

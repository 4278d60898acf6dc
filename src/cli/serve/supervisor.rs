//! The parent of several workers: it binds, starts them, watches them, and speaks for them.
//!
//! Each worker has a listener of its own on each TCP address (`SO_REUSEPORT`: the kernel spreads connections
//! among them), and all share those on Unix sockets. The parent keeps every listener open: clients that come
//! while a worker is started again wait in its queue, and are not lost.

use super::ServeArgs;
use super::server::cannot_listen;
use super::worker::{Orders, READY, STOPPED};
use crate::cli::Failure;
use crate::net::address::Location;
use crate::net::channel::{Channel, DESCRIPTORS_MAX};
use crate::net::listener::SystemListener;
use crate::net::{Address, SocketOptions};
use log::{error, info, warn};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The token of the signals; workers have theirs by number.
const SIGNALS: Token = Token(usize::MAX);

/// How long a dead worker's place stays empty the first time: 100 ms, doubled with each death in a row.
const RESTART_WAIT_MIN: Duration = Duration::from_millis(100);

/// The most it is doubled to: 10 s.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(10);

/// A worker that lived so long died of something new: 10 s.
const LIFE_THAT_COUNTS: Duration = Duration::from_secs(10);

/// See the [module documentation](self).
pub(super) struct Supervisor {
    orders: Orders,
    /// For each address its listeners: one for each worker, or one for all.
    listeners: Vec<Vec<SystemListener>>,
    workers: Vec<Worker>,
    poll: Poll,
    signals: Signals,
    is_announced: bool,
    is_stopping: bool,
    /// The signal that said to stop at once.
    ended_by: Option<i32>,
    connections: u64,
    messages: u64,
}

/// A place for a worker.
struct Worker {
    running: Option<Running>,
    /// When it is started again, if it died.
    restart_at: Option<Instant>,
    restart_wait: Duration,
}

struct Running {
    child: Child,
    channel: Channel,
    started_at: Instant,
    is_ready: bool,
}

impl Supervisor {
    /// Binds every address for so many workers, and starts them.
    pub(super) fn start(arguments: &ServeArgs, workers: u32) -> Result<Self, Failure> {
        // What is wrong with the flags is said once, and before anything is started.
        let limits = arguments.limits()?;
        drop(arguments.auth.load()?);
        let pem = arguments.tls.prepare(&arguments.listen)?;
        drop(arguments.tls.load(&arguments.listen, pem.as_ref().map(|pem| pem.as_str()))?);
        if arguments.listen.len() > DESCRIPTORS_MAX {
            let message = format!("workers can serve {DESCRIPTORS_MAX} addresses at once");
            return Err(Failure::Usage(message));
        }
        let options =
            SocketOptions { reuse_port: true, ..arguments.socket_options(limits.connections_max) };
        let mut bound = Vec::new();
        let mut listeners = Vec::new();
        for address in &arguments.listen {
            let (address, of_address) = bind(address, &options, workers)?;
            bound.push(address);
            listeners.push(of_address);
        }
        let poll = Poll::new()?;
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGCHLD])?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let vacant = || Worker { running: None, restart_at: None, restart_wait: RESTART_WAIT_MIN };
        let mut supervisor = Self {
            orders: Orders { addresses: bound, pem },
            listeners,
            workers: (0..workers).map(|_| vacant()).collect(),
            poll,
            signals,
            is_announced: false,
            is_stopping: false,
            ended_by: None,
            connections: 0,
            messages: 0,
        };
        for index in 0..supervisor.workers.len() {
            supervisor.start_worker(index)?;
        }
        Ok(supervisor)
    }

    /// Watches until it was told to stop and all workers have ended. Once every worker serves, `announce` is
    /// told where.
    pub(super) fn run(&mut self, announce: fn(&Address)) -> Result<(), Failure> {
        let mut events = Events::with_capacity(64);
        while !(self.is_stopping && self.workers.iter().all(|worker| worker.running.is_none())) {
            match self.poll.poll(&mut events, self.until_restart()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                match event.token() {
                    SIGNALS => self.obey_signals()?,
                    Token(index) => self.listen_to(index),
                }
            }
            if !self.is_announced && self.all_ready() {
                self.is_announced = true;
                self.orders.addresses.iter().for_each(announce);
            }
            self.restart_due();
        }
        if let Some(signal) = self.ended_by {
            return Err(Failure::Signal(signal));
        }
        info!(messages = self.messages; "stopped after {} connections", self.connections);
        Ok(())
    }

    fn all_ready(&self) -> bool {
        self.workers.iter().all(|worker| worker.running.as_ref().is_some_and(|it| it.is_ready))
    }

    fn until_restart(&self) -> Option<Duration> {
        let next = self.workers.iter().filter_map(|worker| worker.restart_at).min();
        next.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    fn restart_due(&mut self) {
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.restart_at.is_none_or(|moment| moment > Instant::now()) {
                continue;
            }
            worker.restart_at = None;
            if let Err(error) = self.start_worker(index) {
                error!("worker {index} could not be started: {error}");
                self.workers[index].plan_restart();
            }
        }
    }

    fn start_worker(&mut self, index: usize) -> io::Result<()> {
        let (channel, theirs) = Channel::pair()?;
        let child = worker_command(index).stdin(OwnedFd::from(theirs)).spawn()?;
        let descriptors: Vec<BorrowedFd<'_>> = self
            .listeners
            .iter()
            .map(|of_address| of_address[index % of_address.len()].as_fd())
            .collect();
        channel.send(&self.orders.encode(), &descriptors)?;
        let descriptor = channel.as_raw_fd();
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&descriptor), Token(index), Interest::READABLE)?;
        let running = Running { child, channel, started_at: Instant::now(), is_ready: false };
        self.workers[index].running = Some(running);
        Ok(())
    }

    /// Takes what a worker says.
    fn listen_to(&mut self, index: usize) {
        let Some(running) = &mut self.workers[index].running else { return };
        while let Ok(Some((words, _))) = running.channel.receive() {
            let words = String::from_utf8_lossy(&words);
            let mut words = words.split(' ');
            let first = words.next();
            running.is_ready |= first == Some(READY);
            if first == Some(STOPPED) {
                let mut count = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                self.connections += count();
                self.messages += count();
            }
        }
    }

    fn obey_signals(&mut self) -> Result<(), Failure> {
        for signal in self.signals.pending().collect::<Vec<_>>() {
            match signal {
                SIGCHLD => self.bury_the_dead()?,
                SIGHUP => self.forward(Signal::HUP),
                _ if self.is_stopping => {
                    self.ended_by = Some(signal);
                    self.forward(Signal::TERM);
                }
                _ => self.stop(),
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        // From now on nobody waits in a queue that no worker empties.
        self.listeners.clear();
        for worker in &mut self.workers {
            worker.restart_at = None;
        }
        self.forward(Signal::TERM);
    }

    fn forward(&self, signal: Signal) {
        for running in self.workers.iter().filter_map(|worker| worker.running.as_ref()) {
            // One that is gone already needs no signal: it was not waited for, so the number is still its.
            let _ = kill_process(Pid::from_child(&running.child), signal);
        }
    }

    fn bury_the_dead(&mut self) -> Result<(), Failure> {
        for index in 0..self.workers.len() {
            let Some(running) = &mut self.workers[index].running else { continue };
            let Ok(Some(status)) = running.child.try_wait() else { continue };
            self.listen_to(index);
            let worker = &mut self.workers[index];
            let Some(dead) = worker.running.take() else { continue };
            if self.is_stopping {
                if !status.success() {
                    warn!("worker {index} ended with {status}");
                }
                continue;
            }
            if !self.is_announced && !dead.is_ready {
                self.stop();
                return Err(Failure::Runtime(format!("worker {index} did not start: {status}")));
            }
            error!("worker {index} died with {status} and is started again");
            if dead.started_at.elapsed() >= LIFE_THAT_COUNTS {
                worker.restart_wait = RESTART_WAIT_MIN;
            }
            worker.plan_restart();
        }
        Ok(())
    }
}

impl Worker {
    fn plan_restart(&mut self) {
        self.restart_at = Some(Instant::now() + self.restart_wait);
        self.restart_wait = (self.restart_wait * 2).min(RESTART_WAIT_MAX);
    }
}

/// Binds an address as often as it takes, with the port that the first got.
fn bind(
    address: &Address,
    options: &SocketOptions,
    workers: u32,
) -> Result<(Address, Vec<SystemListener>), Failure> {
    let bind_one = |address: &Address| {
        SystemListener::bind(address, options, None).map_err(|error| cannot_listen(address, &error))
    };
    let (first, bound) = bind_one(address)?;
    let mut listeners = vec![first];
    if matches!(bound.location, Location::Tcp(..)) {
        for _ in 1..workers {
            listeners.push(bind_one(&bound)?.0);
        }
    }
    Ok((bound, listeners))
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

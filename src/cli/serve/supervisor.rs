//! The parent of several workers: it binds the listeners, starts and watches the workers, and
//! announces and logs for all of them.
//!
//! Each worker has its own listener on each TCP address (`SO_REUSEPORT`: the kernel spreads
//! connections among them), and all workers share those on Unix sockets. The parent keeps every
//! listener open, so clients that arrive during a restart wait in the accept queue. When the parent
//! gives up on a worker, it closes that worker's listeners: the kernel then sends clients to the
//! others.

use super::server::{SECOND_SIGNAL, cannot_listen};
use super::slot::{Death, Slot};
use super::worker::WorkerConfig;
use super::{ServeArgs, announce};
use crate::cli::Failure;
use crate::net::address::Location;
use crate::net::os::ipc::DESCRIPTORS_MAX;
use crate::net::os::listener::SystemListener;
use crate::net::{Address, SocketOptions};
use log::{error, info, warn};
use mio::{Events, Interest, Poll, Token};
use rustix::process::Signal;
use signal_hook::consts::{SIGCHLD, SIGHUP};
use signal_hook_mio::v1_0::Signals;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The token of the signals; workers use their index.
const SIGNALS: Token = Token(usize::MAX);

/// How long workers may take beyond the drain timeout before they are killed: 2 s. A worker that
/// still runs its event loop ends earlier.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// How long the kernel may take to end killed workers: 1 s. A worker in an uninterruptible system
/// call may take longer, and is left to init.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// See the [module documentation](self).
pub(super) struct Supervisor {
    config: WorkerConfig,
    /// The listeners of each address: one for each worker, `None` once the worker is given up, or
    /// one for all workers.
    listeners: Vec<Vec<Option<SystemListener>>>,
    slots: Vec<Slot>,
    poll: Poll,
    signals: Signals,
    drain_timeout: Duration,
    is_announced: bool,
    is_stopping: bool,
    /// When the remaining workers are killed, or, once they were, no longer waited for.
    kill_at: Option<Instant>,
    is_killed: bool,
    /// The signal that demanded to stop at once.
    ended_by: Option<i32>,
    connections: u64,
    messages: u64,
}

impl Supervisor {
    /// Binds every address for this many workers, and starts them.
    pub(super) fn start(
        arguments: &ServeArgs,
        workers: u32,
        mut signals: Signals,
    ) -> Result<Self, Failure> {
        // Report errors in the flags once, before a worker is started.
        let limits = arguments.limits()?;
        drop(arguments.auth.load()?);
        let pem = arguments.tls.prepare(&arguments.listen)?;
        let _loads = arguments.tls.load(&arguments.listen, pem.as_ref().map(|pem| pem.as_str()))?;
        let options = arguments.socket_options(limits.connections_max);
        let mut bound = Vec::new();
        let mut listeners = Vec::new();
        for address in &arguments.listen {
            for (address, of_address) in bind(address, &options, workers)? {
                bound.push(address);
                listeners.push(of_address.into_iter().map(Some).collect());
            }
        }
        if bound.len() > DESCRIPTORS_MAX {
            let message = format!("workers can serve {DESCRIPTORS_MAX} addresses at once");
            return Err(Failure::Usage(message));
        }
        let poll = Poll::new()?;
        signals.add_signal(SIGCHLD)?;
        poll.registry().register(&mut signals, SIGNALS, Interest::READABLE)?;
        let mut supervisor = Self {
            config: WorkerConfig { addresses: bound, pem },
            listeners,
            slots: (0..workers as usize).map(Slot::new).collect(),
            poll,
            signals,
            drain_timeout: arguments.drain_timeout,
            is_announced: false,
            is_stopping: false,
            kill_at: None,
            is_killed: false,
            ended_by: None,
            connections: 0,
            messages: 0,
        };
        for index in 0..supervisor.slots.len() {
            supervisor.start_worker(index)?;
        }
        Ok(supervisor)
    }

    /// Watches the workers until all of them have stopped. Once every worker is ready, announces
    /// the addresses.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(64);
        while !(self.is_stopping && self.slots.iter().all(Slot::is_empty)) {
            match self.poll.poll(&mut events, self.until_due()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                match event.token() {
                    SIGNALS => self.handle_signals()?,
                    Token(index) => self.read_messages(index),
                }
            }
            if !self.is_announced && self.slots.iter().all(Slot::is_ready) {
                self.is_announced = true;
                announce(&self.config.addresses);
            }
            self.restart_due()?;
            self.kill_due()?;
        }
        if let Some(signal) = self.ended_by {
            return Err(Failure::Signal(signal));
        }
        info!(messages = self.messages; "stopped after {} connections", self.connections);
        Ok(())
    }

    /// Time until the next restart or kill.
    fn until_due(&self) -> Option<Duration> {
        let next = self.slots.iter().filter_map(Slot::restart_at).chain(self.kill_at).min();
        next.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    fn restart_due(&mut self) -> Result<(), Failure> {
        for index in 0..self.slots.len() {
            if self.slots[index].restart_at().is_none_or(|moment| moment > Instant::now()) {
                continue;
            }
            if let Err(why) = self.start_worker(index) {
                let death = self.slots[index].plan_restart(true);
                self.handle_death(index, &format!("could not be started ({why})"), death)?;
            }
        }
        Ok(())
    }

    fn start_worker(&mut self, index: usize) -> io::Result<()> {
        let listeners = self.listeners.iter().filter_map(|of_address| {
            of_address[index % of_address.len()].as_ref().map(SystemListener::as_fd)
        });
        let listeners: Vec<BorrowedFd<'_>> = listeners.collect();
        self.slots[index].start(&self.config.encode(), &listeners, &self.poll)
    }

    /// Reads the messages of a worker.
    fn read_messages(&mut self, index: usize) {
        if let Some((connections, messages)) = self.slots[index].read_messages() {
            self.connections += connections;
            self.messages += messages;
        }
    }

    fn handle_signals(&mut self) -> Result<(), Failure> {
        for signal in self.signals.pending().collect::<Vec<_>>() {
            match signal {
                SIGCHLD => self.reap_children()?,
                SIGHUP => self.slots.iter_mut().for_each(Slot::reload),
                _ if self.is_stopping => {
                    warn!("{SECOND_SIGNAL}");
                    self.ended_by = Some(signal);
                    self.kill();
                }
                _ => self.stop(),
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        // From now on no client waits in a queue that no worker accepts from.
        self.listeners.clear();
        for slot in &mut self.slots {
            slot.cancel_restart();
            slot.signal(Signal::TERM);
        }
        self.kill_at = Some(Instant::now() + self.drain_timeout + DRAIN_GRACE);
    }

    /// Kills the remaining workers when their time is up, and gives up waiting if that does not end
    /// them.
    fn kill_due(&mut self) -> Result<(), Failure> {
        let is_due = self.kill_at.is_some_and(|moment| moment <= Instant::now());
        let left = || (0..self.slots.len()).filter(|&index| !self.slots[index].is_empty());
        let Some(first) = left().next().filter(|_| is_due) else { return Ok(()) };
        if self.is_killed {
            let why = format!("worker {first} was killed and has not ended");
            return Err(self.ended_by.map_or(Failure::Runtime(why), Failure::Signal));
        }
        for index in left() {
            error!("worker {index} has not stopped in time and is killed");
        }
        self.kill();
        Ok(())
    }

    fn kill(&mut self) {
        self.is_killed = true;
        self.kill_at = Some(Instant::now() + KILL_WAIT);
        self.slots.iter().for_each(|slot| slot.signal(Signal::KILL));
    }

    fn reap_children(&mut self) -> Result<(), Failure> {
        for index in 0..self.slots.len() {
            let Some(status) = self.slots[index].exit_status() else { continue };
            // After the worker has ended, so that no message is missed.
            self.read_messages(index);
            let slot = &mut self.slots[index];
            if let Some(death) = slot.clear(status, self.is_stopping, self.is_announced) {
                self.handle_death(index, &format!("died with {status}"), death)?;
            }
        }
        Ok(())
    }

    /// Logs a death with its cause, and ends the server if no worker is left.
    fn handle_death(&mut self, index: usize, cause: &str, death: Death) -> Result<(), Failure> {
        if matches!(death, Death::GivenUp) {
            // Clients must not wait in its queues. Listeners on Unix sockets belong to all workers.
            for of_address in self.listeners.iter_mut().filter(|it| it.len() > 1) {
                of_address[index] = None;
            }
        }
        match death {
            Death::BeforeService(failure) => {
                self.stop();
                return Err(failure);
            }
            death => error!("worker {index} {cause} and {death}"),
        }
        match self.slots.iter().all(Slot::is_given_up) {
            true => Err(Failure::Runtime("no worker is left: none could be restarted".into())),
            false => Ok(()),
        }
    }
}

/// Binds an address for this many workers. Returns the addresses it is bound to, each with its
/// listeners.
fn bind(
    address: &Address,
    options: &SocketOptions,
    workers: u32,
) -> Result<Vec<(Address, Vec<SystemListener>)>, Failure> {
    let failure = |error: io::Error| cannot_listen(address, &error);
    // The first listener binds without SO_REUSEPORT, so that it fails if another server has the
    // port, and shares it with the other workers afterwards.
    let first = SystemListener::bind_all(address, options, None).map_err(failure)?;
    let options = SocketOptions {
        reuse_port: true,
        only_v6: options.only_v6 || first.len() > 1,
        ..options.clone()
    };
    let for_all = |(first, bound): (SystemListener, Address)| {
        let mut listeners = vec![first];
        if matches!(bound.location, Location::Tcp(..)) {
            listeners[0].share_port()?;
            for _ in 1..workers {
                listeners.push(SystemListener::bind(&bound, &options, None)?.0);
            }
        }
        Ok((bound, listeners))
    };
    first.into_iter().map(for_all).collect::<io::Result<_>>().map_err(failure)
}

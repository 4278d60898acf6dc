//! One process that serves: a reactor, its listeners, and what tells it to stop.

use super::ServeArgs;
use crate::cli::Failure;
use crate::cli::args::tls::TlsServer;
use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::metrics::Metrics;
use crate::net::os::ipc::Channel;
use crate::net::os::listener::SystemListener;
use crate::net::os::random;
use crate::net::os::tls::Acceptor;
use crate::net::{Address, Reactor, System};
use crate::proto::Batch;
use crate::proto::auth::Auth;
use crate::service::Service;
use log::{error, info, warn};
use mio::unix::SourceFd;
use signal_hook::consts::SIGHUP;
use signal_hook_mio::v1_0::Signals;
use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;

/// The number of the signals among the reactor's external sources.
const SIGNALS: u32 = 0;

/// The number of the channel to the parent.
const PARENT: u32 = 1;

/// What the log says when a second signal ends the wait for connections that drain.
pub(super) const SECOND_SIGNAL: &str = "a second signal: ending at once";

/// See the [module documentation](self).
pub(super) struct Server<'a> {
    arguments: &'a ServeArgs,
    auth: Option<Auth>,
    tls: TlsServer,
    reactor: Reactor<System, Box<dyn Service>>,
    signals: Signals,
    /// Of a worker: where it hears that its parent is gone.
    parent: Option<Channel>,
    is_stopping: bool,
}

impl<'a> Server<'a> {
    /// A server without listeners.
    pub(super) fn new(
        arguments: &'a ServeArgs,
        limits: Limits,
        tls: TlsServer,
        mut signals: Signals,
    ) -> Result<Self, Failure> {
        let auth = arguments.auth.load()?;
        let network = System::new()?;
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let mut reactor = Reactor::new(network, arguments.service(), limits, batch);
        reactor.network_mut().register_external(&mut signals, SIGNALS)?;
        Ok(Self { arguments, auth, tls, reactor, signals, parent: None, is_stopping: false })
    }

    /// Serves the listeners of an address, which `open` makes with the TLS they need. Returns where
    /// they really listen.
    pub(super) fn listen(
        &mut self,
        address: &Address,
        open: impl FnOnce(Option<&Acceptor>) -> io::Result<Vec<(SystemListener, Address)>>,
    ) -> Result<Vec<Address>, Failure> {
        let acceptor = self.tls.acceptor(address)?;
        let listeners = open(acceptor.as_ref()).map_err(|error| cannot_listen(address, &error))?;
        let config = Rc::new(self.arguments.config(address, self.auth.clone()));
        let mut bound = Vec::new();
        for (listener, address) in listeners {
            self.reactor.listen(listener, Rc::clone(&config))?;
            bound.push(address);
        }
        Ok(bound)
    }

    /// Stops when `parent` is gone.
    pub(super) fn follow(&mut self, parent: Channel) -> Result<(), Failure> {
        let descriptor = parent.as_raw_fd();
        self.reactor.network_mut().register_external(&mut SourceFd(&descriptor), PARENT)?;
        self.parent = Some(parent);
        Ok(())
    }

    /// Turns until it was told to stop and has said goodbye to everybody; a second signal ends it at once.
    pub(super) fn run(&mut self) -> Result<&Metrics, Failure> {
        while !self.reactor.is_drained() {
            let (mut is_signalled, mut parent_spoke) = (false, false);
            self.reactor
                .turn(None, &mut |number| {
                    is_signalled |= number == SIGNALS;
                    parent_spoke |= number == PARENT;
                })
                .map_err(|error| Failure::Runtime(format!("polling failed: {error}")))?;
            if is_signalled {
                self.handle_signals()?;
            }
            if parent_spoke {
                self.look_for_parent();
            }
        }
        Ok(self.reactor.metrics())
    }

    /// Tells the parent something, if there is one. One that is gone needs to know nothing.
    pub(super) fn report(&self, words: &str) {
        if let Some(parent) = &self.parent {
            let _ = parent.send(words.as_bytes(), &[]);
        }
    }

    fn handle_signals(&mut self) -> Result<(), Failure> {
        for signal in self.signals.pending().collect::<Vec<_>>() {
            match signal {
                SIGHUP => self.reload(),
                _ if self.is_stopping => {
                    warn!("{SECOND_SIGNAL}");
                    return Err(Failure::Signal(signal));
                }
                _ => self.stop(),
            }
        }
        Ok(())
    }

    fn look_for_parent(&mut self) {
        let is_gone = self.parent.as_ref().is_some_and(|it| matches!(it.receive(), Ok(None)));
        if is_gone && !self.is_stopping {
            error!("the parent process is gone");
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        let connections = self.reactor.connections();
        info!("stopping: {connections} connections to drain; a second signal ends at once");
        self.reactor.drain();
    }

    /// Reads keys and certificates again, for connections to come: all of them, or none if one is bad.
    fn reload(&mut self) {
        if !self.arguments.auth.is_on() && !self.tls.can_reload() {
            return info!("SIGHUP: there are no keys or certificates to read again");
        }
        let read = self.arguments.auth.load().and_then(|auth| Ok((auth, self.tls.reload()?)));
        match read {
            Ok((auth, renew)) => {
                renew();
                self.reactor.reconfigure(|config| config.auth = auth.clone());
                info!("keys and certificates were read again");
            }
            Err(failure) => error!("the old keys and certificates stay: {failure}"),
        }
    }
}

/// Why an address cannot be listened on, and what may help.
pub(super) fn cannot_listen(address: &Address, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has it: choose another port, or 0 for any",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for root",
        _ => "",
    };
    // A place that is not this machine's, or a name that nobody knows, is more likely one to talk to.
    let elsewhere = match error.kind() {
        io::ErrorKind::AddrNotAvailable => true,
        _ => error.raw_os_error().is_none() && error.kind() != io::ErrorKind::AddrInUse,
    };
    let hint = match elsewhere {
        true => format!("; to talk to it: halloo connect {address}"),
        false => hint.into(),
    };
    Failure::Runtime(format!("cannot listen on {address}: {error}{hint}"))
}

//! One process that serves: a reactor, its listeners, and the signals that stop it.

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

/// The number of the signals among the network's external sources.
const SIGNALS: u32 = 0;

/// The number of the channel to the parent among them.
const PARENT: u32 = 1;

/// The log line when a second signal ends the drain.
pub(super) const SECOND_SIGNAL: &str = "a second signal: ending at once";

/// See the [module documentation](self).
pub(super) struct Server<'a> {
    arguments: &'a ServeArgs,
    auth: Option<Auth>,
    tls: TlsServer,
    reactor: Reactor<System, Box<dyn Service>>,
    signals: Signals,
    /// In a worker: the channel whose end reports that the parent is gone.
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

    /// Serves the listeners of an address; `open` creates them with the given TLS acceptor. Returns
    /// the addresses that they are bound to.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the address cannot be listened on.
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

    /// Serves until it was told to stop and all connections have drained. A second signal ends it
    /// at once.
    ///
    /// # Errors
    ///
    /// [`Failure::Signal`] after a second signal; [`Failure::Runtime`] if polling fails.
    pub(super) fn run(&mut self) -> Result<&Metrics, Failure> {
        while !self.reactor.is_drained() {
            let (mut is_signalled, mut parent_wrote) = (false, false);
            self.reactor
                .turn(None, &mut |number| {
                    is_signalled |= number == SIGNALS;
                    parent_wrote |= number == PARENT;
                })
                .map_err(|error| Failure::Runtime(format!("polling failed: {error}")))?;
            if is_signalled {
                self.handle_signals()?;
            }
            if parent_wrote {
                self.check_parent();
            }
        }
        Ok(self.reactor.metrics())
    }

    /// Sends a message to the parent, if there is one. A parent that is gone needs no message.
    pub(super) fn report(&self, message: &str) {
        if let Some(parent) = &self.parent {
            let _ = parent.send(message.as_bytes(), &[]);
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

    fn check_parent(&mut self) {
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

    /// Reloads keys and certificates for new connections: all of them, or none if one is bad.
    fn reload(&mut self) {
        if !self.arguments.auth.is_on() && !self.tls.can_reload() {
            return info!("SIGHUP: there are no keys or certificates to reload");
        }
        let read = self.arguments.auth.load().and_then(|auth| Ok((auth, self.tls.reload()?)));
        match read {
            Ok((auth, renew)) => {
                renew();
                self.reactor.reconfigure(|config| config.auth = auth.clone());
                info!("keys and certificates reloaded");
            }
            Err(failure) => error!("the old keys and certificates stay in use: {failure}"),
        }
    }
}

/// The error for an address that cannot be listened on, with a hint where there is one.
pub(super) fn cannot_listen(address: &Address, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has it: choose another port, or 0 for any",
        io::ErrorKind::PermissionDenied => "; ports below 1024 are for root",
        _ => "",
    };
    // An address of another machine, or an unknown name, is more likely one to connect to.
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

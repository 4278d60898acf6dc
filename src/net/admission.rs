//! Admission: which listener accepts next, which connections are rejected, and what happens at the
//! limit.
//!
//! Readiness is edge-triggered, so a listener that stops accepting early must be remembered, or the
//! clients in its accept queue wait until another one connects. Without a free descriptor a client
//! cannot even be rejected: [`Network::shed`] keeps one in reserve for that. Each attempt rejects
//! one client; the others stay in the queue, for a descriptor may become free at any moment.

use super::deadlines::Moment;
use super::network::{Network, Peer};
use crate::limits::{ACCEPT_RETRY, EarlyDrop, Limits};
use crate::metrics::Metrics;
use crate::proto::{Config, End};
use log::warn;
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

/// A listener, and the configuration of its connections.
pub(super) struct Listening<L> {
    pub(super) listener: L,
    pub(super) config: Rc<Config>,
    /// Clients may be waiting in its accept queue.
    pub(super) latched: bool,
}

/// See the [module documentation](self).
pub(super) struct Admission<L> {
    pub(super) listeners: Vec<Listening<L>>,
    /// The listener that accepts next.
    next: usize,
    /// At the limit: nothing is accepted before this moment, unless a connection ends.
    retry_at: Option<Moment>,
    /// Whether the limit was logged; it is logged once until a connection is accepted again.
    warned: bool,
    /// Connections that have not completed their opening handshake and authentication.
    unauthenticated: usize,
    /// Accepted connections by the network of their peer, if there is a limit for each.
    by_network: HashMap<[u8; 16], u32>,
}

impl<L> Admission<L> {
    pub(super) fn new() -> Self {
        Self {
            listeners: Vec::new(),
            next: 0,
            retry_at: None,
            warned: false,
            unauthenticated: 0,
            by_network: HashMap::new(),
        }
    }

    /// Closes all listeners.
    pub(super) fn close(&mut self) {
        self.listeners.clear();
        self.retry_at = None;
    }

    /// Whether an accept should be tried now.
    pub(super) fn wants_accept(&self) -> bool {
        self.retry_at.is_none() && self.listeners.iter().any(|listening| listening.latched)
    }

    /// The listener that may accept one client now. Listeners take turns, so that a crowd at one of
    /// them does not delay the clients of another.
    pub(super) fn next_listener(&mut self) -> Option<usize> {
        if self.retry_at.is_some() {
            return None;
        }
        let count = self.listeners.len();
        let index = (0..count)
            .map(|offset| (self.next + offset) % count)
            .find(|&index| self.listeners[index].latched)?;
        self.next = index + 1;
        Some(index)
    }

    /// When accepting is tried again at the limit.
    pub(super) fn retry_at(&self) -> Option<Moment> {
        self.retry_at
    }

    /// Accepts again, because a connection has ended.
    pub(super) fn resume(&mut self) {
        self.retry_at = None;
    }

    /// Accepts again if the wait is over.
    pub(super) fn expire(&mut self, now: Moment) {
        self.retry_at = self.retry_at.filter(|&moment| moment > now);
    }

    /// Logs the next time at the limit again, because a connection was accepted.
    pub(super) fn clear_warning(&mut self) {
        self.warned = false;
    }

    /// Decides whether an accepted connection is served, and counts it if so.
    ///
    /// # Errors
    /// The outcome of a connection that is rejected: too many from its network, or an early drop.
    pub(super) fn admit(
        &mut self,
        peer: Peer,
        config: &Config,
        limits: &Limits,
        fill_random: impl FnOnce(&mut [u8]),
    ) -> Result<(), End> {
        if config.has_opening() && self.drops_early(limits.early_drop, fill_random) {
            return Err(End::DroppedEarly);
        }
        let Some(most) = limits.connections_per_address_max else { return Ok(()) };
        let Some(network) = peer.network() else { return Ok(()) };
        let connections = self.by_network.entry(network).or_default();
        if *connections >= most {
            return Err(End::TooManyFromAddress);
        }
        *connections += 1;
        Ok(())
    }

    /// Handles the end of an admitted connection.
    pub(super) fn release(&mut self, peer: Peer) {
        // Without a limit nothing is counted.
        let Some(network) = peer.network().filter(|_| !self.by_network.is_empty()) else { return };
        let Some(connections) = self.by_network.get_mut(&network) else { return };
        *connections -= 1;
        if *connections == 0 {
            self.by_network.remove(&network);
        }
    }

    /// Counts a connection that begins its opening handshake or authentication.
    pub(super) fn add_unauthenticated(&mut self) {
        self.unauthenticated += 1;
    }

    /// Counts a connection that has completed them, or has ended.
    pub(super) fn remove_unauthenticated(&mut self) {
        self.unauthenticated -= 1;
    }

    /// Whether the next connection is dropped by chance, because too many are unauthenticated.
    fn drops_early(
        &self,
        early_drop: Option<EarlyDrop>,
        fill_random: impl FnOnce(&mut [u8]),
    ) -> bool {
        let percent =
            early_drop.map_or(0, |early_drop| early_drop.percent_at(self.unauthenticated));
        if percent == 0 {
            return false;
        }
        let mut bytes = [0; 4];
        fill_random(&mut bytes);
        // 2^32 is not a multiple of 100; the error is too small to matter here.
        u32::from_le_bytes(bytes) % 100 < percent
    }

    /// Handles a full server: rejects one client, and waits.
    pub(super) fn wait<N: Network<Listener = L>>(
        &mut self,
        index: usize,
        reason: &str,
        network: &mut N,
        metrics: &mut Metrics,
    ) {
        metrics.accepts_paused += 1;
        if !std::mem::replace(&mut self.warned, true) {
            warn!("no room for new connections: {reason}");
        }
        match network.shed(&mut self.listeners[index].listener) {
            Ok(()) => metrics.shed += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.listeners[index].latched = false;
            }
            Err(_) => {}
        }
        let now = network.now().as_nanos() as Moment;
        self.retry_at = Some(now + ACCEPT_RETRY.as_nanos() as Moment);
    }
}

/// Whether an accept failed for lack of descriptors or memory, which may become free.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// Whether an accept failed because of the client to be accepted. accept(2): "treat them like
/// EAGAIN by retrying".
pub(super) fn is_about_the_client(error: &io::Error) -> bool {
    let errors = [
        Errno::CONNABORTED,
        Errno::NETDOWN,
        Errno::PROTO,
        Errno::NOPROTOOPT,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::OPNOTSUPP,
        Errno::NETUNREACH,
        Errno::INTR,
        Errno::PERM,
    ];
    Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Framing, Role};

    #[test]
    fn listeners_with_waiting_clients_take_turns() {
        let mut admission = Admission::new();
        assert_eq!(admission.next_listener(), None);
        for latched in [true, false, true, true] {
            let config = Rc::new(Config::new(Role::Server, Framing::Raw));
            admission.listeners.push(Listening { listener: (), config, latched });
        }
        let mut next = || admission.next_listener();
        assert_eq!([next(), next(), next(), next()], [Some(0), Some(2), Some(3), Some(0)]);
        admission.listeners[2].latched = false;
        assert_eq!(admission.next_listener(), Some(3));
        admission.retry_at = Some(1);
        assert_eq!(admission.next_listener(), None);
    }
}

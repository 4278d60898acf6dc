//! Who may come in: accepting within a budget, and what happens when there is no room.
//!
//! Readiness is edge-triggered, so a listener that stops accepting early must be remembered, or the
//! clients in its queue wait for the next one to knock. Without a free descriptor accepting cannot even
//! turn a client away: for that [`Network::shed`] keeps one in reserve. One client is told so at each
//! attempt; the others keep their place in the queue, for a descriptor may become free any moment.

use super::deadlines::Moment;
use super::network::Network;
use crate::limits::{ACCEPT_RETRY, EarlyDrop};
use crate::metrics::Metrics;
use crate::proto::Config;
use log::warn;
use rustix::io::Errno;
use std::io;
use std::rc::Rc;

/// A listener and what its connections are configured for.
pub(super) struct Listening<L> {
    pub(super) listener: L,
    pub(super) config: Rc<Config>,
    /// Clients may be waiting.
    pub(super) latched: bool,
}

/// The doors of a reactor.
pub(super) struct Admission<L> {
    pub(super) listeners: Vec<Listening<L>>,
    /// The door at which clients are let in next.
    next: usize,
    /// There was no room: no accepts before this moment, unless a connection ends.
    retry_at: Option<Moment>,
    /// Whether the lack of room was logged, once until there is room again.
    warned: bool,
    /// Connections that are not through their opening handshake and authentication yet.
    unauthenticated: usize,
}

impl<L> Admission<L> {
    pub(super) fn new() -> Self {
        Self { listeners: Vec::new(), next: 0, retry_at: None, warned: false, unauthenticated: 0 }
    }

    /// Lets nobody in any more.
    pub(super) fn close(&mut self) {
        self.listeners.clear();
        self.retry_at = None;
    }

    /// Whether an accept should be tried now.
    pub(super) fn wants_accept(&self) -> bool {
        self.retry_at.is_none() && self.listeners.iter().any(|listening| listening.latched)
    }

    /// The door at which one client may be let in now; each that has some in its turn, so that a crowd at one keeps
    /// nobody at another waiting.
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

    /// When accepting should be tried again, if it waits for room.
    pub(super) fn retry_at(&self) -> Option<Moment> {
        self.retry_at
    }

    /// Ends the wait for room: a connection ended.
    pub(super) fn resume(&mut self) {
        self.retry_at = None;
    }

    /// Ends the wait for room if it is over.
    pub(super) fn expire(&mut self, now: Moment) {
        self.retry_at = self.retry_at.filter(|&moment| moment > now);
    }

    /// There was room.
    pub(super) fn clear_warning(&mut self) {
        self.warned = false;
    }

    /// A connection came that is still to be let in.
    pub(super) fn add_unauthenticated(&mut self) {
        self.unauthenticated += 1;
    }

    /// It was let in, or is gone.
    pub(super) fn remove_unauthenticated(&mut self) {
        self.unauthenticated -= 1;
    }

    /// Whether the next connection that is to be let in is turned away, by chance.
    pub(super) fn drops_early(
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
        // One of 100 numbers; that 2^32 is no multiple of 100 makes no difference that counts here.
        u32::from_le_bytes(bytes) % 100 < percent
    }

    /// There is no room: turns one client away, and waits.
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

/// Whether an accept failed for want of something that may come back: descriptors or memory.
pub(super) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// Whether an accept failed because of the one client it was about. accept(2): "treat them like EAGAIN by
/// retrying".
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
    fn each_door_at_which_somebody_waits_has_its_turn() {
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

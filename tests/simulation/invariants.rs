//! The invariants: checked after each turn, whenever the reactor sleeps, and for each connection
//! that ends.

use crate::calls::end_of;
use crate::client::Client;
use crate::link::{Link, Place};
use crate::plan::{MILLISECOND, Serving};
use crate::world::{Door, World};
use halloo::proto::{CloseCode, End, Error, Framing};
use std::time::Duration;

/// Tolerance of a deadline: the duration of a turn, and the tick in which silence is measured.
const SLACK: u64 = 150 * MILLISECOND;

/// Memory that context takeover costs a connection: two windows of 32 KiB, in vectors that double.
const TAKEOVER_BYTES_MAX: usize = 130 << 10;

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

impl World {
    pub(crate) fn note_open(&mut self, id: u64) {
        let at = self.registered[id as usize - 1];
        self.trace.record(self.now, "opened", at, 0);
        let now = self.now;
        let facts = &mut self.links[at].facts;
        facts.last_message_at = now;
        if facts.opened_at.replace(now).is_some() {
            self.violate(format!("link {at}: it opened twice"));
        }
        if self.clients[at].never_opens {
            self.violate(format!("link {at}: it opened without a handshake"));
        }
    }

    pub(crate) fn note_message(&mut self, id: u64, bytes: usize, ends: bool) {
        let at = self.registered[id as usize - 1];
        self.trace.record(self.now, "message", at, bytes as i64);
        if ends {
            let facts = &mut self.links[at].facts;
            facts.last_message_at = self.now;
            // The next message may have begun in the same read.
            facts.bytes_unfinished = facts.last_read_bytes;
        }
        self.note_lent(at, bytes);
        if self.links[at].facts.opened_at.is_none() {
            self.violate(format!("link {at}: a message before it opened"));
        }
    }

    /// Checks that the history of a connection explains its end.
    pub(crate) fn judge_end(&mut self, id: u64, end: End) {
        let at = self.registered[id as usize - 1];
        self.trace.record(self.now, "ended", at, 0);
        if !self.is_explained(at, end) {
            self.violate(format!("link {at}: nothing explains this end: {end:?}"));
        }
        if self.links[at].facts.end.replace(end).is_some() {
            self.violate(format!("link {at}: it ended twice"));
        }
    }

    fn is_explained(&self, at: usize, end: End) -> bool {
        let (link, client) = (&self.links[at], &self.clients[at]);
        let limits = &self.plan.limits;
        let has_passed = |since: u64, wait: Duration| self.now + SLACK >= since + nanoseconds(wait);
        let accepted_at = link.facts.accepted_at;
        let sent_code = client.sent_code();
        match end {
            End::Peer => link.fin_arrived || sent_code == Some(0) || client.is_rude,
            End::PeerWithCode(CloseCode(code)) => sent_code == Some(code) || client.is_rude,
            End::Service => match client.host() {
                Some(host) => host.errand.is_over(),
                None => matches!(self.plan.serving, Serving::CloseAfter(_)),
            },
            End::Drained => self.stopped_at.is_some(),
            End::DrainTimeout => {
                self.stopped_at.is_some_and(|at| has_passed(at, limits.drain_timeout))
            }
            End::Refused | End::Reset | End::BrokenPipe | End::TimedOut | End::Transport => {
                match link.failure {
                    // The error of a failed connection attempt must be reported unchanged.
                    Some(failure) => end == end_of(failure),
                    None => link.broken && end != End::Refused,
                }
            }
            End::TooManyFromAddress | End::DroppedEarly | End::Panicked | End::Tls(_) => false,
            End::Failed(error) => match error {
                Error::HandshakeTimeout => {
                    // Without a handshake the only wait is for the connection itself.
                    let due = accepted_at + nanoseconds(limits.handshake_timeout);
                    let is_waited_for = client.host().is_none()
                        || client.framing == Framing::WebSocket
                        || link
                            .facts
                            .told_at
                            .or(link.facts.connected_at)
                            .is_none_or(|at| at + SLACK >= due);
                    link.facts.opened_at.is_none()
                        && is_waited_for
                        && has_passed(accepted_at, limits.handshake_timeout)
                }
                Error::AuthTimeout => {
                    // An outgoing connection has one deadline until it is open.
                    let wait = match client.host() {
                        Some(_) => limits.auth_timeout.min(limits.handshake_timeout),
                        None => limits.auth_timeout,
                    };
                    link.facts.opened_at.is_none()
                        && client.has_auth()
                        && has_passed(accepted_at, wait)
                }
                Error::IdleTimeout => limits
                    .idle_timeout
                    .is_some_and(|wait| has_passed(link.facts.last_message_at, wait)),
                Error::PingTimeout => {
                    limits.ping_interval.is_some_and(|wait| has_passed(link.facts.read_at, wait))
                }
                Error::HandshakeTruncated | Error::AuthTruncated | Error::ClosedAbnormally => {
                    link.fin_arrived
                }
                Error::WriteTimeout => {
                    has_passed(link.facts.last_write_at.max(accepted_at), limits.write_timeout)
                }
                Error::MemoryExhausted => self.plan.is_short_of_memory(),
                Error::CloseTimeout => false,
                _ => client.is_rude || client.host().is_some_and(|host| host.deserves(error)),
            },
        }
    }

    /// The reactor must not sleep past a deadline.
    pub(crate) fn check_timers(&mut self, timeout: Option<u64>) {
        let until = timeout.map_or(u64::MAX, |timeout| self.now.saturating_add(timeout));
        for at in 0..self.links.len() {
            if let Some(due) = self.due(at)
                && until > due.max(self.now) + SLACK
            {
                self.violate(format!("link {at}: the reactor sleeps past what is due at {due} ns"));
            }
        }
        let drain = nanoseconds(self.plan.limits.drain_timeout);
        if self
            .stopped_at
            .is_some_and(|stopped_at| until > stopped_at.max(self.now) + drain + SLACK)
        {
            self.violate("the reactor sleeps past the end of its drain timeout");
        }
    }

    /// The latest time at which the server must act on a connection without input.
    fn due(&self, at: usize) -> Option<u64> {
        let Link { place, armed, token, facts, write_blocked, is_connecting, .. } = &self.links[at];
        let limits = &self.plan.limits;
        // Armed connections are driven before the reactor sleeps.
        if *place != Place::Server || *armed || token.is_none() {
            return None;
        }
        let close = nanoseconds(limits.close_timeout);
        if let Some(closing_at) = facts.output_end_at.into_iter().chain(facts.eof_at).min() {
            let is_client = self.clients[at].host().is_some();
            let is_at_end = is_client || facts.shut_at.is_some() || facts.eof_at.is_some();
            return Some(closing_at + if is_at_end { close } else { self.plan.close_reply_wait() });
        }
        let is_blocked = *write_blocked || *is_connecting;
        if is_blocked && self.plan.rates.stalls > 0 {
            // The close timer may have started late, and the Close may still be in the backlog.
            return None;
        }
        let close_wait = if is_blocked { close } else { 0 };
        if self.clients[at].host().is_some() && (facts.opened_at.is_none() || *is_connecting) {
            return self.due_of_outgoing(at).map(|due| due + close_wait);
        }
        if facts.opened_at.is_none() {
            // The first write ends the handshake.
            return Some(match facts.first_write_at {
                Some(when) => when + nanoseconds(limits.auth_timeout) + close_wait,
                None if *write_blocked => return None,
                None => facts.accepted_at + nanoseconds(limits.handshake_timeout),
            });
        }
        if *write_blocked {
            // A connection with pending output waits for its peer, and may have started to close
            // meanwhile.
            let since = facts.last_write_at.max(facts.blocked_at);
            return Some(since + nanoseconds(limits.write_timeout) + close);
        }
        Some(facts.last_message_at.max(facts.progress_at) + nanoseconds(limits.idle_timeout?))
    }

    /// The same for an outgoing connection that is not connected or not open yet. Output that
    /// cannot be sent before the connection is closed adds no time.
    fn due_of_outgoing(&self, at: usize) -> Option<u64> {
        let (facts, client, limits) = (&self.links[at].facts, &self.clients[at], &self.plan.limits);
        if facts.opened_at.is_none() {
            let auth = nanoseconds(limits.auth_timeout);
            let handshake = nanoseconds(limits.handshake_timeout);
            return Some(match facts.head_at {
                Some(head_at) => head_at + auth,
                None if client.framing == Framing::WebSocket => facts.accepted_at + handshake,
                // Without a handshake the wait for the challenge begins once connected.
                None => facts.told_at.map_or(facts.accepted_at + handshake, |told| told + auth),
            });
        }
        // A spurious event may have reported the connection too early, and the challenge may be
        // held back.
        if client.is_answered() {
            let read_at = facts.last_message_at.max(facts.progress_at);
            return Some(read_at + nanoseconds(limits.idle_timeout?));
        }
        Some(facts.sent_at + nanoseconds(limits.write_timeout))
    }

    /// Compares the world's counters with the reactor's, after each turn.
    pub(crate) fn check_books(&mut self, books: &Books) {
        let open = self.links.iter().filter(|link| link.place == Place::Server).count();
        let counters = &self.counters;
        let pairs = [
            ("open connections", open as u64, books.connections as u64),
            ("descriptors in use", self.descriptors_used as u64, books.connections as u64),
            ("opened", counters.opened + counters.rejected, books.opened),
            ("opened and not ended", open as u64, books.opened - books.ended),
            ("clients shed", counters.shed, books.shed),
            ("accepts aborted", counters.accepts_aborted, books.accepts_aborted),
            ("stale events", counters.stale_events, books.stale_events),
            ("bytes received", counters.bytes_read, books.bytes_received),
            ("bytes sent", counters.bytes_written, books.bytes_sent),
        ];
        for (what, world, reactor) in pairs {
            if world != reactor {
                self.violate(format!("{what}: {world} in the world, {reactor} by the reactor"));
            }
        }
        if books.held_bytes > self.plan.limits.memory_bytes_max {
            self.violate(format!("{} bytes are held: more than the limit", books.held_bytes));
        }
        if books.connections == 0 && books.held_bytes != 0 {
            self.violate(format!("{} bytes are held without a connection", books.held_bytes));
        }
        let came = self.came().filter(|link| link.place == Place::Server).count();
        if came > self.plan.limits.connections_max {
            self.violate(format!("{open} connections: more than the limit"));
        }
        let entering = self.entering();
        if self.plan.limits.early_drop.is_some_and(|it| entering > it.full) {
            self.violate(format!("{entering} are unauthenticated: more than the limit"));
        }
        self.check_addresses();
    }

    fn check_addresses(&mut self) {
        let Some(most) = self.plan.limits.connections_per_address_max else { return };
        let is_open = |link: &&Link| link.place == Place::Server;
        let is_crowded = |link: &Link| {
            let network = link.peer.network();
            let neighbours = self.came().filter(is_open).filter(|it| it.peer.network() == network);
            neighbours.count() > most as usize
        };
        if self.came().filter(is_open).any(is_crowded) {
            self.violate("more connections from one address than the limit");
        }
    }

    /// A connection was closed before it was registered: the reason must be a limit.
    pub(crate) fn reject(&mut self, at: usize) {
        self.counters.rejected += 1;
        let network = self.links[at].peer.network();
        let is_neighbour =
            |link: &&Link| link.place == Place::Server && link.peer.network() == network;
        let neighbours = self.came().filter(is_neighbour).count();
        let most = self.plan.limits.connections_per_address_max;
        if most.is_some_and(|most| neighbours >= most as usize) {
            return;
        }
        let entering = self.entering();
        let is_crowded = self.plan.limits.early_drop.is_some_and(|it| entering >= it.start);
        if !is_crowded || !self.plan.doors[self.clients[at].door].has_opening() {
            self.violate(format!(
                "link {at}: rejected, with {neighbours} from its address and {entering} unauthenticated"
            ));
        }
        self.counters.dropped_early += 1;
    }

    /// Connections made by clients.
    fn came(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().take(self.plan.clients)
    }

    /// The number of connections that have not completed their opening handshake and
    /// authentication.
    fn entering(&self) -> usize {
        let links = self.came().zip(&self.clients);
        let is_entering = |(link, client): &(&Link, &Client)| {
            link.place == Place::Server
                && link.facts.opened_at.is_none()
                && self.plan.doors[client.door].has_opening()
        };
        links.filter(is_entering).count()
    }

    /// No client waits in an accept queue when there is room, or when the reactor will not look at
    /// the queue.
    pub(crate) fn check_queues(&mut self, timeout: Option<u64>) {
        let waits = |door: &Door| !door.queue.is_empty() && !door.armed && !door.is_closed;
        if !self.doors.iter().any(waits) {
            return;
        }
        if timeout.is_none_or(|timeout| timeout > 50 * MILLISECOND) {
            self.violate("clients wait in an accept queue that the reactor will not look at");
        }
        let most = self.plan.limits.connections_max.min(self.plan.descriptors);
        if self.plan.rates.accepts == 0 && self.descriptors_used < most {
            self.violate("clients wait in an accept queue, though there is room");
        }
    }

    /// Nothing is in flight and the reactor sleeps: every response must have arrived.
    pub(crate) fn check_quiet(&mut self, held_bytes: usize) {
        let mut is_idle = true;
        for at in 0..self.links.len() {
            let (link, client) = (&self.links[at], &self.clients[at]);
            if link.place != Place::Server {
                continue;
            }
            let is_served = client.is_strict && client.reads && !link.broken;
            is_idle &= is_served && client.is_answered() && !client.has_part();
            if !is_served || link.facts.output_end_at.is_some() {
                continue;
            }
            if !client.is_answered() || !client.is_done() {
                self.violate(format!(
                    "client {at}: no more events, and it has {} responses, done: {}",
                    self.clients[at].answered(),
                    self.clients[at].is_done()
                ));
            }
        }
        let open = self.links.iter().zip(&self.clients);
        let remembers = open
            .filter(|(link, client)| link.place == Place::Server && client.has_takeover())
            .count();
        if is_idle && held_bytes > remembers * TAKEOVER_BYTES_MAX {
            self.violate(format!("{held_bytes} bytes are held though nothing is unfinished"));
        }
    }

    /// Checks how each connection ended, once all have.
    pub(crate) fn check_endings(&mut self) {
        for at in 0..self.links.len() {
            if let Err(what) = self.judge_ending(at) {
                self.violate(format!("client {at}: {what}"));
            }
        }
        if self.descriptors_used != 0 {
            self.violate(format!("{} descriptors are still open", self.descriptors_used));
        }
    }

    fn judge_ending(&self, at: usize) -> Result<(), String> {
        let (link, client) = (&self.links[at], &self.clients[at]);
        let facts = &link.facts;
        let (Some(end), Some(read)) = (facts.end, facts.read_in_time) else { return Ok(()) };
        // Without an end of input a connection may only be closed after the full linger time.
        let closed_at = facts.closed_at.unwrap_or(0);
        let lingered = closed_at.saturating_sub(facts.read_at);
        let limits = &self.plan.limits;
        let drain = nanoseconds(limits.drain_timeout);
        let is_cut_off = lingered + SLACK >= nanoseconds(limits.close_timeout)
            || self.stopped_at.is_some_and(|stopped_at| closed_at + SLACK >= stopped_at + drain)
            || self.plan.is_short_of_memory()
            // An outgoing connection has one deadline until it is open, whatever it waits for: that
            // of its first step, which without an opening handshake is authentication.
            || (client.host().is_some()
                && facts.opened_at.is_none()
                && closed_at + SLACK
                    >= facts.accepted_at
                        + nanoseconds(limits.auth_timeout.min(limits.handshake_timeout)));
        if facts.eof_at.is_none() && is_orderly(end) && !link.broken && !is_cut_off {
            return Err(format!("closed {lingered} ns after the Close or end of output: {end:?}"));
        }
        let awaits_close = is_orderly(end) && end != End::Failed(Error::PingTimeout)
            || end == End::Failed(Error::AuthTimeout);
        if facts.was_impatient && awaits_close && !client.is_rude && !link.broken {
            return Err(format!("its output ended before the reply to its Close: {end:?}"));
        }
        if !client.is_strict || !client.reads || link.broken || is_cut_off || !is_orderly(end) {
            return Ok(());
        }
        if client.saw_reset {
            return Err(format!("reset, which does not fit this end: {end:?}"));
        }
        if !client.saw_eof {
            return Ok(());
        }
        let (answered, due) = (client.answered(), client.due(read));
        if answered < due {
            return Err(format!("{answered} responses to {due} complete messages"));
        }
        if end == End::Drained && facts.visible_at_stop.is_some_and(|visible| read < visible) {
            return Err(format!("only {read} bytes were read of what had arrived before the stop"));
        }
        if end == End::Drained && client.is_inside_message(read) {
            return Err(format!("stopped in the middle of a message, after {read} bytes"));
        }
        let is_complete =
            !matches!(end, End::Drained | End::Failed(Error::IdleTimeout | Error::PingTimeout));
        if is_complete && !client.is_answered() {
            return Err(format!("responses are missing, which does not fit this end: {end:?}"));
        }
        Ok(())
    }
}

/// Whether a connection with this end sends its Close or HTTP response, after the responses to
/// earlier messages.
fn is_orderly(end: End) -> bool {
    use Error::{ClosedAbnormally, IdleTimeout, PingTimeout};
    matches!(
        end,
        End::Peer
            | End::PeerWithCode(_)
            | End::Drained
            | End::Service
            | End::Failed(ClosedAbnormally | IdleTimeout | PingTimeout)
    )
}

/// The reactor's own counters.
pub(crate) struct Books {
    pub(crate) connections: usize,
    pub(crate) held_bytes: usize,
    pub(crate) opened: u64,
    pub(crate) ended: u64,
    pub(crate) shed: u64,
    pub(crate) accepts_aborted: u64,
    pub(crate) stale_events: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
}

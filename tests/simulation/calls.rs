//! Outgoing connections: what the network does with them, and what our service sends and receives
//! on them.

use crate::action::Action;
use crate::errand::ServiceOutput;
use crate::link::Place;
use crate::plan::{MILLISECOND, SECOND};
use crate::reception::Attempt;
use crate::sabotage::Bug;
use crate::websocket::{BINARY, TEXT};
use crate::world::World;
use halloo::net::Endpoint;
use halloo::proto::{Config, End, Kind};
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// How long a kernel tries to connect before it reports a timeout: about two minutes on Linux.
const CONNECT_NANOSECONDS: u64 = 127 * SECOND;

/// The first port of the simulated peers; each peer has its own.
pub(crate) const FIRST_PORT: u16 = 1024;

impl World {
    /// Where and how our side connects to a server.
    pub(crate) fn call(&self, at: usize) -> (Endpoint, Rc<Config>) {
        let host = self.clients[at].host().expect("our side connects to servers only");
        let address = self.address(at).expect("simulated peers have addresses");
        (Endpoint::Tcp(address), Rc::clone(&host.config))
    }

    fn address(&self, at: usize) -> Option<SocketAddr> {
        self.links[at].peer.to_string().parse().ok()
    }

    /// Begins a connection.
    pub(crate) fn connect_to(&mut self, endpoint: &Endpoint) -> io::Result<usize> {
        let Endpoint::Tcp(address) = endpoint else { return Err(Errno::AFNOSUPPORT.into()) };
        let at = usize::from(address.port() - FIRST_PORT);
        self.links[at].place = Place::Gone;
        if self.random.one_in(self.plan.rates.accepts) {
            let errors = [Errno::NETUNREACH, Errno::ADDRNOTAVAIL, Errno::CONNREFUSED];
            return Err(self.random.pick(&errors).into());
        }
        if self.descriptors_used >= self.plan.descriptors {
            return Err(Errno::MFILE.into());
        }
        self.descriptors_used += 1;
        self.idle_spins = 0;
        let link = &mut self.links[at];
        link.place = Place::Server;
        link.is_connecting = true;
        // Nothing can be sent before the connection is established.
        link.choked = true;
        link.facts.accepted_at = self.now;
        link.facts.read_at = self.now;
        let delay = match self.clients[at].host().map(|host| host.attempt) {
            Some(Attempt::Failed(Errno::TIMEDOUT)) => CONNECT_NANOSECONDS,
            Some(Attempt::Failed(Errno::HOSTUNREACH)) => 3 * SECOND,
            _ => self.random.time(1, 2 * self.plan.latency),
        };
        self.agenda.add(self.now + delay, Action::Answer(at));
        Ok(at)
    }

    /// The connection attempt has ended.
    pub(crate) fn answer_call(&mut self, at: usize) {
        let is_lost = self.strikes(Bug::LostConnect);
        let link = &mut self.links[at];
        if link.place != Place::Server || !link.is_connecting {
            return;
        }
        link.is_connecting = false;
        link.facts.connected_at = Some(self.now);
        link.choked = false;
        link.armed = !is_lost;
        match self.clients[at].host().map(|host| host.attempt) {
            Some(Attempt::Failed(errno)) => {
                self.trace.record(self.now, "connect fails", at, i64::from(errno.raw_os_error()));
                link.reset(errno);
                link.failure = Some(errno);
                self.clients[at].saw_reset = true;
            }
            _ => self.greet(at),
        }
    }

    /// Schedules output of our side that no input triggers.
    pub(crate) fn plan_tells(&mut self, at: usize) {
        for _ in 0..self.random.between(0, 3) {
            let delay = self.random.time(0, 500 * MILLISECOND);
            self.agenda.add(self.now + delay, Action::Tell(at));
        }
    }

    /// Checks that the reactor reports the result of starting a connection as the network did.
    pub(crate) fn check_call(&mut self, at: usize, is_begun: bool) {
        if is_begun != (self.links[at].place == Place::Server) {
            self.violate(format!(
                "link {at}: the reactor reports that connecting began: {is_begun}"
            ));
        }
    }

    /// The link of the connection with this number, if it is outgoing.
    pub(crate) fn called(&self, id: u64) -> Option<usize> {
        let at = self.registered[id as usize - 1];
        self.clients[at].host().map(|_| at)
    }

    /// The next message of our service on an outgoing connection, if there is one.
    pub(crate) fn next_service_output(&mut self, at: usize) -> Option<ServiceOutput> {
        let host = self.clients[at].host_mut()?;
        self.links[at].facts.sent_at = self.now;
        let service_output = host.next_service_output(&mut self.random);
        let bytes = match &service_output {
            Some(ServiceOutput::Message(_, payload)) => payload.len() as i64,
            Some(ServiceOutput::Close) => -1,
            None => -2,
        };
        self.trace.record(self.now, "ask", at, bytes);
        service_output
    }

    /// The number of messages that our service sends before any reply.
    pub(crate) fn burst(&self, at: usize) -> usize {
        self.clients[at].host().map_or(0, |host| host.errand.burst)
    }

    /// Our service received a message, or a piece of one, on an outgoing connection.
    pub(crate) fn note_delivered(&mut self, at: usize, kind: Kind, payload: &mut [u8]) {
        if self.strikes(Bug::ForeignReply)
            && let Some(byte) = payload.first_mut()
        {
            *byte ^= 1;
        }
        let opcode = if kind == Kind::Text { TEXT } else { BINARY };
        self.counters.output += 1;
        if let Some(host) = self.clients[at].host_mut()
            && let Err(what) = host.note_delivered(opcode, payload)
        {
            self.violate(format!("client {at}: {what}"));
        }
    }
}

/// The end that a connection must have after this network error.
pub(crate) fn end_of(errno: Errno) -> End {
    match errno {
        Errno::CONNREFUSED => End::Refused,
        Errno::TIMEDOUT => End::TimedOut,
        _ => End::Transport,
    }
}

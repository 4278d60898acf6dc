//! The simulated world as the reactor's network.

use crate::link::Place;
use crate::sabotage::Bug;
use crate::world::SharedWorld;
use halloo::net::{Endpoint, Network, Peer, Readiness, Stream, Token};
use rustix::io::Errno;
use std::io;
use std::rc::Rc;
use std::time::Duration;

pub(crate) struct SimulatedNetwork(pub(crate) SharedWorld);

/// A listener. Dropping it rejects the clients that still wait.
pub(crate) struct SimulatedListener {
    pub(crate) world: SharedWorld,
    pub(crate) door: usize,
}

/// Our end of a connection.
pub(crate) struct SimulatedStream {
    world: SharedWorld,
    link: usize,
}

impl Network for SimulatedNetwork {
    type Listener = SimulatedListener;
    type Stream = SimulatedStream;

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(Readiness),
    ) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        let is_late = world.sabotage.is_some_and(|it| it.is(Bug::LateTimers));
        let late = if is_late { Duration::from_secs(30) } else { Duration::ZERO };
        let timeout = timeout.map(|it| if it.is_zero() { it } else { it + late });
        let events = world.wait(timeout.map(|it| it.as_nanos() as u64));
        drop(world);
        for event in events {
            report(event);
        }
        Ok(())
    }

    fn register_listener(
        &mut self,
        listener: &mut SimulatedListener,
        token: Token,
    ) -> io::Result<()> {
        self.0.borrow_mut().doors[listener.door].token = Some(token);
        Ok(())
    }

    fn register(&mut self, stream: &mut SimulatedStream, token: Token) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.spend();
        world.register(stream.link, token)
    }

    fn accept(&mut self, listener: &mut SimulatedListener) -> io::Result<(SimulatedStream, Peer)> {
        let mut world = self.0.borrow_mut();
        world.spend();
        let result = world.accept(listener.door);
        world.note("accept", listener.door, &result);
        let link = result?;
        let peer = world.links[link].peer;
        Ok((SimulatedStream { world: Rc::clone(&self.0), link }, peer))
    }

    fn shed(&mut self, listener: &mut SimulatedListener) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.spend();
        let result = world.shed(listener.door);
        world.note("shed", listener.door, &result);
        result.map(drop)
    }

    fn connect(&mut self, endpoint: &Endpoint) -> io::Result<(SimulatedStream, Peer)> {
        let mut world = self.0.borrow_mut();
        world.spend();
        let result = world.connect_to(endpoint);
        world.note("call", 0, &result);
        let link = result?;
        let peer = world.links[link].peer;
        Ok((SimulatedStream { world: Rc::clone(&self.0), link }, peer))
    }

    fn now(&mut self) -> Duration {
        Duration::from_nanos(self.0.borrow().now)
    }
}

impl Stream for SimulatedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.world.borrow_mut().server_read(self.link, buffer)
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize> {
        self.world.borrow_mut().server_write(self.link, parts)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.world.borrow_mut().server_shutdown(self.link)
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.world.borrow_mut().server_close(self.link);
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.doors[self.door].is_closed = true;
        while let Some(at) = world.doors[self.door].queue.pop_front() {
            world.links[at].place = Place::Gone;
            world.refuse(at);
        }
    }
}

impl crate::world::World {
    fn register(&mut self, at: usize, token: Token) -> io::Result<()> {
        self.trace.record(self.now, "register", at, token.0 as i64);
        self.counters.opened += 1;
        self.registered.push(at);
        let link = &mut self.links[at];
        link.token = Some(token);
        if token.0 >> 32 != self.registered.len() as u64 {
            self.violate(format!("link {at}: its number is not the next one"));
        }
        if self.random.one_in(10 * self.plan.rates.accepts) {
            self.links[at].broken = true;
            self.links[at].failure = None;
            return Err(Errno::NOMEM.into());
        }
        self.links[at].armed = true;
        Ok(())
    }

    fn accept(&mut self, door: usize) -> io::Result<usize> {
        let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if self.random.one_in(self.plan.rates.accepts) {
            return Err(self.random.pick(&shortages).into());
        }
        if self.random.one_in(self.plan.rates.accepts) {
            self.counters.accepts_aborted += 1;
            let error = self.random.pick(&[Errno::CONNABORTED, Errno::PROTO, Errno::INTR]);
            if error != Errno::INTR
                && let Some(at) = self.doors[door].queue.pop_front()
            {
                self.links[at].place = Place::Gone;
                self.refuse(at);
            }
            return Err(error.into());
        }
        if self.doors[door].queue.is_empty() {
            return Err(Errno::AGAIN.into());
        }
        if self.descriptors_used >= self.plan.descriptors {
            return Err(Errno::MFILE.into());
        }
        let at = self.doors[door].queue.pop_front().expect("it is not empty");
        self.note_accept();
        self.descriptors_used += 1;
        self.idle_spins = 0;
        let link = &mut self.links[at];
        link.place = Place::Server;
        link.facts.accepted_at = self.now;
        link.facts.read_at = self.now;
        Ok(at)
    }

    fn shed(&mut self, door: usize) -> io::Result<usize> {
        if self.random.one_in(self.plan.rates.accepts) {
            // Another process took the descriptor that was kept in reserve.
            return Err(Errno::MFILE.into());
        }
        let Some(at) = self.doors[door].queue.pop_front() else { return Err(Errno::AGAIN.into()) };
        self.counters.shed += 1;
        self.links[at].place = Place::Gone;
        self.refuse(at);
        Ok(at)
    }

    /// Whether sabotage loses an event that should be reported.
    pub(crate) fn loses_event(&mut self, event: Readiness) -> bool {
        event.readable && self.strikes(Bug::LostEdge)
    }
}

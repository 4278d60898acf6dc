//! The simulated world as the network of a load generator.

use crate::link::State;
use crate::plan::MILLISECOND;
use crate::sabotage::Bug;
use crate::world::{SharedWorld, World};
use halloo::net::{Endpoint, Network, Peer, Readiness, Stream, Token};
use rustix::io::Errno;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// What calls take, in ns.
const CLOCK: u64 = 25;
const POLL: u64 = 300;
const READ: u64 = 500;
const WRITE: u64 = 900;
const CONNECT: u64 = 3_000;

pub(crate) struct SimulatedNetwork(pub(crate) SharedWorld);

/// The load generator's end of a connection.
pub(crate) struct SimulatedStream {
    world: SharedWorld,
    link: usize,
}

impl Network for SimulatedNetwork {
    type Listener = ();
    type Stream = SimulatedStream;

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(Readiness),
    ) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.spend(POLL);
        world.wait(timeout.map(|it| it.as_nanos() as u64));
        let events = world.take_events();
        drop(world);
        for event in events {
            report(event);
        }
        Ok(())
    }

    fn register_listener(&mut self, _listener: &mut (), _token: Token) -> io::Result<()> {
        Err(Errno::OPNOTSUPP.into())
    }

    fn register(&mut self, stream: &mut SimulatedStream, token: Token) -> io::Result<()> {
        self.0.borrow_mut().links[stream.link].token = Some(token);
        Ok(())
    }

    fn accept(&mut self, _listener: &mut ()) -> io::Result<(SimulatedStream, Peer)> {
        Err(Errno::OPNOTSUPP.into())
    }

    fn shed(&mut self, _listener: &mut ()) -> io::Result<()> {
        Err(Errno::OPNOTSUPP.into())
    }

    fn connect(&mut self, _endpoint: &Endpoint) -> io::Result<(SimulatedStream, Peer)> {
        let mut world = self.0.borrow_mut();
        world.spend(CONNECT);
        let link = world.connect();
        Ok((SimulatedStream { world: Rc::clone(&self.0), link }, Peer::UNIX))
    }

    fn now(&mut self) -> Duration {
        let mut world = self.0.borrow_mut();
        let has_read = std::mem::take(&mut world.has_read);
        let is_lying = has_read && world.is_sabotaged(Bug::LyingClock);
        let now = world.now + if is_lying { MILLISECOND } else { 0 };
        world.last_now = now;
        if std::mem::take(&mut world.awaits_start) {
            world.begin_load(now);
        }
        world.spend(CLOCK);
        Duration::from_nanos(now)
    }

    fn awake_since(&mut self) -> Duration {
        Duration::from_nanos(self.0.borrow().woke)
    }

    fn connect_from(&mut self, source: Option<IpAddr>) {
        assert_eq!(source, None, "no source was asked for");
    }
}

impl Stream for SimulatedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.spend(READ);
        let result = world.read(self.link, buffer);
        world.has_read = true;
        world.note("read", self.link, &result);
        result
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        world.spend(WRITE);
        let result = world.write(self.link, parts);
        world.note("write", self.link, &result);
        result
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        world.spend(WRITE);
        world.shut_down(self.link);
        Ok(())
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        world.shut_down(self.link);
        world.links[self.link].state = State::Gone;
        world.links[self.link].token = None;
    }
}

impl World {
    fn note(&mut self, what: &'static str, link: usize, result: &io::Result<usize>) {
        let number = match result {
            Ok(count) => *count as i64,
            Err(error) => -i64::from(error.raw_os_error().unwrap_or(1)),
        };
        self.trace.record(self.now, what, link, number);
    }

    fn is_interrupted(&mut self) -> bool {
        let rate = self.scenario.interrupted;
        self.random.one_in(rate)
    }

    fn read(&mut self, at: usize, buffer: &mut [u8]) -> io::Result<usize> {
        // The first read tells what became of the connect; an interrupted one would pass for a
        // success. No kernel interrupts a read that does not block.
        let is_known = std::mem::replace(&mut self.links[at].is_known, true);
        if is_known && self.is_interrupted() {
            return Err(Errno::INTR.into());
        }
        let now = self.now;
        let link = &mut self.links[at];
        let count = link.available.len().min(buffer.len());
        if count == 0 {
            return match link.error {
                Some(error) => Err(error.into()),
                None if link.fin_arrived => Ok(0),
                None => Err(Errno::AGAIN.into()),
            };
        }
        for (place, byte) in buffer.iter_mut().zip(link.available.drain(..count)) {
            *place = byte;
        }
        link.taken += count as u64;
        while let Some(&(end, sent)) = link.marks.front() {
            if end > link.taken {
                break;
            }
            link.marks.pop_front();
            link.marks_readable -= 1;
            self.books.sent[sent].taken = now;
        }
        Ok(count)
    }

    fn write(&mut self, at: usize, parts: [&[u8]; 2]) -> io::Result<usize> {
        if self.is_interrupted() {
            return Err(Errno::INTR.into());
        }
        let (now, window) = (self.now, self.scenario.send_window);
        let link = &mut self.links[at];
        if let Some(error) = link.error {
            return Err(error.into());
        }
        let room = window.saturating_sub(link.unread);
        let bytes: Vec<u8> = parts.concat();
        let count = bytes.len().min(room);
        link.is_choked = count < bytes.len();
        if count == 0 && !bytes.is_empty() {
            return Err(Errno::AGAIN.into());
        }
        link.unread += count;
        link.written += count as u64;
        link.writes.push_back((link.written, now));
        self.send_to_server(at, bytes[..count].to_vec());
        Ok(count)
    }
}

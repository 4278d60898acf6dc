//! Echo of bytes without a protocol, with the fewest system calls that epoll allows: one read and
//! one write per wake-up of a connection, and one buffer for all. No server can be much cheaper;
//! its cost is the kernel's share.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::net::TcpListener;

/// The largest read, shared by all connections.
const BUFFER_BYTES: usize = 512 * 1024;

/// Events that one wait may return.
const EVENTS: usize = 1024;

fn main() -> io::Result<()> {
    Server::new(halloo_peers::listen("tcp")?)?.run()
}

struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    buffer: Vec<u8>,
    /// By descriptor.
    connections: Vec<Option<Connection>>,
}

struct Connection {
    stream: OwnedFd,
    /// Output that the kernel did not accept. Boxed, so that an idle connection is small.
    #[expect(clippy::box_collection, reason = "one word for each idle connection, not three")]
    backlog: Option<Box<Vec<u8>>>,
}

impl Server {
    fn new(listener: TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, token(&listener), EventFlags::IN)?;
        Ok(Self { epoll, listener, buffer: vec![0; BUFFER_BYTES], connections: Vec::new() })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        let listener = self.listener.as_raw_fd() as usize;
        loop {
            events.clear();
            retry_on_intr(|| epoll::wait(&self.epoll, spare_capacity(&mut events), None))?;
            for event in &events {
                let index = event.data.u64() as usize;
                if index == listener {
                    self.accept()?;
                } else if self.drive(index).is_err() {
                    self.connections[index] = None;
                }
            }
        }
    }

    /// Accepts every waiting client.
    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream =
                match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                    Ok(stream) => stream,
                    Err(Errno::AGAIN) => return Ok(()),
                    Err(Errno::CONNABORTED | Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
            epoll::add(&self.epoll, &stream, token(&stream), EventFlags::IN)?;
            let index = stream.as_raw_fd() as usize;
            if self.connections.len() <= index {
                self.connections.resize_with(index + 1, || None);
            }
            self.connections[index] = Some(Connection { stream, backlog: None });
        }
    }

    /// Reads once and writes once, or writes pending output. An error ends the connection.
    fn drive(&mut self, index: usize) -> Result<(), Errno> {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return Ok(()) };
        if connection.backlog.is_some() {
            return connection.flush(&self.epoll);
        }
        let count = match read(&connection.stream, &mut self.buffer) {
            Ok(0) => return Err(Errno::PIPE),
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        };
        let written = written(write(&connection.stream, &self.buffer[..count]))?;
        if written < count {
            connection.backlog = Some(Box::new(self.buffer[written..count].to_vec()));
            let stream = &connection.stream;
            epoll::modify(&self.epoll, stream, token(stream), EventFlags::OUT)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Writes pending output, and reads again once it is written.
    fn flush(&mut self, epoll: &OwnedFd) -> Result<(), Errno> {
        let Some(backlog) = &mut self.backlog else { return Ok(()) };
        let written = written(write(&self.stream, backlog))?;
        backlog.drain(..written);
        if backlog.is_empty() {
            self.backlog = None;
            epoll::modify(epoll, &self.stream, token(&self.stream), EventFlags::IN)?;
        }
        Ok(())
    }
}

/// A full socket has accepted nothing.
fn written(outcome: Result<usize, Errno>) -> Result<usize, Errno> {
    match outcome {
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        other => other,
    }
}

fn token(descriptor: &impl AsRawFd) -> EventData {
    EventData::new_u64(descriptor.as_raw_fd() as u64)
}

//! W1 to W4: messages in a closed loop over many connections.

use crate::check::Check;
use crate::client;
use crate::exchange::{Exchange, Style};
use crate::options::{Options, Target, WARM_UP};
use crate::server::Server;
use crate::table::Figure;
use crate::workload::Load;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The largest read.
const BUFFER_BYTES: usize = 256 * 1024;

/// Distinct messages among the connections of a workload, so that an echo on the wrong connection
/// is detected. More of them would only evict the client's cache.
const VARIANTS: usize = 4;

/// One run: connects, warms up, counts.
pub(crate) fn measure(load: &Load, server: &Server, options: &Options) -> io::Result<Figure> {
    let mut crowd = Crowd::open(load, server.target(), options.style)?;
    crowd.run(WARM_UP)?;
    let before = server.cpu_time()?;
    let start = Instant::now();
    let messages = crowd.run(options.time)?;
    let elapsed = start.elapsed();
    let used = server.cpu_time()? - before;
    if messages == 0 {
        return Err(io::Error::other("no echo came back"));
    }
    Ok(Figure {
        value: used.as_secs_f64() * 1e6 / messages as f64,
        count: messages,
        rate: Some(messages as f64 / elapsed.as_secs_f64()),
        note: None,
    })
}

/// All connections of a workload.
pub(crate) struct Crowd {
    pub(crate) poll: Poll,
    pub(crate) events: Events,
    pub(crate) buffer: Vec<u8>,
    pub(crate) connections: Vec<Connection>,
}

impl Crowd {
    pub(crate) fn open(load: &Load, target: &Target, style: Style) -> io::Result<Self> {
        let poll = Poll::new()?;
        let Load { bytes, in_flight, .. } = *load;
        let exchanges: io::Result<Vec<Rc<Exchange>>> = (0..VARIANTS.min(load.connections) as u8)
            .map(|seed| {
                let exchange = Exchange::new(bytes, style, target.is_websocket, seed)?;
                Ok(Rc::new(exchange.repeated(in_flight)))
            })
            .collect();
        let exchanges = exchanges?;
        let mut connections = Vec::new();
        for (index, exchange) in exchanges.iter().cycle().take(load.connections).enumerate() {
            let stream = client::open(target, style)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(index), both)?;
            connections.push(Connection::new(stream, Rc::clone(exchange)));
        }
        connections.iter_mut().try_for_each(Connection::send)?;
        let events = Events::with_capacity(load.connections);
        Ok(Self { poll, events, buffer: vec![0; BUFFER_BYTES], connections })
    }

    /// Keeps all connections busy for `time`. Returns the number of echoes.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<u64> {
        let mut messages = 0;
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.poll.poll(&mut self.events, Some(time)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                if event.is_readable() {
                    messages += connection.receive(&mut self.buffer)?;
                }
                if connection.is_over {
                    return Err(io::Error::other("the server closed a connection"));
                }
                connection.send()?;
            }
        }
        Ok(messages)
    }
}

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    exchange: Rc<Exchange>,
    check: Check,
    /// Bytes that are due to be sent.
    due: usize,
    /// Bytes sent of the current message.
    phase: usize,
    is_over: bool,
}

impl Connection {
    /// All messages that may be in flight are due at once.
    fn new(stream: TcpStream, exchange: Rc<Exchange>) -> Self {
        let due = exchange.requests.len();
        Self { stream, exchange, check: Check::default(), due, phase: 0, is_over: false }
    }

    /// Reads the available input. Returns the number of messages it completed, each of which makes
    /// a new one due.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<u64> {
        let mut messages = 0;
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => {
                    self.is_over = true;
                    break;
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            messages += self.check.take(&buffer[..count], &self.exchange)?;
            if count < buffer.len() {
                break;
            }
        }
        self.due += messages * self.exchange.request_bytes;
        Ok(messages as u64)
    }

    /// Messages in flight, sent completely and not echoed yet.
    pub(crate) fn in_flight(&self) -> usize {
        (self.exchange.requests.len() - self.due) / self.exchange.request_bytes
    }

    /// Whether the server has sent a Close.
    pub(crate) fn is_closed(&self) -> bool {
        self.check.is_closed()
    }

    /// Whether the end of input was read.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Sends as much of the due bytes as possible.
    fn send(&mut self) -> io::Result<()> {
        while self.due > 0 {
            let requests = &self.exchange.requests;
            let end = requests.len().min(self.phase + self.due);
            let bytes = &requests[self.phase..end];
            let count = match self.stream.write(bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            let is_full = count < bytes.len();
            self.due -= count;
            self.phase = (self.phase + count) % self.exchange.request_bytes;
            if is_full {
                break;
            }
        }
        Ok(())
    }
}

//! Clients that send little and measure the latency of each echo.

use crate::check::Check;
use crate::client::{self, PATIENCE};
use crate::exchange::{Exchange, Style};
use crate::options::Target;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Payload of a message.
const BYTES: usize = 64;

/// Messages of all quiet clients together per second.
const RATE: u32 = 1_000;

/// See the [module documentation](self).
pub(crate) struct Quiet {
    poll: Poll,
    events: Events,
    exchange: Exchange,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    check: Check,
    /// The send times of messages without an echo yet.
    sent: VecDeque<Instant>,
}

impl Quiet {
    /// Connects `count` clients.
    pub(crate) fn open(connections: usize, target: &Target) -> io::Result<Self> {
        let poll = Poll::new()?;
        let exchange = Exchange::new(BYTES, Style::default(), target.is_websocket, 0)?;
        let connections: io::Result<Vec<Connection>> = (0..connections)
            .map(|index| {
                let stream = client::open(target, Style::default())?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
                Ok(Connection { stream, check: Check::default(), sent: VecDeque::new() })
            })
            .collect();
        let connections = connections?;
        Ok(Self { events: Events::with_capacity(connections.len()), poll, exchange, connections })
    }

    /// Lets the clients send in turn, evenly spread over `time`, and waits for all echoes.
    ///
    /// A client that waits for an echo prevents no client from sending, itself included.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<RoundTrips> {
        let mut round_trips = Vec::new();
        let gap = Duration::from_secs(1) / RATE;
        let (start, mut count) = (Instant::now(), 0_u32);
        loop {
            let elapsed = start.elapsed();
            while gap * count <= elapsed && gap * count < time {
                let index = count as usize % self.connections.len();
                self.connections[index].send(&self.exchange)?;
                count += 1;
            }
            if elapsed >= time && round_trips.len() == count as usize {
                return Ok(RoundTrips::new(round_trips));
            }
            if elapsed >= time + PATIENCE {
                return Err(io::Error::other("a quiet client got no echo"));
            }
            self.receive((gap * count).saturating_sub(elapsed), &mut round_trips)?;
        }
    }

    fn receive(&mut self, wait: Duration, round_trips: &mut Vec<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(wait.max(Duration::from_millis(1)))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            self.connections[event.token().0].receive(&self.exchange, round_trips)?;
        }
        Ok(())
    }
}

impl Connection {
    fn send(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.sent.push_back(Instant::now());
        // This little always fits, unless the server is stuck, which is then the result.
        self.stream.write_all(&exchange.requests)
    }

    /// Reads the available input, and records the latency of each echo.
    fn receive(&mut self, exchange: &Exchange, round_trips: &mut Vec<Duration>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = match self.stream.read(&mut buffer) {
            Ok(0) => return Err(io::Error::other("the server closed a quiet connection")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        for _ in 0..self.check.take(&buffer[..count], exchange)? {
            let sent = self.sent.pop_front();
            let sent = sent.ok_or_else(|| io::Error::other("an echo arrived without a message"))?;
            round_trips.push(sent.elapsed());
        }
        Ok(())
    }
}

/// The latencies.
pub(crate) struct RoundTrips {
    sorted: Vec<Duration>,
}

impl RoundTrips {
    fn new(mut round_trips: Vec<Duration>) -> Self {
        round_trips.sort();
        Self { sorted: round_trips }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency in microseconds that this percentage of messages did not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let rank = (self.sorted.len() as f64 * percent / 100.0).ceil() as usize;
        let round_trip = self.sorted.get(rank.saturating_sub(1));
        round_trip.map_or(f64::NAN, |round_trip| round_trip.as_secs_f64() * 1e6)
    }

    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99.0)
    }
}

/// Formats the median, the tail and the maximum.
impl fmt::Display for RoundTrips {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [middle, slow, slower, slowest] =
            [50.0, 99.0, 99.9, 100.0].map(|percent| self.percentile(percent));
        write!(formatter, "p50 {middle:.0}, p99 {slow:.0}, p99.9 {slower:.0}, most {slowest:.0} µs")
    }
}

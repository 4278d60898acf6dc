//! SLOW: memory and latency that clients cost which send and never read: the server's memory, the
//! kernel's, and the latency of other clients.
//!
//! The clients' own buffers have the minimum size, so that nearly all the memory that the kernel
//! holds is the server's.

use crate::client;
use crate::exchange::{Exchange, Style};
use crate::machine;
use crate::options::Target;
use crate::quiet::Quiet;
use crate::server::Server;
use crate::table::Figure;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashSet;
use std::io::{self, ErrorKind, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Payload of a message.
const BYTES: usize = 16 * 1024;

/// Quiet clients beside the slow ones.
const QUIET: usize = 100;

/// After this time without progress on any client, all of them are blocked.
const STUCK: Duration = Duration::from_millis(500);

/// The time a server may take to notice that all clients have closed.
const SETTLE: Duration = Duration::from_secs(2);

/// Measures up to `connections` slow readers, as many as this process can open.
pub(crate) fn measure(connections: usize, server: &Server, time: Duration) -> io::Result<Figure> {
    let connections = connections.min(machine::connections_possible().saturating_sub(QUIET));
    let mut quiet = Quiet::open(QUIET, server.target())?;
    let alone = quiet.run(time)?;
    let before = Held::now(server)?;
    let start = Instant::now();
    let mut crowd = Crowd::open(connections, server.target())?;
    crowd.send_until_stuck()?;
    let filled = start.elapsed();
    let held = Held::now(server)?;
    let beside = quiet.run(time)?;
    let load = machine::load_average()?;
    crowd.look(Duration::ZERO)?;
    let (sent, ended) = (crowd.sent, crowd.ended.len());
    drop(crowd);
    sleep(SETTLE);
    let after = Held::now(server)?;
    let each = |bytes: f64| bytes / (connections - ended).max(1) as f64 / 1024.0;
    Ok(Figure {
        value: (held.user - before.user) / (connections - ended).max(1) as f64,
        count: connections as u64,
        rate: None,
        note: Some(format!(
            "{ended} were ended by the server; filled with {:.0} MB in {:.1} s\n            \
             server {:.1} KiB each, {:.1} MiB in all; kernel {:.1} KiB each, both ends, {:.0} MiB in all \
             of {:.0} until it presses\n            \
             quiet alone {alone}\n            quiet beside {beside}; load average {load}\n            \
             {:.0} KiB and {:.0} KiB of the kernel kept when they had gone",
            sent as f64 / 1e6,
            filled.as_secs_f64(),
            each(held.user - before.user),
            held.user / 1048576.0,
            each(held.kernel - before.kernel),
            held.kernel / 1048576.0,
            machine::tcp_pressure_bytes()? / 1048576.0,
            (after.user - before.user) / 1024.0,
            (after.kernel - before.kernel) / 1024.0,
        )),
    })
}

/// Bytes held by the server's process, and by the kernel for all TCP connections.
struct Held {
    user: f64,
    kernel: f64,
}

impl Held {
    fn now(server: &Server) -> io::Result<Self> {
        Ok(Self { user: server.private_bytes()? as f64, kernel: machine::tcp_bytes()? })
    }
}

/// The slow readers.
struct Crowd {
    poll: Poll,
    events: Events,
    exchange: Exchange,
    connections: Vec<Connection>,
    /// Bytes that all of them have sent.
    sent: usize,
    /// The number of clients that the server has closed.
    ended: HashSet<usize>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes sent of the current message.
    phase: usize,
}

impl Crowd {
    fn open(connections: usize, target: &Target) -> io::Result<Self> {
        let poll = Poll::new()?;
        let connections: io::Result<Vec<Connection>> = (0..connections)
            .map(|index| {
                let stream = client::open_small(target, index)?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                let both = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(index), both)?;
                Ok(Connection { stream, phase: 0 })
            })
            .collect();
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            exchange: Exchange::new(BYTES, Style::default(), target.is_websocket, 0)?,
            connections: connections?,
            sent: 0,
            ended: HashSet::new(),
        })
    }

    /// Sends on every connection as long as any connection makes progress.
    fn send_until_stuck(&mut self) -> io::Result<()> {
        let mut progress = Instant::now();
        while progress.elapsed() < STUCK {
            let before = self.sent;
            self.look(STUCK)?;
            if self.sent > before {
                progress = Instant::now();
            }
        }
        Ok(())
    }

    /// Sends on every writable connection, and records the ones that the server has closed.
    fn look(&mut self, wait: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let index = event.token().0;
            let is_over = event.is_error() || event.is_read_closed() || event.is_write_closed();
            if is_over || !self.connections[index].send(&self.exchange, &mut self.sent) {
                self.ended.insert(index);
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Sends as much as the kernel accepts. Returns false if the connection is closed.
    fn send(&mut self, exchange: &Exchange, sent: &mut usize) -> bool {
        loop {
            match self.stream.write(&exchange.requests[self.phase..]) {
                Ok(count) => {
                    *sent += count;
                    self.phase = (self.phase + count) % exchange.request_bytes;
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

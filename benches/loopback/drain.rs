//! DRAIN: a stop in the middle of everything, after which nothing may be missing.

use crate::client::PATIENCE;
use crate::load::{Connection, Crowd};
use crate::machine;
use crate::options::{Options, WARM_UP};
use crate::server::Server;
use crate::table::Figure;
use crate::workload::Load;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// Messages of one connection that are on their way at once.
const IN_FLIGHT: usize = 8;

/// A masked Close with the code 1000, which answers the server's.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// Keeps all connections busy, stops the server, and counts the answers to what it had received by then: what
/// a loopback has taken is received.
pub(crate) fn measure(
    connections: usize,
    server: &mut Server,
    options: &Options,
) -> io::Result<Figure> {
    let connections = connections.min(machine::connections_possible());
    let load = Load { name: "drain", bytes: 64, connections, in_flight: IN_FLIGHT };
    let mut crowd = Crowd::open(&load, server.target(), options.style)?;
    crowd.run(WARM_UP + options.time)?;
    let in_flight: usize = crowd.connections.iter().map(Connection::in_flight).sum();
    let start = Instant::now();
    server.stop()?;
    let farewell = Farewell::hear(&mut crowd, start)?;
    let status = server.wait()?;
    let elapsed = start.elapsed();
    let load_average = machine::load_average()?;
    Ok(Figure {
        value: in_flight as f64 - farewell.messages as f64,
        count: in_flight as u64,
        rate: None,
        note: Some(format!(
            "{} of {connections} ended with a Close, {} with answers missing; the last answer came after \
             {:.0} ms, the end ({status}) after {:.0} ms; load average {load_average}",
            farewell.closes,
            farewell.early,
            farewell.last_answer.as_secs_f64() * 1e3,
            elapsed.as_secs_f64() * 1e3,
        )),
    })
}

/// What came after the stop.
#[derive(Default)]
struct Farewell {
    messages: u64,
    /// Connections that ended with a Close.
    closes: usize,
    /// Connections that ended with answers missing.
    early: usize,
    /// From the stop to the last answer.
    last_answer: Duration,
}

impl Farewell {
    /// Listens to the end of every connection.
    fn hear(crowd: &mut Crowd, start: Instant) -> io::Result<Self> {
        let mut farewell = Self::default();
        let mut open = crowd.connections.len();
        while open > 0 {
            if start.elapsed() > 2 * PATIENCE {
                return Err(io::Error::other(format!("{open} connections did not end")));
            }
            match crowd.poll.poll(&mut crowd.events, Some(PATIENCE)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &crowd.events {
                let connection = &mut crowd.connections[event.token().0];
                let was_over = connection.is_over();
                farewell.hear_one(connection, &mut crowd.buffer, start)?;
                // Data and the end may be announced as one, and a read brings only the first.
                if event.is_read_closed() {
                    farewell.hear_one(connection, &mut crowd.buffer, start)?;
                }
                open -= usize::from(connection.is_over() && !was_over);
            }
        }
        Ok(farewell)
    }

    /// Reads what is there on one, and answers a Close.
    fn hear_one(
        &mut self,
        connection: &mut Connection,
        buffer: &mut [u8],
        start: Instant,
    ) -> io::Result<()> {
        if connection.is_over() {
            return Ok(());
        }
        let was_closed = connection.is_closed();
        let messages = connection.receive(buffer)?;
        if messages > 0 {
            self.messages += messages;
            self.last_answer = start.elapsed();
        }
        if connection.is_closed() && !was_closed {
            self.closes += 1;
            // It fails only if the server did not wait for it, which is its right.
            let _ = connection.stream.write(&CLOSE);
        }
        if connection.is_over() {
            self.early += usize::from(connection.in_flight() > 0);
            // The server waits for our end; if that too is gone already, all the better.
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
        Ok(())
    }
}

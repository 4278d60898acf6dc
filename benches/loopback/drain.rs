//! DRAIN: a stop under full load, after which no echo may be missing.

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

/// Messages in flight on one connection.
const IN_FLIGHT: usize = 8;

/// A masked Close with the code 1000, which replies to the server's.
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

/// Keeps all connections busy, stops the server, and counts the echoes of everything that it had
/// received by then: data that a loopback socket has accepted is received.
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
    let drained = Drained::receive(&mut crowd, start)?;
    let status = server.wait()?;
    let elapsed = start.elapsed();
    let load_average = machine::load_average()?;
    Ok(Figure {
        value: in_flight as f64 - drained.messages as f64,
        count: in_flight as u64,
        rate: None,
        note: Some(format!(
            "{} of {connections} ended with a Close, {} with echoes missing; the last echo came after \
             {:.0} ms, the end ({status}) after {:.0} ms; load average {load_average}",
            drained.closes,
            drained.early,
            drained.last_echo.as_secs_f64() * 1e3,
            elapsed.as_secs_f64() * 1e3,
        )),
    })
}

/// What arrived after the stop.
#[derive(Default)]
struct Drained {
    messages: u64,
    /// Connections that ended with a Close.
    closes: usize,
    /// Connections that ended with missing echoes.
    early: usize,
    /// From the stop to the last echo.
    last_echo: Duration,
}

impl Drained {
    /// Reads every connection to its end.
    fn receive(crowd: &mut Crowd, start: Instant) -> io::Result<Self> {
        let mut drained = Self::default();
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
                drained.receive_on(connection, &mut crowd.buffer, start)?;
                // Data and the end may be reported as one event, and a read returns only the data.
                if event.is_read_closed() {
                    drained.receive_on(connection, &mut crowd.buffer, start)?;
                }
                open -= usize::from(connection.is_over() && !was_over);
            }
        }
        Ok(drained)
    }

    /// Reads the available input of one connection, and replies to a Close.
    fn receive_on(
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
            self.last_echo = start.elapsed();
        }
        if connection.is_closed() && !was_closed {
            self.closes += 1;
            // It fails only if the server did not wait for it, which is permitted.
            let _ = connection.stream.write(&CLOSE);
        }
        if connection.is_over() {
            self.early += usize::from(connection.in_flight() > 0);
            // The server waits for the end of our output; if the connection is gone already,
            // nothing is needed.
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
        Ok(())
    }
}

//! W6 and W7: the server's memory for silent connections.

use crate::check::Check;
use crate::client;
use crate::exchange::Exchange;
use crate::machine;
use crate::options::{Options, Target};
use crate::server::Server;
use crate::table::Figure;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The time a server may take to notice that all clients have closed.
const SETTLE: Duration = Duration::from_secs(1);

/// Holds `connections`, each after one message of `bytes`, and compares the server's memory.
pub(crate) fn measure(
    connections: usize,
    bytes: usize,
    server: &Server,
    options: &Options,
) -> io::Result<Figure> {
    let connections = connections.min(machine::connections_possible());
    let target = server.target();
    let exchange = Exchange::new(bytes, options.style, target.is_websocket, 0)?;
    // Memory that a server allocates once, such as its receive buffer, is not the cost of a
    // connection.
    drop(visit(target, &exchange, options)?);
    sleep(SETTLE);
    let before = server.private_bytes()?;
    let start = Instant::now();
    let crowd: io::Result<Vec<TcpStream>> =
        (0..connections).map(|_| visit(target, &exchange, options)).collect();
    let crowd = crowd?;
    let elapsed = start.elapsed();
    let held = server.private_bytes()?;
    drop(crowd);
    sleep(SETTLE);
    let after = server.private_bytes()?;
    let (rise, left) = (held.saturating_sub(before), after.saturating_sub(before));
    Ok(Figure {
        value: rise as f64 / connections as f64,
        count: connections as u64,
        rate: Some(connections as f64 / elapsed.as_secs_f64()),
        note: Some(format!(
            "{} KiB at first, {} KiB after all had closed",
            before / 1024,
            left / 1024
        )),
    })
}

/// Connects and has one message echoed.
fn visit(target: &Target, exchange: &Exchange, options: &Options) -> io::Result<TcpStream> {
    let mut stream = client::open(target, options.style)?;
    stream.write_all(&exchange.requests)?;
    let mut check = Check::default();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err(io::Error::other("the server closed a connection")),
            count if check.take(&buffer[..count], exchange)? > 0 => return Ok(stream),
            _ => {}
        }
    }
}

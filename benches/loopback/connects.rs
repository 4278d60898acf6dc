//! W5: the server's cost of a connection that is accepted, upgraded and closed.

use crate::client;
use crate::exchange::Style;
use crate::options::{Options, Target};
use crate::server::Server;
use crate::table::Figure;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// Connections that are made at once: enough to keep the server busy, as a burst of connects would.
const AT_ONCE: usize = 64;

/// Connects in groups until the requested number of connections is reached.
pub(crate) fn measure(
    connections: usize,
    server: &Server,
    options: &Options,
) -> io::Result<Figure> {
    visit(server.target(), options.style)?;
    let before = server.cpu_time()?;
    let start = Instant::now();
    let mut count = 0;
    while count < connections {
        count += visit(server.target(), options.style)?;
    }
    let elapsed = start.elapsed();
    let used = server.cpu_time()? - before;
    Ok(Figure {
        value: used.as_secs_f64() * 1e6 / count as f64,
        count: count as u64,
        rate: Some(count as f64 / elapsed.as_secs_f64()),
        note: None,
    })
}

/// One group: each step is done for all connections before the next step. Returns the size of the
/// group.
fn visit(target: &Target, style: Style) -> io::Result<usize> {
    let streams: io::Result<Vec<TcpStream>> =
        (0..AT_ONCE).map(|_| client::connect(target)).collect();
    let mut streams = streams?;
    for stream in &mut streams {
        client::send_request(stream, target, style)?;
    }
    for stream in &mut streams {
        client::receive_response(stream, target, style)?;
    }
    for stream in &streams {
        stream.shutdown(Shutdown::Write)?;
    }
    for stream in &mut streams {
        // Waits until the server has closed too, so that its share of the work is counted. The form
        // of its close does not matter here.
        let mut remaining = [0; 128];
        while matches!(stream.read(&mut remaining), Ok(1..)) {}
    }
    Ok(streams.len())
}

//! FAIR: the effect of a flooding client on quiet clients.

use crate::cpu;
use crate::exchange::Style;
use crate::load::Crowd;
use crate::machine;
use crate::options::Target;
use crate::quiet::{Quiet, RoundTrips};
use crate::server::Server;
use crate::table::Figure;
use crate::workload::Load;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The flooding connection always has at least as much in flight as the server processes in a turn.
const FLOOD: Load = Load { name: "flood", bytes: 64 * 1024, connections: 1, in_flight: 16 };

/// How often the flooder checks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Measures the quiet clients alone, next to the same work on their own CPU, and next to the
/// flooder.
pub(crate) fn measure(connections: usize, server: &Server, time: Duration) -> io::Result<Figure> {
    let mut quiet = Quiet::open(connections, server.target())?;
    quiet.run(LOOK)?;
    let alone = quiet.run(time)?;
    let (beside_work, _) = beside(&mut quiet, time, copy)?;
    let (beside_flood, rate) = beside(&mut quiet, time, |stop| flood(server.target(), stop))?;
    let load_average = machine::load_average()?;
    Ok(Figure {
        value: beside_flood.p99() / alone.p99(),
        count: (alone.count() + beside_flood.count()) as u64,
        rate: None,
        note: Some(format!(
            "alone                 {alone}\n            \
             beside a busy client  {beside_work}\n            \
             beside the flooder    {beside_flood}; it had {:.0} MB/s; load average {load_average}",
            rate / 1e6
        )),
    })
}

/// Measures the quiet clients while another thread works until it is told to stop.
fn beside(
    quiet: &mut Quiet,
    time: Duration,
    work: impl FnOnce(&AtomicBool) -> io::Result<f64> + Send,
) -> io::Result<(RoundTrips, f64)> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // The quiet clients must not wait for CPU time that this thread uses.
            cpu::yield_to_others()?;
            work(&stop)
        });
        thread::sleep(LOOK);
        let round_trips = quiet.run(time);
        stop.store(true, Ordering::Relaxed);
        let rate = worker.join().expect("the worker does not panic");
        Ok((round_trips?, rate?))
    })
}

/// Floods. Returns the bytes of payload echoed per second.
fn flood(target: &Target, stop: &AtomicBool) -> io::Result<f64> {
    let mut crowd = Crowd::open(&FLOOD, target, Style::default())?;
    let (start, mut messages) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        messages += crowd.run(LOOK)?;
    }
    Ok((messages as usize * FLOOD.bytes) as f64 / start.elapsed().as_secs_f64())
}

/// Sends and receives as a flooder does, but to and from itself: this shows the effect on the quiet
/// clients that is not the server's. Returns the bytes per second.
fn copy(stop: &AtomicBool) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut here = TcpStream::connect(listener.local_addr()?)?;
    let (mut there, _) = listener.accept()?;
    let mut buffer = vec![0; FLOOD.bytes];
    let (start, mut bytes) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        // The kernel always accepts this much before anything is read.
        let count = here.write(&buffer)?;
        there.read_exact(&mut buffer[..count])?;
        bytes += count;
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64())
}

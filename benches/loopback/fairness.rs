//! FAIR: what a client that floods does to those that say little.

use crate::cpu;
use crate::load::Crowd;
use crate::machine;
use crate::options::Target;
use crate::quiet::Quiet;
use crate::server::Server;
use crate::table::Figure;
use crate::workload::Load;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One connection that always has more under way than the server takes in a turn.
const FLOOD: Load = Load { name: "flood", bytes: 64 * 1024, connections: 1, in_flight: 32 };

/// How often the flooder looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Measures the quiet clients alone and then beside the flooder.
pub(crate) fn measure(connections: usize, server: &Server, time: Duration) -> io::Result<Figure> {
    let mut quiet = Quiet::open(connections, server.target())?;
    quiet.run(LOOK)?;
    let alone = quiet.run(time)?;
    let stop = AtomicBool::new(false);
    let (beside, rate) = thread::scope(|scope| {
        let flooder = scope.spawn(|| flood(server.target(), &stop));
        thread::sleep(LOOK);
        let beside = quiet.run(time);
        stop.store(true, Ordering::Relaxed);
        let rate = flooder.join().expect("the flooder does not panic");
        Ok::<_, io::Error>((beside?, rate?))
    })?;
    let load = machine::load_average()?;
    Ok(Figure {
        value: beside.p99() / alone.p99(),
        count: (alone.count() + beside.count()) as u64,
        rate: None,
        note: Some(format!(
            "alone {alone}\n            beside {:.0} MB/s of flood {beside}; load average {load}",
            rate / 1e6
        )),
    })
}

/// Floods until it should stop; how many bytes of payload came back in a second.
fn flood(target: &Target, stop: &AtomicBool) -> io::Result<f64> {
    // What it needs of the clients' CPU must not be what the quiet ones wait for.
    cpu::yield_to_others()?;
    let mut crowd = Crowd::open(&FLOOD, target, false)?;
    let (start, mut messages) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        messages += crowd.run(LOOK)?;
    }
    Ok((messages as usize * FLOOD.bytes) as f64 / start.elapsed().as_secs_f64())
}

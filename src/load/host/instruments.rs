//! What a run reads of this machine while it measures: CPU and memory usage, its own and the
//! server's, and what kept the load generator from running.

use super::interference::{Interference, Taken};
use super::meter::{Delta, Meter};
use super::run_queue::RunQueue;
use super::usage::Usage;

/// What a run reads of this machine. The default of every method returns nothing.
pub trait Instruments {
    /// Called at the start of the window: earlier usage does not count.
    fn begin(&mut self) {}

    /// Time that this thread was runnable and waited for a CPU, in ns, and its number of
    /// timeslices, since the thread started. Called at every beat.
    fn run_queue(&mut self) -> Option<(u64, u64)> {
        None
    }

    /// The usage since the previous call. Called at the end of every interval.
    fn delta(&mut self) -> Delta {
        Delta::default()
    }

    /// What kept this thread from running since the start of the window.
    fn taken(&self) -> Taken {
        Taken::default()
    }

    /// CPUs that the load generator kept busy, from the start of the window to the last interval.
    fn own_cpu(&self) -> f64 {
        0.0
    }

    /// CPU time of the server in that time, and its peak resident memory, if it is watched.
    fn server(&self) -> Option<Usage> {
        None
    }

    /// The server's process, if it was watched and has exited.
    fn lost_server(&self) -> Option<u32> {
        None
    }
}

/// The instruments of this machine.
#[derive(Debug)]
pub struct HostInstruments {
    meter: Meter,
    interference: Interference,
    run_queue: RunQueue,
}

impl HostInstruments {
    /// Instruments for the calling thread; `server` is the server's process, if it is to be
    /// watched.
    pub fn new(server: Option<u32>) -> Self {
        Self {
            meter: Meter::new(server),
            interference: Interference::new(),
            run_queue: RunQueue::of_this_thread(),
        }
    }
}

impl Instruments for HostInstruments {
    fn begin(&mut self) {
        self.meter.begin();
        self.interference.begin();
    }

    fn run_queue(&mut self) -> Option<(u64, u64)> {
        self.run_queue.total()
    }

    fn delta(&mut self) -> Delta {
        self.meter.read()
    }

    fn taken(&self) -> Taken {
        self.interference.taken()
    }

    fn own_cpu(&self) -> f64 {
        self.meter.own_cpu()
    }

    fn server(&self) -> Option<Usage> {
        self.meter.server_total()
    }

    fn lost_server(&self) -> Option<u32> {
        self.meter.lost_server()
    }
}

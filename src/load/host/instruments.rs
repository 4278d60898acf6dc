//! What a run reads of the machine while it measures: CPU and memory, its own and the server's, and what kept the
//! load generator from running.

use super::interference::{Interference, Taken};
use super::meter::{Delta, Meter};
use super::run_queue::RunQueue;
use super::usage::Usage;

/// See the [module documentation](self). Every method has a default that knows nothing.
pub trait Instruments {
    /// The window begins: what happened before does not count.
    fn begin(&mut self) {}

    /// Time for which this thread was ready to run and waited for a CPU, in ns, and how often it was given one, since
    /// the thread began. Called at every beat.
    fn run_queue(&mut self) -> Option<(u64, u64)> {
        None
    }

    /// What was used since this was called last. Called at the end of every interval.
    fn delta(&mut self) -> Delta {
        Delta::default()
    }

    /// What kept this thread from running, since the window began.
    fn taken(&self) -> Taken {
        Taken::default()
    }

    /// CPUs that this process kept busy, from the beginning of the window to the last interval.
    fn own_cpu(&self) -> f64 {
        0.0
    }

    /// CPU time that the server used in that time, and the most memory that it had, if it is watched.
    fn server(&self) -> Option<Usage> {
        None
    }

    /// The server's process, if it was watched and has ended.
    fn lost_server(&self) -> Option<u32> {
        None
    }
}

/// Those of this machine.
#[derive(Debug)]
pub struct HostInstruments {
    meter: Meter,
    interference: Interference,
    run_queue: RunQueue,
}

impl HostInstruments {
    /// For the calling thread; `server` is the process of the server, if it is watched.
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

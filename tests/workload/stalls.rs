//! What keeps the load generator from running, and its instruments, which count that.

use crate::plan::{Disturbance, MICROSECOND};
use crate::world::{SharedWorld, World};
use halloo::load::host::{Instruments, Taken};
use std::collections::VecDeque;

/// What a wake-up takes on a quiet machine.
const WAKE_UP: u64 = 2 * MICROSECOND;

/// The stalls to come, and the counters of the system.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    pub(crate) kind: Option<Disturbance>,
    /// When each begins, and how long it is.
    pub(crate) coming: VecDeque<(u64, u64)>,
    pub(crate) longest: u64,
    pub(crate) run_delay: u64,
    pub(crate) switches: u64,
    pub(crate) steal: u64,
    pub(crate) throttled: u64,
}

impl Stalls {
    /// The end of a turn of the load generator's own at `now`: later, if a stall falls into it.
    pub(crate) fn after_call(&mut self, now: u64) -> u64 {
        match self.kind {
            Some(Disturbance::Stopped) | None => now,
            Some(_) => self.stall(now),
        }
    }

    /// When a wait ends in truth that should end at `due`, and began at `start`.
    pub(crate) fn after_wait(&mut self, start: u64, due: u64) -> u64 {
        self.switches += 1;
        self.run_delay += WAKE_UP;
        let due = due + WAKE_UP;
        match self.kind {
            Some(Disturbance::LongTurns) | None => due,
            Some(Disturbance::Stopped) => match self.coming.front() {
                Some(&(at, length)) if at <= due => {
                    self.coming.pop_front();
                    let end = due.max(at.max(start) + length);
                    self.longest = self.longest.max(end - due);
                    end
                }
                _ => due,
            },
            Some(_) => self.stall(due),
        }
    }

    fn stall(&mut self, now: u64) -> u64 {
        let Some((_, length)) = self.coming.front().copied().filter(|&(at, _)| at <= now) else {
            return now;
        };
        self.coming.pop_front();
        self.longest = self.longest.max(length);
        match self.kind {
            Some(Disturbance::RunQueue) => {
                self.run_delay += length;
                self.switches += 1;
            }
            Some(Disturbance::Steal) => self.steal += length,
            Some(Disturbance::Throttled) => self.throttled += length,
            Some(Disturbance::Stopped | Disturbance::LongTurns) | None => {}
        }
        now + length
    }
}

/// The instruments of the simulated machine.
pub(crate) struct SimulatedInstruments {
    world: SharedWorld,
    began: (u64, u64, u64, u64),
}

impl SimulatedInstruments {
    pub(crate) fn new(world: SharedWorld) -> Self {
        Self { world, began: (0, 0, 0, 0) }
    }
}

impl World {
    fn counters(&self) -> (u64, u64, u64, u64) {
        let stalls = &self.stalls;
        (stalls.run_delay, stalls.switches, stalls.steal, stalls.throttled)
    }
}

impl Instruments for SimulatedInstruments {
    fn begin(&mut self) {
        let mut world = self.world.borrow_mut();
        self.began = world.counters();
        world.books.window_start = world.last_now;
    }

    fn run_queue(&mut self) -> Option<(u64, u64)> {
        let world = self.world.borrow();
        Some((world.stalls.run_delay, world.stalls.switches))
    }

    fn taken(&self) -> Taken {
        let world = self.world.borrow();
        let now = world.counters();
        let seconds = |now: u64, before: u64| Some((now - before) as f64 / 1e9);
        Taken {
            run_delay_s: seconds(now.0, self.began.0),
            timeslices: Some(now.1 - self.began.1),
            steal_s: seconds(now.2, self.began.2),
            throttled_s: seconds(now.3, self.began.3),
        }
    }

    fn own_cpu(&self) -> f64 {
        0.1
    }
}

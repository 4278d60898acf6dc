//! Runs one seed from beginning to end: clients connect, exchange messages and close, or the server
//! is asked to stop.

use crate::client::Client;
use crate::invariants::Books;
use crate::link::Place;
use crate::network::{SimulatedListener, SimulatedNetwork};
use crate::plan::{MILLISECOND, SECOND};
use crate::random::Random;
use crate::sabotage::Sabotage;
use crate::service::{Observed, send_next};
use crate::world::{SharedWorld, World};
use halloo::net::{ConnectionId, Reactor};
use halloo::proto::{Batch, End};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// The limit on turns of one seed, far above what any seed needs.
const TURNS_MAX: usize = 1_000_000;

/// How long the world runs on after the last event: longer than the longest chain of timeouts.
const WATCHED: u64 = 70 * SECOND;

/// The outcome of a seed.
pub(crate) struct Outcome {
    pub(crate) hash: u64,
    pub(crate) output: u64,
    /// Compressed messages that clients received.
    pub(crate) inflated: u64,
    /// How connections ended.
    pub(crate) ends: Vec<End>,
    /// The violated invariant, and the tail of the trace.
    pub(crate) failure: Option<String>,
}

/// Runs a seed.
pub(crate) fn run(seed: u64, sabotage: Option<Sabotage>) -> Outcome {
    let world = Rc::new(RefCell::new(World::new(seed, sabotage)));
    let result = catch_unwind(AssertUnwindSafe(|| Simulation::new(&world, seed).run()));
    let mut world = world.borrow_mut();
    if result.is_err() {
        world.violate("panicked");
    }
    let trace = &world.trace;
    let failure = world.violation.as_ref().map(|what| {
        format!(
            "{trace}seed {seed}: {what}\nreplay it: HALLOO_SEED={seed} cargo test --test simulation"
        )
    });
    let mut ends: Vec<End> = world.links.iter().filter_map(|link| link.facts.end).collect();
    if world.counters.rejected > world.counters.dropped_early {
        ends.push(End::TooManyFromAddress);
    }
    if world.counters.dropped_early > 0 {
        ends.push(End::DroppedEarly);
    }
    let inflated = world.clients.iter().map(Client::inflated).sum();
    Outcome { hash: trace.hash(), output: world.counters.output, inflated, ends, failure }
}

struct Simulation {
    world: SharedWorld,
    reactor: Reactor<SimulatedNetwork, Observed>,
    turns: usize,
    /// Outgoing connections, by link.
    calls: HashMap<usize, ConnectionId>,
}

impl Simulation {
    fn new(world: &SharedWorld, seed: u64) -> Self {
        let network = SimulatedNetwork(Rc::clone(world));
        let limits = world.borrow().plan.limits;
        let mut random = Random::new(!seed);
        let batch =
            Batch::new(world.borrow().plan.capacity, Box::new(move |bytes| random.fill(bytes)));
        let mut reactor = Reactor::new(network, Observed::new(world), limits, batch);
        let configs = world.borrow().plan.doors.clone();
        for (door, config) in configs.into_iter().enumerate() {
            let listener = SimulatedListener { world: Rc::clone(world), door };
            reactor.listen(listener, config).expect("registering a listener does not fail here");
        }
        Self { world: Rc::clone(world), reactor, turns: 0, calls: HashMap::new() }
    }

    fn run(mut self) {
        while self.may_continue() && !self.world.borrow().is_quiet {
            self.turn(None);
        }
        if self.may_continue() {
            self.world.borrow_mut().check_quiet(self.reactor.held_bytes());
            self.world.borrow_mut().halts_when_quiet = false;
            self.watch();
        }
        if self.may_continue() {
            self.world.borrow_mut().close_clients();
            self.empty();
        }
        if self.world.borrow().stop_requested && self.is_sound() {
            self.stop();
        }
        if self.is_sound() {
            self.settle();
        }
    }

    fn is_sound(&self) -> bool {
        self.world.borrow().violation.is_none()
    }

    fn may_continue(&self) -> bool {
        self.is_sound() && !self.world.borrow().stop_requested
    }

    /// The time that the process has run.
    fn now(&self) -> u64 {
        let world = self.world.borrow();
        world.now - world.stalled
    }

    fn turn(&mut self, timeout: Option<u64>) {
        self.turns += 1;
        if self.turns > TURNS_MAX {
            self.world.borrow_mut().violate("it does not end");
        }
        self.run_errands();
        let timeout = timeout.map(Duration::from_nanos);
        let result = self.reactor.turn(timeout, &mut |_| {});
        result.expect("polling does not fail here");
        let books = self.books();
        self.world.borrow_mut().check_books(&books);
    }

    /// Connects, and sends outside the service's callbacks, as a program does between turns.
    fn run_errands(&mut self) {
        let mut world = self.world.borrow_mut();
        let to_call = std::mem::take(&mut world.to_call);
        let to_tell = std::mem::take(&mut world.to_tell);
        let is_stopping = world.stop_requested;
        drop(world);
        if is_stopping {
            return;
        }
        for at in to_call {
            let (endpoint, config) = self.world.borrow().call(at);
            let result = self.reactor.connect(&endpoint, config);
            self.world.borrow_mut().check_call(at, result.is_ok());
            self.calls.extend(result.map(|id| (at, id)));
        }
        for at in to_tell {
            if let Some(&id) = self.calls.get(&at) {
                let world = &self.world;
                self.reactor.with_outbox(id, |_, outbox| send_next(world, at, outbox));
            }
        }
    }

    fn books(&self) -> Books {
        let metrics = self.reactor.metrics();
        Books {
            connections: self.reactor.connections(),
            held_bytes: self.reactor.held_bytes(),
            opened: metrics.opened,
            ended: metrics.ended_total(),
            shed: metrics.shed,
            accepts_aborted: metrics.accepts_aborted,
            stale_events: metrics.stale_events,
            bytes_received: metrics.bytes_received,
            bytes_sent: metrics.bytes_sent,
        }
    }

    /// Lets time pass until every timeout has expired.
    fn watch(&mut self) {
        let until = self.now() + WATCHED;
        while self.may_continue() && self.now() < until {
            self.turn(Some(until - self.now()));
        }
    }

    /// Closes every connection.
    fn empty(&mut self) {
        let until = self.now() + WATCHED;
        while self.may_continue() && !self.is_empty() {
            if self.now() > until {
                let left = self.reactor.connections();
                self.world.borrow_mut().violate(format!("{left} connections have not ended"));
            }
            self.turn(Some(SECOND));
        }
    }

    fn is_empty(&self) -> bool {
        let world = self.world.borrow();
        let is_gone = |place| matches!(place, Place::Gone | Place::Nowhere);
        world.agenda.next_time().is_none() && world.links.iter().all(|link| is_gone(link.place))
    }

    /// Asks the server to stop, and waits until it has.
    fn stop(&mut self) {
        let mut world = self.world.borrow_mut();
        // Bytes that arrive between the last poll and the stop were never reported.
        let latency = world.plan.latency;
        world.now += world.random.time(0, latency);
        world.catch_up();
        world.begin_stop();
        let until = world.now - world.stalled + world.plan.limits.drain_timeout.as_nanos() as u64;
        drop(world);
        self.reactor.drain();
        while self.is_sound() && !self.reactor.is_drained() {
            let before = self.now();
            self.turn(None);
            if before > until + 100 * MILLISECOND && !self.reactor.is_drained() {
                self.world
                    .borrow_mut()
                    .violate("the drain timeout has passed with connections left");
            }
        }
        // The remaining clients read what was sent to them.
        let mut world = self.world.borrow_mut();
        while let Some(when) = world.agenda.next_time() {
            world.now = world.now.max(when);
            world.catch_up();
        }
    }

    /// Compares the counters once all connections have ended.
    fn settle(&mut self) {
        let metrics = self.reactor.metrics();
        let mut world = self.world.borrow_mut();
        let mut ended: HashMap<End, u64> = HashMap::new();
        for end in world.links.iter().filter_map(|link| link.facts.end) {
            *ended.entry(end).or_default() += 1;
        }
        let mut counted = metrics.ended.clone();
        // A rejected client cannot tell which of the two limits was the reason.
        let rejected = [End::TooManyFromAddress, End::DroppedEarly]
            .map(|end| counted.remove(&end).unwrap_or(0));
        if ended != counted || rejected.iter().sum::<u64>() != world.counters.rejected {
            world.violate(format!("ended {ended:?}, but counted {:?}", metrics.ended));
        }
        if self.reactor.connections() != 0 || self.reactor.held_bytes() != 0 {
            world.violate("connections or bytes are left");
        }
        world.check_endings();
    }
}

impl World {
    /// The server is asked to stop: complete messages that have arrived must still get their
    /// response.
    fn begin_stop(&mut self) {
        self.trace.record(self.now, "stop", 0, 0);
        self.stopped_at = Some(self.now);
        self.halts_when_quiet = false;
        for link in self.links.iter_mut().filter(|link| link.place == Place::Server) {
            let visible = link.facts.bytes_read + link.inbound.len();
            link.facts.visible_at_stop = (!link.hidden).then_some(visible);
        }
    }

    /// Every remaining client closes in one way or another.
    fn close_clients(&mut self) {
        for at in 0..self.links.len() {
            self.clients[at].is_stubborn = false;
            if self.links[at].place != Place::Server || self.links[at].dead {
                continue;
            }
            let is_unreachable = self.clients[at].never_reads || self.links[at].is_connecting;
            if is_unreachable || self.random.one_in(4) {
                self.clients[at].is_strict = false;
                self.arrive_reset(at);
            } else {
                self.end_output(at);
            }
        }
    }
}

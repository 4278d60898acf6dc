//! The simulated world: clock, connections, clients, listeners, descriptors, and what happens
//! without the reactor.

use crate::action::Action;
use crate::agenda::Agenda;
use crate::client::{Client, Step};
use crate::close_watch::Watch;
use crate::link::{Link, Place};
use crate::plan::{MILLISECOND, Plan, Serving};
use crate::random::Random;
use crate::sabotage::{Bug, Sabotage};
use crate::trace::Trace;
use halloo::net::Token;
use halloo::proto::{Framing, Role};
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Display;
use std::rc::Rc;

pub(crate) type SharedWorld = Rc<RefCell<World>>;

/// An accept queue.
#[derive(Debug, Default)]
pub(crate) struct Door {
    pub(crate) queue: VecDeque<usize>,
    pub(crate) token: Option<Token>,
    pub(crate) armed: bool,
    pub(crate) is_closed: bool,
}

/// The world's counters, to compare with the reactor's.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: u64,
    pub(crate) rejected: u64,
    /// Rejected clients that were below the limit per address.
    pub(crate) dropped_early: u64,
    pub(crate) shed: u64,
    pub(crate) accepts_aborted: u64,
    pub(crate) stale_events: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    pub(crate) output: u64,
}

pub(crate) struct World {
    /// Nanoseconds since the beginning.
    pub(crate) now: u64,
    /// The part of it in which the process was stalled.
    pub(crate) stalled: u64,
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) agenda: Agenda<Action>,
    /// Clients and their connections, at the same index.
    pub(crate) links: Vec<Link>,
    pub(crate) clients: Vec<Client>,
    pub(crate) doors: Vec<Door>,
    /// Registered connections by their number, counted from 1.
    pub(crate) registered: Vec<usize>,
    /// Tokens of closed connections, for stale events.
    pub(crate) closed_tokens: Vec<Token>,
    pub(crate) descriptors_used: usize,
    pub(crate) counters: Counters,
    /// Servers that our side must connect to, and must send to, before the next turn.
    pub(crate) to_call: Vec<usize>,
    pub(crate) to_tell: Vec<usize>,
    pub(crate) stop_requested: bool,
    pub(crate) stopped_at: Option<u64>,
    /// No action is left and the reactor sleeps.
    pub(crate) is_quiet: bool,
    /// Whether a quiet world ends the wait instead of letting timers expire.
    pub(crate) halts_when_quiet: bool,
    /// Consecutive polls with a timeout of 0 that returned no event and moved no byte.
    pub(crate) idle_spins: u32,
    /// Connections accepted in this turn.
    pub(crate) accepts: usize,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) violation: Option<String>,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let doors = plan.doors.iter().map(|_| Door::default()).collect();
        let mut world = Self {
            now: random.time(0, 1 << 40),
            stalled: 0,
            plan,
            random,
            trace: Trace::new(),
            agenda: Agenda::new(),
            links: Vec::new(),
            clients: Vec::new(),
            doors,
            registered: Vec::new(),
            closed_tokens: Vec::new(),
            descriptors_used: 0,
            counters: Counters::default(),
            to_call: Vec::new(),
            to_tell: Vec::new(),
            stop_requested: false,
            stopped_at: None,
            is_quiet: false,
            halts_when_quiet: true,
            idle_spins: 0,
            accepts: 0,
            sabotage,
            violation: None,
        };
        world.populate();
        world
    }

    /// Fills the world with clients that will connect, and servers that our side will connect to.
    fn populate(&mut self) {
        for at in 0..self.plan.clients + self.plan.hosts {
            let is_host = at >= self.plan.clients;
            let (client, role) = if is_host {
                (Client::new_host(&mut self.random, &self.plan), Role::Client)
            } else {
                (Client::new(&mut self.random, &self.plan), Role::Server)
            };
            let peer = client.address(at, self.random.between(0, self.plan.addresses - 1));
            let window = self.random.pick(&[256, 4096, 65_536]);
            let room = self.random.pick(&[300, 4096, 65_536]);
            let watch = (client.framing == Framing::WebSocket).then(|| Watch::new(role));
            self.links.push(Link::new(peer, window, room, watch));
            self.clients.push(client);
            let delay = self.random.time(0, self.plan.arrivals);
            let action = if is_host { Action::Call(at) } else { Action::Connect(at) };
            self.agenda.add(self.now + delay, action);
        }
        if let Some(delay) = self.plan.stop_at {
            self.agenda.add(self.now + delay, Action::Stop);
        }
    }

    /// Records a violation. Only the first one counts.
    pub(crate) fn violate(&mut self, what: impl Display) {
        self.trace.record(self.now, "VIOLATION", 0, 0);
        self.violation.get_or_insert_with(|| what.to_string());
    }

    /// Whether sabotage takes this chance for a bug.
    pub(crate) fn strikes(&mut self, bug: Bug) -> bool {
        self.sabotage.as_mut().is_some_and(|sabotage| sabotage.strikes(bug))
    }

    /// Performs the actions that are due.
    pub(crate) fn catch_up(&mut self) {
        while let Some((_, action)) = self.agenda.take_due(self.now) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect(at) => self.connect(at),
            Action::Step(at) => self.step(at),
            Action::Deliver(at) => self.deliver(at),
            Action::Read(at) => self.client_reads(at),
            Action::Reveal(at) => {
                self.links[at].hidden = false;
                self.links[at].armed = true;
            }
            Action::Room(at) => {
                let link = &mut self.links[at];
                link.choked = false;
                link.armed |= link.takes_room_edge();
            }
            Action::Reset(at) => self.arrive_reset(at),
            Action::Refuse(at) => {
                self.trace.record(self.now, "client reset", at, 0);
                self.clients[at].saw_reset = true;
            }
            Action::Call(at) => {
                self.to_call.push(at);
                self.plan_tells(at);
            }
            Action::Answer(at) => self.answer_call(at),
            Action::Tell(at) => self.to_tell.push(at),
            Action::Stop => self.stop_requested = true,
        }
    }

    fn connect(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let door = &mut self.doors[client.door];
        if door.is_closed {
            client.saw_reset = true;
            return;
        }
        self.trace.record(self.now, "connect", at, client.door as i64);
        self.links[at].place = Place::Queue;
        door.queue.push_back(at);
        door.armed = true;
        self.greet(at);
    }

    /// The peer sends its first bytes.
    pub(crate) fn greet(&mut self, at: usize) {
        self.clients[at].begin(&mut self.random);
        self.send_from(at);
        let is_client = self.clients[at].host().is_none();
        if is_client && self.clients[at].never_opens && self.random.one_in(3) {
            self.end_output(at);
        }
        if self.clients[at].is_eager() {
            self.agenda.add(self.now, Action::Step(at));
        }
    }

    /// Puts the client's output in flight.
    fn send_from(&mut self, at: usize) {
        let (client, link) = (&mut self.clients[at], &mut self.links[at]);
        if client.outbox.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut client.outbox);
        if link.fin_sent || link.dead || link.place == Place::Gone {
            return;
        }
        link.unsent.push(&bytes);
        self.schedule_delivery(at);
    }

    pub(crate) fn schedule_delivery(&mut self, at: usize) {
        let link = &mut self.links[at];
        let has_news = !link.unsent.is_empty() || (link.fin_sent && !link.fin_arrived);
        let has_window = link.inbound.len() < link.window || link.unsent.is_empty();
        if link.delivering || link.dead || !has_news || !has_window {
            return;
        }
        link.delivering = true;
        let delay = self.random.time(0, self.plan.latency);
        self.agenda.add(self.now + delay, Action::Deliver(at));
    }

    fn deliver(&mut self, at: usize) {
        let link = &mut self.links[at];
        link.delivering = false;
        if link.dead || link.place == Place::Nowhere {
            return;
        }
        if link.place == Place::Gone {
            // The receiver is gone. An end of output has no effect; bytes are answered with a
            // reset.
            if !link.unsent.is_empty() {
                self.refuse(at);
            }
            return;
        }
        let most = link.unsent.len().min(link.window - link.inbound.len());
        let count = most.min(self.clients[at].packet_bytes(&mut self.random));
        let packet = link.unsent.front(count);
        link.inbound.push(packet);
        link.unsent.drop_front(count);
        let ends_now = link.unsent.is_empty()
            && link.fin_sent
            && !link.fin_arrived
            && (count == 0 || self.random.one_in(2));
        link.fin_arrived |= ends_now;
        link.hidden = false;
        link.armed = true;
        self.trace.record(self.now, "arrive", at, count as i64);
        if ends_now {
            self.trace.record(self.now, "arrive fin", at, 0);
        }
        self.schedule_delivery(at);
    }

    fn step(&mut self, at: usize) {
        let link = &self.links[at];
        if link.dead || self.clients[at].saw_reset {
            return;
        }
        let Some(step) = self.clients[at].next_step() else { return };
        self.trace.record(self.now, step.name(), at, 0);
        match step {
            Step::Reset => {
                let delay = self.random.time(0, self.plan.latency);
                self.clients[at].is_strict = false;
                self.agenda.add(self.now + delay, Action::Reset(at));
                return;
            }
            Step::HalfClose => self.end_output(at),
            Step::Urgent => self.links[at].mark_urgent(),
            Step::Vanish => self.vanish(at),
            other => {
                if matches!(other, Step::Bombs { .. }) {
                    // The echo has megabytes: reading it in small pieces would take most of the
                    // time of all seeds.
                    self.clients[at].read_bytes = self.clients[at].read_bytes.max(65_536);
                    self.links[at].room = self.links[at].room.max(65_536);
                }
                self.clients[at].send(&other, &mut self.random);
                self.send_from(at);
            }
        }
        self.schedule_step(at);
    }

    /// The client closes both directions. Data that it has not read or still receives is answered
    /// with a reset.
    fn vanish(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.is_strict = false;
        client.is_gone = true;
        client.reads = false;
        self.end_output(at);
        if !self.links[at].outbound.is_empty() {
            let delay = self.random.time(0, self.plan.latency);
            self.agenda.add(self.now + delay, Action::Reset(at));
        }
    }

    pub(crate) fn schedule_step(&mut self, at: usize) {
        if self.clients[at].may_step() {
            let delay = self.random.time(0, self.clients[at].pause);
            self.agenda.add(self.now + delay, Action::Step(at));
        }
    }

    /// The client ends its output.
    pub(crate) fn end_output(&mut self, at: usize) {
        self.send_from(at);
        self.links[at].fin_sent = true;
        self.clients[at].note_fin();
        self.schedule_delivery(at);
    }

    pub(crate) fn schedule_read(&mut self, at: usize) {
        let link = &mut self.links[at];
        let has_news = !link.outbound.is_empty() || link.server_fin;
        if !link.reading && has_news && self.clients[at].reads && !link.dead {
            link.reading = true;
            let delay = self.random.time(0, self.clients[at].read_pause);
            self.agenda.add(self.now + delay, Action::Read(at));
        }
    }

    fn client_reads(&mut self, at: usize) {
        let (client, link) = (&mut self.clients[at], &mut self.links[at]);
        link.reading = false;
        if link.dead || !client.reads || client.saw_eof {
            return;
        }
        let count = link.outbound.len().min(client.read_bytes);
        if count == 0 && link.server_fin {
            self.trace.record(self.now, "client eof", at, 0);
            client.saw_eof = true;
            if !client.is_stubborn {
                self.end_output(at);
            }
            return;
        }
        let result = client.receive(link.outbound.front(count), &mut self.random);
        link.outbound.drop_front(count);
        link.armed |= link.takes_room_edge();
        self.trace.record(self.now, "client read", at, count as i64);
        match result {
            Err(what) => self.violate(format!("client {at}: {what}")),
            Ok(output) => self.counters.output += output,
        }
        self.send_from(at);
        if self.plan.serving == Serving::Flood && self.clients[at].has_enough_with(count) {
            self.leave_flood(at);
        }
        if self.clients[at].ends_now() {
            self.end_output(at);
        }
        if self.clients[at].takes_wakeup() {
            self.schedule_step(at);
        }
        self.schedule_read(at);
    }

    /// A client has read enough of a flood: it stops reading, sends a Close, ends its output, or
    /// vanishes.
    fn leave_flood(&mut self, at: usize) {
        let client = &mut self.clients[at];
        // Its pending output may be in flight for seconds: the flood must not fill that time with
        // turns.
        client.read_pause = client.read_pause.max(20 * MILLISECOND);
        if client.fin_said {
            return;
        }
        client.forget_steps();
        match self.random.between(0, 3) {
            0 => {
                client.is_strict = false;
                client.never_reads = true;
                client.reads = false;
            }
            1 => {
                client.send(&Step::Close(Some(1000)), &mut self.random);
                self.send_from(at);
                if self.clients[at].framing != Framing::WebSocket {
                    self.end_output(at);
                }
            }
            2 => self.end_output(at),
            _ => self.vanish(at),
        }
    }

    /// The server's side learns that the client reset the connection.
    pub(crate) fn arrive_reset(&mut self, at: usize) {
        let link = &mut self.links[at];
        if link.dead || link.place == Place::Gone || link.place == Place::Nowhere {
            return;
        }
        self.trace.record(self.now, "arrive rst", at, 0);
        link.reset(Errno::CONNRESET);
        link.armed = true;
        if self.random.one_in(2) {
            link.inbound.clear();
        }
        self.clients[at].saw_reset = true;
    }

    /// The client will learn that the connection was rejected.
    pub(crate) fn refuse(&mut self, at: usize) {
        self.links[at].unsent.clear();
        self.links[at].outbound.clear();
        let delay = self.random.time(0, self.plan.latency);
        self.agenda.add(self.now + delay, Action::Refuse(at));
    }
}

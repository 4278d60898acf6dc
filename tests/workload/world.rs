//! The simulated world: one clock, the network, and a server at the other end of every link.

use crate::action::Action;
use crate::agenda::Agenda;
use crate::books::Books;
use crate::link::{Link, Segment, State};
use crate::plan::{Fault, SECOND, Scenario};
use crate::random::Random;
use crate::sabotage::Bug;
use crate::server::Response;
use crate::stalls::Stalls;
use crate::trace::Trace;
use halloo::net::Readiness;
use halloo::proto::Batch;
use rustix::io::Errno;
use std::cell::RefCell;
use std::rc::Rc;

pub(crate) type SharedWorld = Rc<RefCell<World>>;

/// The buffer of the server.
const SERVER_BUFFER_BYTES: usize = 32 * 1024;

/// A run that takes this long does not end.
const TIME_MAX: u64 = 60 * SECOND;

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    /// The load generator's time. What happens elsewhere has the time of its [`Action`].
    pub(crate) now: u64,
    pub(crate) agenda: Agenda<Action>,
    pub(crate) random: Random,
    pub(crate) links: Vec<Link>,
    pub(crate) responses: Vec<Option<Response>>,
    pub(crate) batch: Batch,
    pub(crate) books: Books,
    pub(crate) stalls: Stalls,
    pub(crate) trace: Trace,
    seed: u64,
    sabotage: Option<Bug>,
    /// The time that the clock showed last.
    pub(crate) last_now: u64,
    /// The next look at the clock is that of the start of the load.
    pub(crate) awaits_start: bool,
    pub(crate) has_read: bool,
    /// When the last wait ended.
    pub(crate) woke: u64,
    /// The intervals in which the server processes nothing, and in which it reads nothing.
    pauses: Vec<(u64, u64)>,
    discarding: Vec<(u64, u64)>,
}

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Bug>) -> Self {
        let mut random = Random::new(seed);
        let mut bytes = Random::new(seed ^ 1);
        let scenario = Scenario::new(seed);
        // Nothing is masked with 0, and the clock of a load generator never shows 0.
        let now = SECOND + random.time(0, SECOND);
        Self {
            now,
            agenda: Agenda::new(),
            random,
            links: Vec::new(),
            responses: Vec::new(),
            batch: Batch::new(SERVER_BUFFER_BYTES, Box::new(move |room| bytes.fill(room))),
            books: Books::default(),
            stalls: Stalls::default(),
            trace: Trace::new(),
            seed,
            sabotage,
            last_now: now,
            awaits_start: false,
            has_read: false,
            woke: now,
            pauses: Vec::new(),
            discarding: Vec::new(),
            scenario,
        }
    }

    pub(crate) fn is_sabotaged(&self, bug: Bug) -> bool {
        self.sabotage == Some(bug)
    }

    /// The load generator does something for so long.
    pub(crate) fn spend(&mut self, nanoseconds: u64) {
        self.now = self.stalls.after_call(self.now + nanoseconds);
        assert!(self.now < TIME_MAX, "the run does not end: HALLOO_SEED={}", self.seed);
        self.run_until(self.now);
    }

    /// The load begins, and with it what the plan has for it.
    pub(crate) fn begin_load(&mut self, start: u64) {
        self.books.load_start = start;
        self.stalls.kind = self.scenario.disturbance();
        self.stalls.coming =
            self.scenario.stalls.iter().map(|&(at, length)| (start + at, length)).collect();
        let end = start + self.scenario.warm_up + self.scenario.duration;
        for fault in self.scenario.faults.clone() {
            match fault {
                Fault::Pause { at, length } => self.pauses.push((start + at, start + at + length)),
                Fault::StopReading { at, length } => {
                    self.discarding.push((start + at, start + at + length));
                }
                Fault::End { connections, .. } => {
                    let mut links: Vec<usize> = (0..self.links.len()).collect();
                    self.random.shuffle(&mut links);
                    for &link in &links[..connections.min(links.len())] {
                        let at = self.random.time(start, end);
                        self.agenda.add(at, Action::End(link));
                    }
                }
                Fault::Push { .. } => {
                    for link in 0..self.links.len() {
                        self.schedule_push(start, link);
                    }
                }
                _ => {}
            }
        }
    }

    /// Lets everything happen that is due by then.
    pub(crate) fn run_until(&mut self, until: u64) {
        while let Some((when, action)) = self.agenda.take_due(until) {
            self.act(when, action);
        }
    }

    /// When the server, or its reading, goes on; `None` if it is running.
    fn resumes_at(&self, when: u64, action: Action) -> Option<u64> {
        let is_inside = |&&(start, end): &&(u64, u64)| start <= when && when < end;
        let pause = self.pauses.iter().find(is_inside);
        let discarding = self.discarding.iter().find(is_inside);
        match action {
            Action::Deliver(_) => pause.into_iter().chain(discarding).map(|&(_, end)| end).max(),
            Action::Respond(_) | Action::Push(_) => pause.map(|&(_, end)| end),
            _ => None,
        }
    }

    fn act(&mut self, when: u64, action: Action) {
        if let Some(later) = self.resumes_at(when, action) {
            return self.agenda.add(later, action);
        }
        match action {
            Action::Connect(link) => self.answer_connect(when, link),
            Action::Deliver(link) => self.deliver(when, link),
            Action::Arrive(link) => self.arrive(when, link),
            Action::Room(link) => self.links[link].writable = true,
            Action::Respond(response) => self.respond(when, response),
            Action::Push(link) => self.push(when, link),
            Action::End(link) => self.end(when, link),
        }
    }

    /// Waits for an event, for at most this long.
    pub(crate) fn wait(&mut self, timeout: Option<u64>) {
        let start = self.now;
        let deadline = timeout.map_or(u64::MAX, |timeout| start + timeout);
        let mut due = start;
        while !self.has_event() && due < deadline {
            match self.agenda.next_time().filter(|&next| next <= deadline) {
                Some(next) => {
                    due = due.max(next);
                    self.run_until(next);
                }
                None => {
                    assert!(deadline < u64::MAX, "nothing happens any more");
                    due = deadline;
                }
            }
        }
        if due > start {
            self.now = self.stalls.after_wait(start, due);
            self.run_until(self.now);
            self.trace.record(self.now, "wake", 0, (self.now - due) as i64);
        }
        self.woke = self.now;
    }

    fn has_event(&self) -> bool {
        self.links.iter().any(Link::has_event)
    }

    pub(crate) fn take_events(&mut self) -> Vec<Readiness> {
        let ready = self.links.iter_mut().filter(|link| link.has_event());
        ready
            .filter_map(|link| {
                Some(Readiness {
                    token: link.token?,
                    readable: std::mem::take(&mut link.readable),
                    writable: std::mem::take(&mut link.writable),
                    read_closed: std::mem::take(&mut link.read_closed),
                    urgent: false,
                })
            })
            .collect()
    }

    /// The load generator connects.
    pub(crate) fn connect(&mut self) -> usize {
        let at = self.links.len();
        let mut link = Link::new(&self.scenario);
        let mut slow = 0;
        for fault in &self.scenario.faults {
            match *fault {
                Fault::Refuse { connections } if at > 0 => link.will_refuse = at <= connections,
                Fault::SlowConnect(most) => slow = self.random.time(0, most),
                _ => {}
            }
        }
        self.links.push(link);
        let when = self.now + 2 * self.scenario.network + slow;
        self.agenda.add(when, Action::Connect(at));
        self.trace.record(self.now, "connect", at, 0);
        at
    }

    fn answer_connect(&mut self, when: u64, at: usize) {
        let link = &mut self.links[at];
        if link.state != State::Connecting {
            return;
        }
        link.writable = true;
        if link.will_refuse {
            link.state = State::Refused;
            link.error = Some(Errno::CONNREFUSED);
            (link.readable, link.read_closed) = (true, true);
            self.books.refused += 1;
            return;
        }
        link.state = State::Open;
        self.feed(when, at, &[]);
    }

    /// Bytes of the load generator are under way.
    pub(crate) fn send_to_server(&mut self, at: usize, bytes: Vec<u8>) {
        let when = self.now + self.scenario.network;
        self.links[at].to_server.push_back((when, Segment::Data(bytes)));
        self.agenda.add(when, Action::Deliver(at));
    }

    /// The load generator ends its output.
    pub(crate) fn shut_down(&mut self, at: usize) {
        let when = self.now + self.scenario.network;
        let link = &mut self.links[at];
        if link.state != State::Open || link.ended_by_client <= self.now {
            return;
        }
        link.ended_by_client = self.now;
        link.to_server.push_back((when, Segment::Fin));
        self.agenda.add(when, Action::Deliver(at));
    }

    /// Something reaches the load generator's kernel.
    fn arrive(&mut self, when: u64, at: usize) {
        let link = &mut self.links[at];
        let Some((_, segment)) = link.to_client.pop_front() else { return };
        match segment {
            Segment::Data(bytes) => {
                link.arrived += bytes.len() as u64;
                link.available.extend(bytes);
                while let Some(&(end, sent)) = link.marks.get(link.marks_readable) {
                    if end > link.arrived {
                        break;
                    }
                    link.marks_readable += 1;
                    self.books.sent[sent].readable = when;
                }
            }
            Segment::Fin => {
                link.fin_arrived = true;
                link.read_closed = true;
            }
            Segment::Reset => {
                link.error = Some(Errno::CONNRESET);
                (link.read_closed, link.writable) = (true, true);
            }
        }
        link.readable = true;
        self.trace.record(when, "arrive", at, link.arrived as i64);
    }

    /// Whether the load generator is disturbed in this run.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.scenario.disturbance().is_some()
    }
}

//! Polling: advances time, performs actions, and reports events as edges, as epoll does.

use crate::link::Place;
use crate::plan::{MILLISECOND, SECOND};
use crate::world::World;
use halloo::net::{Readiness, Token};

/// Polls without progress after which the loop counts as spinning.
const SPINS_MAX: u32 = 2_000;

impl World {
    /// Waits for at most `timeout` nanoseconds, and returns the events to report.
    pub(crate) fn wait(&mut self, timeout: Option<u64>) -> Vec<Readiness> {
        self.begin_turn();
        self.catch_up();
        self.is_quiet = false;
        self.check_before_sleep(timeout);
        if !self.random.one_in(self.plan.rates.events) {
            self.sleep(timeout);
        }
        self.stall();
        let mut events = self.collect();
        self.add_spurious(&mut events);
        self.trace.record(self.now, "events", 0, events.len() as i64);
        events
    }

    fn sleep(&mut self, timeout: Option<u64>) {
        let until = timeout.map(|timeout| self.now + timeout);
        // Sometimes events are left to accumulate.
        let gathers = self.random.one_in(4);
        while gathers || !self.is_armed() {
            match self.agenda.next_time() {
                Some(_) if self.stop_requested && self.stopped_at.is_none() => return,
                _ if !self.to_call.is_empty() || !self.to_tell.is_empty() => return,
                Some(when) if until.is_none_or(|until| when <= until) => {
                    if self.is_armed() && when > self.now + MILLISECOND {
                        return;
                    }
                    self.now = self.now.max(when);
                    self.catch_up();
                }
                _ if self.is_armed() => return,
                None if timeout != Some(0) && self.halts_when_quiet && !self.has_waiting() => {
                    self.is_quiet = true;
                    return;
                }
                _ => {
                    self.is_quiet |= until.is_none();
                    self.now = until.map_or(self.now, |until| self.now.max(until));
                    return;
                }
            }
        }
    }

    fn is_armed(&self) -> bool {
        self.links.iter().any(|link| link.armed && link.place == Place::Server)
            || self.doors.iter().any(|door| door.armed && !door.is_closed)
    }

    fn has_waiting(&self) -> bool {
        self.doors.iter().any(|door| !door.queue.is_empty())
    }

    /// The process is not scheduled for a moment or, rarely, for hours.
    fn stall(&mut self) {
        self.now += self.random.time(0, 20_000);
        // A quiet world is checked as it is, before timers change it.
        if !self.is_quiet && self.random.one_in(self.plan.rates.stalls) {
            let stall = self.random.pick(&[50 * MILLISECOND, 3 * SECOND, 7200 * SECOND]);
            self.now += stall;
            self.stalled += stall;
            self.trace.record(self.now, "stall", 0, 0);
            self.catch_up();
        }
    }

    /// Takes the pending edges, or some of them.
    fn collect(&mut self) -> Vec<Readiness> {
        let mut events = Vec::new();
        let most = if self.random.one_in(self.plan.rates.events) { 1 } else { usize::MAX };
        for door in &mut self.doors {
            if std::mem::take(&mut door.armed) && !door.is_closed {
                events.extend(door.token.map(only_readable));
            }
        }
        let count = self.links.len();
        let first = self.random.between(0, count - 1);
        for at in (0..count).map(|index| (first + index) % count) {
            let link = &mut self.links[at];
            if events.len() >= most || link.place != Place::Server {
                continue;
            }
            if std::mem::take(&mut link.armed)
                && let Some(event) = link.readiness()
                && !self.loses_event(event)
            {
                events.push(event);
                self.links[at].facts.told_at.get_or_insert(self.now);
            }
        }
        self.random.shuffle(&mut events);
        events
    }

    /// Adds events that report false readiness, and events of closed connections.
    fn add_spurious(&mut self, events: &mut Vec<Readiness>) {
        let rate = self.plan.rates.events;
        if self.random.one_in(rate) && !self.registered.is_empty() {
            let at = self.registered[self.random.between(0, self.registered.len() - 1)];
            let link = &self.links[at];
            if let (Place::Server, Some(token)) = (link.place, link.token) {
                let [readable, writable] = [self.random.one_in(2), self.random.one_in(2)];
                if writable {
                    self.links[at].facts.told_at.get_or_insert(self.now);
                }
                let [read_closed, urgent] = [false; 2];
                events.push(Readiness { token, readable, writable, read_closed, urgent });
            }
        }
        if self.random.one_in(rate) && !self.closed_tokens.is_empty() {
            let token = self.random.pick(&self.closed_tokens);
            self.counters.stale_events += 1;
            let [readable, writable, read_closed, urgent] = [true; 4];
            events.push(Readiness { token, readable, writable, read_closed, urgent });
        }
        if self.random.one_in(rate) {
            let door = self.random.between(0, self.doors.len() - 1);
            events.extend(self.doors[door].token.map(only_readable));
        }
    }

    /// Checks the invariants of the moment before the reactor sleeps.
    fn check_before_sleep(&mut self, timeout: Option<u64>) {
        if timeout == Some(0) {
            self.idle_spins += 1;
            if self.idle_spins > SPINS_MAX {
                self.violate("the reactor spins: it polls without waiting and makes no progress");
            }
            return;
        }
        self.idle_spins = 0;
        for at in 0..self.links.len() {
            self.check_is_noticed(at);
        }
        self.check_timers(timeout);
        self.check_queues(timeout);
    }

    /// A connection that has input and may read it must be in line to be driven.
    fn check_is_noticed(&mut self, at: usize) {
        let link = &self.links[at];
        let will_be_seen = link.armed || link.write_blocked || link.facts.eof_at.is_some();
        if link.place == Place::Server && link.is_readable() && !will_be_seen {
            self.violate(format!(
                "link {at}: lost wake-up: {} bytes (end: {}) wait for a reactor that sleeps",
                link.inbound.len(),
                link.fin_arrived
            ));
        }
    }
}

fn only_readable(token: Token) -> Readiness {
    let [writable, read_closed, urgent] = [false; 3];
    Readiness { token, readable: true, writable, read_closed, urgent }
}

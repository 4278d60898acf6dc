//! The first part of a run: connections are made, one alone at first, then many at once.

use super::{Phase, Run, Stop, Watch};
use crate::load::machine::{self, Machine, Place, QueueCounters, Route, Wall};
use crate::load::sources::Sources;
use crate::net::Endpoint;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// Attempts in a row that find no port until no more are made: 64, or as many as there are sources.
const PORTLESS_ATTEMPTS_MAX: u64 = 64;

impl Run {
    /// Makes all connections, or as many as can be.
    ///
    /// # Errors
    /// If not one can be made, or it was asked to stop.
    pub fn connect(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        let start = self.now();
        let wanted = u64::from(self.plan.connections);
        while self.attempts < wanted || self.generator().desk.tally.opening > 0 {
            let wake = self.begin_those_due(start, wanted)?;
            self.turn(wake, Phase::Connecting, start, watch)?;
            if watch.wants_stop() {
                return Err(Stop::Asked);
            }
            if self.generator().desk.tally.failed > 0
                && self.generator().desk.tally.established == 0
            {
                self.try_next_endpoint()?;
            }
        }
        self.connecting = Duration::from_nanos(self.now() - start);
        self.look_for_full_queue();
        Ok(())
    }

    /// Begins as many as may be begun now; when the next may be.
    fn begin_those_due(&mut self, start: u64, wanted: u64) -> Result<u64, Stop> {
        while self.attempts < wanted && self.may_begin() {
            let due = self.connect_at(start, self.attempts);
            if due > self.now() {
                return Ok(due);
            }
            self.attempts += 1;
            let Err(error) = self.begin_connection() else { continue };
            if self.generator().desk.tally.established == 0 {
                let wall = self.wall.as_ref().map(Wall::when_met);
                return Err(Stop::NotBegun(wall.map_or(error, io::Error::other)));
            }
            if self.is_at_wall() {
                let rest = wanted - self.attempts;
                let reason = format!("not tried: {error}");
                self.generator_mut().give_up_connecting(rest, reason);
                self.attempts = wanted;
            }
        }
        Ok(u64::MAX)
    }

    /// Whether another attempt may begin: the first one alone finds out whether anybody is there.
    fn may_begin(&self) -> bool {
        let tally = &self.generator().desk.tally;
        let most = if tally.established == 0 { 1 } else { self.plan.connects_at_once as usize };
        tally.opening < most
    }

    /// When attempt `nth` may begin.
    fn connect_at(&self, start: u64, nth: u64) -> u64 {
        self.plan.connect_rate.map_or(start, |rate| start + (nth as f64 / rate * 1e9) as u64)
    }

    fn begin_connection(&mut self) -> io::Result<()> {
        let source = self.plan.source(self.attempts - 1);
        self.reactor.network_mut().connect_from(source);
        let now = self.now();
        self.generator_mut().begin(now);
        match self.reactor.connect(&self.endpoints[self.endpoint], Rc::clone(&self.config)) {
            Ok(id) => {
                self.ids.push(Some(id));
                self.failures_in_a_row = 0;
                Ok(())
            }
            Err(error) => {
                if self.generator_mut().could_not_begin(&error.to_string()) {
                    self.ids.push(None);
                }
                self.failures_in_a_row += 1;
                self.note_wall(&error, source);
                Err(error)
            }
        }
    }

    /// Finds out which limit of this machine is behind an error.
    fn note_wall(&mut self, error: &io::Error, source: Option<IpAddr>) {
        if self.wall.is_some() {
            return;
        }
        let target = &self.endpoints[self.endpoint];
        let plan = machine::Plan {
            connections: Some(self.plan.connections.into()),
            sources: self.plan.sources.as_ref().map_or(1, Sources::len),
            place: Place::from(target),
            tls: matches!(target, Endpoint::Tls(..)),
            ..machine::Plan::default()
        };
        self.wall = Machine::look().wall_of(error, &plan, Route { source, target });
    }

    /// Whether more attempts would only meet the same limit.
    fn is_at_wall(&self) -> bool {
        let sources = self.plan.sources.as_ref().map_or(1, Sources::len);
        match &self.wall {
            None => false,
            // Another address may have ports left.
            Some(wall) if wall.name == "ports" => {
                self.failures_in_a_row >= sources.min(PORTLESS_ATTEMPTS_MAX)
            }
            Some(_) => true,
        }
    }

    /// The first attempt has failed: tries the next place that the name stands for.
    fn try_next_endpoint(&mut self) -> Result<(), Stop> {
        if self.endpoint + 1 < self.endpoints.len() {
            self.endpoint += 1;
            self.attempts = 0;
            self.generator_mut().forget_failures();
            return Ok(());
        }
        let end = self.generator().desk.tally.last_end;
        let upgrade = std::mem::take(&mut self.generator_mut().upgrade);
        let end = end.expect("what has failed has ended");
        Err(Stop::Ended { end, was_open: false, upgrade })
    }

    /// If connections failed, the listener's queue may have been full.
    fn look_for_full_queue(&mut self) {
        if self.wall.is_none() && self.generator().desk.tally.failed > 0 {
            let counted = QueueCounters::look().since(&self.queue_before);
            self.wall = Machine::look().wall_of_queue(&counted);
        }
    }
}

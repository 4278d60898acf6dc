//! The first part of a run: connections are made, at first one alone, then many at once.

use super::{Phase, Run, Stop, Watch, nanoseconds};
use crate::load::host::QueueWatch;
use crate::load::host::{self, Host, Limit, Place, QueueCounters, Route};
use crate::load::sources::Sources;
use crate::load::sources::is_non_local;
use crate::load::units::thousands;
use crate::net::{Endpoint, Network};
use crate::proto::{End, Error};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// The number of attempts in a row without a free port after which no more are made: 64, or the
/// number of source addresses if that is lower.
const PORTLESS_ATTEMPTS_MAX: u64 = 64;

/// When TCP first retries a connection attempt: after a second (RFC 6298 §2.1).
const RETRY: Duration = Duration::from_secs(1);

/// The time between two samples of the listener's accept queue while connecting, for all processes
/// together: 50 ms. A sample costs some 140 µs.
const QUEUE_SAMPLE_PERIOD: Duration = Duration::from_millis(50);

impl<N: Network> Run<N> {
    /// Makes all connections, or as many as possible.
    ///
    /// # Errors
    /// If not a single connection can be made, or a stop was requested.
    pub fn connect(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        let start = self.now();
        let wanted = u64::from(self.plan.connections);
        self.queue_watch = self.watch_queue();
        while self.attempts < wanted || self.generator().shared.counters.opening > 0 {
            let wake = self.begin_due(start, wanted)?;
            self.sample_queue();
            self.turn(wake, Phase::Connecting, start, watch)?;
            if watch.wants_stop() {
                return Err(Stop::Asked);
            }
            if self.generator().shared.counters.failed > 0
                && self.generator().shared.counters.established == 0
            {
                self.try_next_endpoint()?;
            }
        }
        self.connecting = Duration::from_nanos(self.now() - start);
        self.check_for_full_queue();
        self.queue_watch = None;
        Ok(())
    }

    /// Begins all attempts that may begin now. Returns when the next one may.
    fn begin_due(&mut self, start: u64, wanted: u64) -> Result<u64, Stop> {
        while self.attempts < wanted && self.may_begin() {
            let now = self.now();
            let due = self.connect_at(start, self.attempts).unwrap_or(now);
            if due > now {
                return Ok(due);
            }
            self.attempts += 1;
            let Err(error) = self.begin_connection(due) else { continue };
            if self.generator().shared.counters.established == 0 {
                let limit = self.limit.as_ref().map(Limit::when_reached);
                return Err(Stop::NotBegun(limit.map_or(error, io::Error::other)));
            }
            if self.is_at_limit() {
                let rest = wanted - self.attempts;
                let reason = format!("not tried: {error}");
                self.generator_mut().give_up_connecting(rest, reason.into());
                self.attempts = wanted;
            }
        }
        Ok(u64::MAX)
    }

    /// Whether another attempt may begin: the first one runs alone, to find out whether there is a
    /// server.
    fn may_begin(&self) -> bool {
        let counters = &self.generator().shared.counters;
        let most = if counters.established == 0 { 1 } else { self.plan.connects_at_once as usize };
        counters.opening < most
    }

    /// When attempt `nth` is due, if there is a rate. It is timed from then on, even while other
    /// attempts or the server delay it.
    fn connect_at(&self, start: u64, nth: u64) -> Option<u64> {
        let rate = self.plan.connect_rate?;
        Some(start + (nth as f64 / rate * 1e9) as u64)
    }

    fn begin_connection(&mut self, due: u64) -> io::Result<()> {
        let source = self.plan.source(self.attempts - 1);
        self.reactor.network_mut().connect_from(source);
        let now = self.now();
        self.generator_mut().begin(due, now);
        let endpoint = &self.endpoints[self.endpoint];
        match self.reactor.connect(endpoint, Rc::clone(&self.config)) {
            Ok(id) => {
                self.ids.push(Some(id));
                self.failures_in_a_row = 0;
                Ok(())
            }
            Err(error) => {
                if self.generator_mut().fail_to_begin(&error.to_string()) {
                    self.ids.push(None);
                }
                self.failures_in_a_row += 1;
                self.note_limit(&error, source);
                Err(error)
            }
        }
    }

    /// Finds out which limit of this machine caused an error.
    fn note_limit(&mut self, error: &io::Error, source: Option<IpAddr>) {
        if self.limit.is_some() {
            return;
        }
        let target = &self.endpoints[self.endpoint];
        let demand = host::Demand {
            connections: Some(self.plan.connections.into()),
            sources: self.plan.sources.as_ref().map_or(1, Sources::len),
            place: Place::from(target),
            tls: matches!(target, Endpoint::Tls(..)),
            ..host::Demand::default()
        };
        self.limit = Host::read().limit_behind(error, &demand, Route { source, target });
    }

    /// Whether more attempts would fail at the same limit.
    fn is_at_limit(&self) -> bool {
        let sources = self.plan.sources.as_ref().map_or(1, Sources::len);
        match &self.limit {
            None => false,
            // Another source address may have ports left.
            Some(limit) if limit.name == "ports" => {
                self.failures_in_a_row >= sources.min(PORTLESS_ATTEMPTS_MAX)
            }
            Some(_) => true,
        }
    }

    /// Handles the failure of the first attempt: tries the next address of the name.
    fn try_next_endpoint(&mut self) -> Result<(), Stop> {
        let end = self.generator().shared.counters.last_end;
        // The timeout covers all addresses together, and it has expired.
        let is_late =
            matches!(end, Some(End::Failed(Error::HandshakeTimeout | Error::AuthTimeout)));
        if self.endpoint + 1 < self.endpoints.len() && !is_late {
            self.endpoint += 1;
            self.attempts = 0;
            self.generator_mut().forget_failures();
            self.queue_watch = self.watch_queue();
            return Ok(());
        }
        let upgrade = std::mem::take(&mut self.generator_mut().upgrade);
        let end = end.expect("what has failed has ended");
        Err(Stop::Ended { end, was_open: false, upgrade })
    }

    /// Watches the listener's accept queue, if it is on this machine and the system reports it.
    fn watch_queue(&self) -> Option<QueueWatch> {
        let (Endpoint::Tcp(address) | Endpoint::Tls(address, _)) = &self.endpoints[self.endpoint]
        else {
            return None;
        };
        let is_here = Place::from(address) != Place::Elsewhere || !is_non_local(address.ip());
        is_here.then(|| QueueWatch::new(*address).ok()).flatten()
    }

    /// Samples the accept queue. The first sample follows the first attempts that run in parallel,
    /// just after their packets were sent.
    fn sample_queue(&mut self) {
        let now = self.now();
        if self.attempts < 2 || now < self.next_queue_sample {
            return;
        }
        if let Some(watch) = &mut self.queue_watch {
            watch.read();
            self.next_queue_sample = now + nanoseconds(QUEUE_SAMPLE_PERIOD * self.plan.share.1);
        }
    }

    /// Checks whether the listener's queue was full: that is the limit if connections failed, and
    /// otherwise has delayed some.
    fn check_for_full_queue(&mut self) {
        let fullest = self.queue_watch.as_ref().and_then(QueueWatch::fullest);
        let counted = QueueCounters::read().since(&self.queue_before);
        let limit = Host::read().limit_of_queue(&counted, fullest);
        let counters = &self.generator().shared.counters;
        if counters.failed > 0 {
            self.limit = self.limit.take().or(limit);
            return;
        }
        let delayed = counters.connecting.count_above(RETRY);
        if let Some(limit) = limit.filter(|_| delayed > 0) {
            self.findings.push(format!(
                "{} of {} connections took a second or longer to open: {}",
                thousands(delayed),
                thousands(counters.established),
                limit.when_reached()
            ));
        }
    }
}

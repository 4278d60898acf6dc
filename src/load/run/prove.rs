//! The end of a hold: every open connection is probed once more, so that a connection that was lost
//! since its last probe does not count as held.

use super::{Phase, Run, SENDS_PER_TURN, Stop, Watch, nanoseconds};
use crate::load::plan::Pace;
use crate::net::Network;
use std::time::Duration;

/// The number of probes in flight at once: 256. A server that echoes a million of them in five
/// seconds is alive, and must not seem silent because all were sent at the same time.
const PROBES_AT_ONCE: u64 = 256;

/// How long to wait without an echo before more probes are sent anyway: 100 ms. If the server is
/// gone, the timeouts of all connections then run in parallel.
const PATIENCE: Duration = Duration::from_millis(100);

impl<N: Network> Run<N> {
    /// Sends a last probe on every open connection, a limited number at a time, and waits for the
    /// echoes. A connection without an echo within the reply timeout is lost. Connections that are
    /// held in silence are skipped.
    pub(super) fn probe_all(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        if !self.plan.keeps_ledger || self.plan.pace == Pace::Silent {
            return Ok(());
        }
        let start = self.now();
        // The probes are not part of the schedule: each is due when it is sent, after the window.
        self.generator_mut().shared.schedule = None;
        for first in (0..self.places.len()).step_by(SENDS_PER_TURN) {
            let now = self.now();
            for place in first..self.places.len().min(first + SENDS_PER_TURN) {
                self.probe(self.places[place], now);
            }
            self.turn(now, Phase::Proving, start, watch)?;
            while self.pending_probes() >= PROBES_AT_ONCE && self.wait_for_probes(start, watch)? {}
        }
        let deadline = self.now() + nanoseconds(self.plan.reply_timeout);
        while self.pending_probes() > 0 && self.now() < deadline {
            self.turn(deadline, Phase::Proving, start, watch)?;
        }
        let now = self.now();
        for index in self.generator_mut().give_up_before(u64::MAX, now) {
            self.send_next(index, now);
        }
        Ok(())
    }

    /// The number of probes in flight.
    fn pending_probes(&self) -> u64 {
        self.generator().shared.counters.in_flight
    }

    /// Waits until fewer probes are in flight; returns whether that happened in time.
    fn wait_for_probes(&mut self, start: u64, watch: &mut dyn Watch) -> Result<bool, Stop> {
        let before = self.pending_probes();
        let end = self.now() + nanoseconds(PATIENCE);
        while self.pending_probes() >= before && self.now() < end {
            self.turn(end, Phase::Proving, start, watch)?;
        }
        Ok(self.pending_probes() < before)
    }

    /// Sends a probe, unless output is still pending: the probe would only queue after it.
    fn probe(&mut self, index: usize, now: u64) {
        let Some(id) = self.ids[index].filter(|_| self.generator().is_open(index)) else { return };
        if !self.reactor.is_blocked(id) {
            self.reactor
                .with_outbox(id, |generator, outbox| generator.send_due(index, now, outbox));
        }
    }
}

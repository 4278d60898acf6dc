//! The end of a hold: every connection that is still open is proved once more, so that none counts as held that
//! was lost since its last probe.

use super::{Phase, Run, SENDS_PER_TURN, Stop, Watch, nanoseconds};
use crate::load::plan::Pace;
use crate::net::Network;
use std::time::Duration;

/// Probes that wait for their echoes at once: 256. A server that echoes a million of them in five seconds is alive, and
/// must not seem to be silent because all were sent at the same time.
const PROBES_AT_ONCE: u64 = 256;

/// How long no echo may come until more probes are sent all the same: 100 ms. If the server is gone, every connection
/// is waited for at the same time.
const PATIENCE: Duration = Duration::from_millis(100);

impl<N: Network> Run<N> {
    /// Sends a last probe on every open connection, some at a time, and waits for the echoes. A connection without
    /// one within the reply timeout is lost. Connections that are held in silence are left alone.
    pub(super) fn prove_all(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        if !self.plan.keeps_ledger || self.plan.pace == Pace::Silent {
            return Ok(());
        }
        let start = self.now();
        // What follows is not of the schedule: it is due when it is sent, after the window.
        self.generator_mut().shared.schedule = None;
        for first in (0..self.places.len()).step_by(SENDS_PER_TURN) {
            let now = self.now();
            for place in first..self.places.len().min(first + SENDS_PER_TURN) {
                self.probe(self.places[place], now);
            }
            self.turn(now, Phase::Proving, start, watch)?;
            while self.unproved() >= PROBES_AT_ONCE && self.wait_for_proof(start, watch)? {}
        }
        let deadline = self.now() + nanoseconds(self.plan.reply_timeout);
        while self.unproved() > 0 && self.now() < deadline {
            self.turn(deadline, Phase::Proving, start, watch)?;
        }
        let now = self.now();
        for index in self.generator_mut().give_up_before(u64::MAX, now) {
            self.go_on(index, now);
        }
        Ok(())
    }

    /// Probes that are waited for.
    fn unproved(&self) -> u64 {
        self.generator().shared.counters.in_flight
    }

    /// Waits until fewer probes are waited for; whether that came about.
    fn wait_for_proof(&mut self, start: u64, watch: &mut dyn Watch) -> Result<bool, Stop> {
        let before = self.unproved();
        let end = self.now() + nanoseconds(PATIENCE);
        while self.unproved() >= before && self.now() < end {
            self.turn(end, Phase::Proving, start, watch)?;
        }
        Ok(self.unproved() < before)
    }

    /// One that still has something to send would only queue more behind it.
    fn probe(&mut self, index: usize, now: u64) {
        let Some(id) = self.ids[index].filter(|_| self.generator().is_open(index)) else { return };
        if !self.reactor.is_blocked(id) {
            self.reactor
                .with_outbox(id, |generator, outbox| generator.send_due(index, now, outbox));
        }
    }
}

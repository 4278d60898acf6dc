//! The end of a hold: every connection that is still open is proved once more, so that none counts as held that
//! was lost since its last probe.

use super::{Phase, Run, SENDS_PER_TURN, Stop, Watch, nanoseconds};
use crate::load::plan::Pace;

impl Run {
    /// Sends a last probe on every open connection, some at a time, and waits for the echoes. A connection without
    /// one within the reply timeout is lost. Connections that are held in silence are left alone.
    pub(super) fn prove_all(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        if !self.plan.keeps_ledger || self.plan.pace == Pace::Silent {
            return Ok(());
        }
        let start = self.now();
        // What follows is not of the schedule: it is due when it is sent, after the window.
        self.generator_mut().desk.schedule = None;
        let places = self.places.clone();
        for chunk in places.chunks(SENDS_PER_TURN) {
            let now = self.now();
            chunk.iter().for_each(|&index| self.probe(index, now));
            self.turn(now, Phase::Proving, start, watch)?;
        }
        // The last one was sent now at the latest; all are looked at once every tick.
        let timeout = nanoseconds(self.plan.reply_timeout);
        let deadline = self.now() + timeout;
        while self.generator().desk.tally.on_their_way > 0 && self.now() < deadline {
            self.turn(deadline, Phase::Proving, start, watch)?;
        }
        let now = self.now();
        for index in self.generator_mut().give_up_before(u64::MAX, now) {
            self.go_on(index, now);
        }
        Ok(())
    }

    /// One that still has something to send would only queue more behind it.
    fn probe(&mut self, index: usize, now: u64) {
        let Some(id) = self.ids[index].filter(|_| self.generator().is_open(index)) else { return };
        if !self.reactor.is_blocked(id) {
            self.reactor.tell(id, |generator, outbox| generator.send_due(index, now, outbox));
        }
    }
}

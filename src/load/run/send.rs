//! The middle of a run: messages are sent when they are due.

use super::{Phase, Run, SENDS_PER_TURN, Stop, Watch};
use crate::load::plan::Pace;
use crate::net::Network;

impl<N: Network> Run<N> {
    /// In a closed loop, sends the first messages on all open connections, a limited number at a
    /// time.
    pub(super) fn fill_all(&mut self, watch: &mut dyn Watch, phase_start: u64) -> Result<(), Stop> {
        if !matches!(self.plan.pace, Pace::Closed { .. }) {
            return Ok(());
        }
        let places = self.places.clone();
        for chunk in places.chunks(SENDS_PER_TURN) {
            let now = self.now();
            chunk.iter().for_each(|&index| self.send_next(index, now));
            self.turn(now, Phase::WarmingUp, phase_start, watch)?;
        }
        Ok(())
    }

    /// In a closed loop, sends on a connection until its depth is reached. A connection that was
    /// lost in a run that keeps a ledger is closed.
    pub(super) fn send_next(&mut self, index: usize, now: u64) {
        let Some(id) = self.ids[index] else { return };
        let pace = self.plan.pace;
        self.reactor.with_outbox(id, |generator, outbox| match pace {
            _ if !generator.is_open(index) => generator.close(index, outbox),
            Pace::Closed { .. } => generator.fill(index, now, outbox),
            Pace::Open { .. } | Pace::Silent => {}
        });
    }

    /// In an open loop, sends the messages that are due, up to a budget. Returns when the next
    /// message is due.
    pub(super) fn send_due(&mut self) -> u64 {
        if self.generator().shared.schedule.is_none() {
            return u64::MAX;
        }
        self.catch_up();
        for _ in 0..SENDS_PER_TURN {
            let now = self.now();
            let Some((index, due)) = self.next_due() else { return u64::MAX };
            if due > now {
                return due;
            }
            self.next_due += 1;
            if !self.generator().is_open(index) {
                self.generator_mut().skip(due);
                continue;
            }
            let is_behind = self.generator().behind(index) > 0;
            if !is_behind && !self.is_blocked(index) {
                if !self.send_on(index, now) {
                    self.generator_mut().skip(due);
                }
            } else if self.generator_mut().fall_behind(index) {
                self.behind.push(index);
            }
        }
        self.now()
    }

    /// Whether every message of the window has had its turn.
    pub(super) fn is_all_sent(&self) -> bool {
        self.generator().shared.schedule.is_none() || self.next_due().is_none()
    }

    /// The connection of the next message, and when it is due; `None` after the end of the window.
    fn next_due(&self) -> Option<(usize, u64)> {
        let generator = self.generator();
        let schedule = generator.shared.schedule?;
        let due = schedule.due_at(self.next_due);
        let is_over =
            due >= generator.shared.recorder.window_end() || generator.shared.is_all_due();
        let index = *self.places.get(schedule.connection(self.next_due))?;
        (!is_over).then_some((index, due))
    }

    /// Sends messages that could not be sent when they were due, on connections that are not
    /// blocked any more.
    fn catch_up(&mut self) {
        let mut behind = std::mem::take(&mut self.behind);
        behind.retain(|&index| {
            while self.generator().behind(index) > 0 && !self.is_blocked(index) {
                let now = self.now();
                if !self.send_on(index, now) {
                    // It is counted as unsent when the connection ends.
                    return false;
                }
            }
            self.generator().behind(index) > 0
        });
        self.behind = behind;
    }

    /// Sends a message that is due; whether the connection takes any. One that the server is
    /// closing does not, and
    /// its end comes later.
    fn send_on(&mut self, index: usize, now: u64) -> bool {
        self.ids[index].is_some_and(|id| {
            self.reactor.with_outbox(id, |generator, outbox| generator.send_due(index, now, outbox))
        })
    }

    fn is_blocked(&mut self, index: usize) -> bool {
        self.ids[index].is_none_or(|id| self.reactor.is_blocked(id))
    }
}

//! The last part of a run: connections say goodbye, some at a time.

use super::{Phase, Run, Stop, Watch, nanoseconds};
use crate::load::plan::Plan;
use crate::net::Network;
use std::time::Duration;

/// Connections that are being closed at once: 64. The goodbyes of many processes together still fit in the time
/// that a server gives each, 5 s for ours.
const CLOSES_AT_ONCE: usize = 64;

/// How long a connection may take to close: twice as long as an echo, so that a server that never answers is
/// given up by [`Run::close`] as a whole, and not one connection after the other.
pub(super) fn close_timeout(plan: &Plan) -> Duration {
    plan.reply_timeout.saturating_mul(2)
}

impl<N: Network> Run<N> {
    /// Closes every connection. The rest is given up if for as long as an echo may take none is closed, or if a
    /// stop is asked for now.
    pub(super) fn close(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        let start = self.now();
        let patience = nanoseconds(self.plan.reply_timeout);
        let mut deadline = start + patience;
        let was_stopped = watch.wants_stop();
        let mut next = 0;
        while self.reactor.connections() > 0 && self.now() < deadline {
            if !was_stopped && watch.wants_stop() {
                break;
            }
            while next < self.ids.len() && self.closing() < CLOSES_AT_ONCE {
                self.close_connection(next);
                next += 1;
            }
            let before = self.reactor.connections();
            self.turn(deadline, Phase::Closing, start, watch)?;
            if self.reactor.connections() < before {
                deadline = self.now() + patience;
            }
        }
        Ok(())
    }

    /// Connections that we have closed, and that are still there.
    fn closing(&self) -> usize {
        self.reactor.connections() - self.generator().shared.counters.open
    }

    fn close_connection(&mut self, index: usize) {
        if let Some(id) = self.ids[index] {
            self.reactor.with_outbox(id, |generator, outbox| generator.close(index, outbox));
        }
    }
}

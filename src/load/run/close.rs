//! The last part of a run: connections are closed, a limited number at a time.

use super::{Phase, Run, Stop, Watch, nanoseconds};
use crate::load::plan::Plan;
use crate::net::Network;
use std::time::Duration;

/// The number of connections that are being closed at once: 64. Even with many processes, the
/// server completes each closing handshake within its time limit, 5 s for ours.
const CLOSES_AT_ONCE: usize = 64;

/// How long a connection may take to close: twice as long as an echo. A server that never completes
/// a closing handshake is then given up by [`Run::close`] as a whole, and not connection by
/// connection.
pub(super) fn close_timeout(plan: &Plan) -> Duration {
    plan.reply_timeout.saturating_mul(2)
}

impl<N: Network> Run<N> {
    /// Closes every connection. The remaining ones are given up if none is closed for as long as an
    /// echo may take, or when a stop is requested.
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

    /// The number of connections that we have closed, and that have not ended.
    fn closing(&self) -> usize {
        self.reactor.connections() - self.generator().shared.counters.open
    }

    fn close_connection(&mut self, index: usize) {
        if let Some(id) = self.ids[index] {
            self.reactor.with_outbox(id, |generator, outbox| generator.close(index, outbox));
        }
    }
}

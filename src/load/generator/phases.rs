//! The duration of connecting, by steps: from when a connection is due until it is open.

use crate::load::result::outcome::ConnectPhase;
use crate::load::result::{CONNECT_PHASES, Histogram};
use crate::service::Milestone;
use std::collections::BTreeMap;

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(in crate::load) struct Phases {
    /// Which steps these connections have, of [`CONNECT_PHASES`].
    is_websocket: bool,
    has_auth: bool,
    /// When each connection that is being opened passed its last milestone. The key is the number
    /// of the attempt, so the first entry is the oldest.
    opening: BTreeMap<u32, u64>,
    histograms: [Histogram; CONNECT_PHASES.len()],
}

impl Phases {
    /// Creates the phases of WebSocket connections, or of others, with or without authentication.
    pub(in crate::load) fn new(is_websocket: bool, has_auth: bool) -> Self {
        Self { is_websocket, has_auth, ..Self::default() }
    }

    /// Records the start of an attempt.
    pub(in crate::load) fn begin(&mut self, attempt: u32, now: u64) {
        self.opening.insert(attempt, now);
    }

    /// Records a milestone of an attempt. The opening handshake is not a step of framings without
    /// one.
    pub(in crate::load) fn pass(&mut self, attempt: u32, milestone: Milestone, now: u64) {
        match milestone {
            Milestone::Connected => self.end_step(attempt, 0, now),
            Milestone::Secured => self.end_step(attempt, 1, now),
            Milestone::Upgraded if self.is_websocket => self.end_step(attempt, 2, now),
            Milestone::Upgraded => {}
        }
    }

    /// Records that the connection is open.
    pub(in crate::load) fn open(&mut self, attempt: u32, now: u64) {
        match (self.has_auth, self.is_websocket) {
            (true, _) => self.end_step(attempt, 3, now),
            (false, true) => self.end_step(attempt, 2, now),
            (false, false) => {}
        }
        self.opening.remove(&attempt);
    }

    /// Records that the attempt failed.
    pub(in crate::load) fn fail(&mut self, attempt: u32) {
        self.opening.remove(&attempt);
    }

    /// The steps that occurred.
    pub(in crate::load) fn finish(self) -> Vec<ConnectPhase> {
        let steps = CONNECT_PHASES.iter().zip(self.histograms);
        steps
            .filter(|(_, it)| it.count() > 0)
            .map(|(name, it)| ConnectPhase::new(name, it))
            .collect()
    }

    fn end_step(&mut self, attempt: u32, step: usize, now: u64) {
        if let Some(since) = self.opening.get_mut(&attempt) {
            self.histograms[step].record(now.saturating_sub(*since));
            *since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(phases: Phases) -> Vec<(String, f64)> {
        let steps = phases.finish().into_iter();
        steps.map(|it| (it.name, it.latency_us.max.unwrap_or(-1.0).round())).collect()
    }

    #[test]
    fn each_step_begins_where_the_last_one_ends() {
        let mut phases = Phases::new(true, true);
        phases.begin(7, 1_000_000);
        phases.pass(7, Milestone::Connected, 2_000_000);
        phases.pass(7, Milestone::Secured, 4_000_000);
        phases.pass(7, Milestone::Upgraded, 7_000_000);
        phases.open(7, 11_000_000);
        assert!(phases.opening.is_empty());
        let names = ["tcp", "tls", "upgrade", "authentication"];
        let expected = names.iter().zip([1e3, 2e3, 3e3, 4e3]);
        let found = steps(phases);
        for ((name, us), (found_name, found_us)) in expected.zip(&found) {
            assert_eq!(found_name, name);
            assert!((found_us / us - 1.0_f64).abs() < 0.01, "{name}: {found_us}");
        }
    }

    #[test]
    fn a_step_that_does_not_occur_is_not_listed() {
        let mut phases = Phases::new(false, false);
        phases.begin(0, 0);
        phases.begin(1, 0);
        phases.pass(0, Milestone::Connected, 5_000);
        phases.pass(0, Milestone::Upgraded, 5_000);
        phases.open(0, 5_000);
        phases.fail(1);
        assert!(phases.opening.is_empty());
        assert_eq!(steps(phases), [("tcp".to_owned(), 5.0)]);
    }
}

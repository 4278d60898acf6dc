//! The phases of connecting, and their sum over several runs.

use super::histogram::Histogram;
use super::outcome::ConnectPhase;

/// The phases, in order.
pub(in crate::load) const CONNECT_PHASES: [&str; 4] = ["tcp", "tls", "upgrade", "authentication"];

impl ConnectPhase {
    pub(in crate::load) fn new(name: &str, histogram: Histogram) -> Self {
        Self { name: name.into(), latency_us: histogram.latency(), histogram }
    }
}

/// The phases of several runs, added.
pub(super) fn merged<'a>(runs: impl Iterator<Item = &'a [ConnectPhase]>) -> Vec<ConnectPhase> {
    let all: Vec<&ConnectPhase> = runs.flatten().collect();
    let sum = |name: &str| {
        let mut histogram = Histogram::new();
        all.iter().filter(|it| it.name == name).for_each(|it| histogram.add(&it.histogram));
        histogram
    };
    let phases = CONNECT_PHASES.iter().map(|name| (name, sum(name)));
    let present = phases.filter(|(_, it)| it.count() > 0);
    present.map(|(name, it)| ConnectPhase::new(name, it)).collect()
}

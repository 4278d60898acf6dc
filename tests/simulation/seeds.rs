//! Selects the seeds and runs them on all cores.

use crate::simulation;
use halloo::proto::End;
use std::collections::HashSet;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The number of failing seeds that are shown.
const SHOWN: usize = 20;

/// The combined outcome of many seeds.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Responses that clients received, and how many of them were compressed.
    pub(crate) output: u64,
    pub(crate) inflated: u64,
    /// All ends of connections.
    pub(crate) ends: HashSet<End>,
}

/// Runs these seeds on all cores.
pub(crate) fn check_all(seeds: Range<u64>) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(Vec::new());
    let summary = Mutex::new(Summary::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = simulation::run(seed, None);
            let mut summary = summary.lock().expect("no thread panics");
            summary.output += outcome.output;
            summary.inflated += outcome.inflated;
            summary.ends.extend(outcome.ends);
            drop(summary);
            if let Some(failure) = outcome.failure {
                failures.lock().expect("no thread panics").push((seed, failure));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().expect("no thread panics");
    failures.sort();
    if let Some((_, first)) = failures.first() {
        let reasons: Vec<&str> = failures
            .iter()
            .take(SHOWN)
            .filter_map(|(_, failure)| failure.lines().rev().nth(1))
            .collect();
        let count_failed = failures.len();
        let count = seeds.end - seeds.start;
        panic!("{first}\n{count_failed} of {count} seeds failed:\n{}", reasons.join("\n"));
    }
    summary.into_inner().expect("no thread panics")
}

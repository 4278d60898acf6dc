//! Which seeds run, and on which threads.

use crate::simulation;
use halloo::proto::End;
use std::collections::HashSet;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Failing seeds that are shown.
const SHOWN: usize = 20;

/// The one seed that was asked for, if one was.
pub(crate) fn only_one() -> Option<u64> {
    number("HALLOO_SEED")
}

/// How many seeds were asked for, or `usual`.
pub(crate) fn wanted(usual: u64) -> u64 {
    number("HALLOO_SEEDS").unwrap_or(usual)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Runs one seed.
pub(crate) fn check(seed: u64) {
    if let Some(failure) = simulation::run(seed, None).failure {
        panic!("{failure}");
    }
}

/// Runs the seeds below `count` on all cores. Returns how many answers clients got, and all the ways in
/// which connections ended.
pub(crate) fn check_all(count: u64) -> (u64, HashSet<End>) {
    let next = AtomicU64::new(0);
    let answers = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let ends = Mutex::new(HashSet::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                return;
            }
            let outcome = simulation::run(seed, None);
            answers.fetch_add(outcome.answers, Ordering::Relaxed);
            ends.lock().expect("no thread panics").extend(outcome.ends);
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
        panic!("{first}\n{count_failed} of {count} seeds failed:\n{}", reasons.join("\n"));
    }
    (answers.into_inner(), ends.into_inner().expect("no thread panics"))
}

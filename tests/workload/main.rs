//! The load generator in a simulated world: the real run, reactor and judge over a fake network, a
//! fake clock and a fake server that misbehaves. The world keeps its own books, and the report must
//! match them. One seed decides everything, so that a failure replays exactly.
//!
//! `HALLOO_SEED=123` runs that seed alone and prints what happened; `HALLOO_SEEDS=100000` runs that
//! many, from that one on if both are given.

mod action;
#[path = "../simulation/agenda.rs"]
mod agenda;
mod books;
mod counts;
mod latency;
mod link;
mod network;
mod oracle;
mod plan;
#[path = "../simulation/random.rs"]
mod random;
#[path = "../simulation/requested.rs"]
mod requested;
mod sabotage;
mod seeds;
mod server;
mod simulation;
mod stalls;
#[path = "../simulation/trace.rs"]
mod trace;
mod verdict;
mod world;

use halloo::load::Verdict;
use sabotage::Bug;
use simulation::run;
use std::collections::BTreeSet;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 2_000;

#[test]
fn every_report_matches_the_world() {
    let wanted = requested::seeds(SEEDS);
    let count = wanted.end - wanted.start;
    let mut verdicts = BTreeSet::new();
    let mut echoes = 0;
    seeds::check_all(wanted, |result| {
        if let Some(outcome) = &result.outcome {
            verdicts.insert(outcome.verdict);
            echoes += outcome.messages.received;
        }
    });
    if count < SEEDS {
        return;
    }
    assert!(echoes > 100 * count, "a simulation in which little is echoed proves little: {echoes}");
    let all = [
        Verdict::Valid,
        Verdict::Lost,
        Verdict::RateNotReached,
        Verdict::Lossy,
        Verdict::GeneratorBound,
        Verdict::Ceiling,
        Verdict::NotAnEcho,
        Verdict::Misdelivered,
    ];
    for verdict in all {
        assert!(verdicts.contains(&verdict), "no run was {verdict} in {count} seeds");
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..30 {
        assert_eq!(run(seed, None).hash, run(seed, None).hash, "seed {seed}");
    }
    assert_ne!(run(1, None).hash, run(2, None).hash);
}

#[test]
fn a_clock_that_lies_is_found() {
    assert_found(Bug::LyingClock, "p50");
}

#[test]
fn stalls_that_nobody_sees_are_found() {
    assert_found(Bug::BlindBelief, "believed and wrong");
}

#[test]
fn a_drop_that_the_world_forgets_is_found() {
    assert_found(Bug::ForgottenDrop, "received");
}

#[test]
fn a_second_echo_that_the_world_forgets_is_found() {
    assert_found(Bug::ForgottenCopy, "duplicated");
}

#[test]
fn a_changed_echo_that_the_world_forgets_is_found() {
    assert_found(Bug::ForgottenDamage, "corrupted");
}

#[test]
fn an_end_that_the_world_forgets_is_found() {
    assert_found(Bug::ForgottenEnd, "lost connections");
}

/// Checks that some of the first seeds fail in a world with this bug, for this reason.
fn assert_found(bug: Bug, reason: &str) {
    let failures: Vec<String> = (0..200).filter_map(|seed| run(seed, Some(bug)).failure).collect();
    let found = failures.iter().filter(|failure| failure.contains(reason)).count();
    assert!(found >= 2, "{bug:?} is found in {found} of 200 seeds: {failures:?}");
}

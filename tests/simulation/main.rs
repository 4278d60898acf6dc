//! The whole server in a simulated world: the real reactor, sessions and services over a simulated
//! network and clock. One seed decides everything, so a failure replays exactly.
//!
//! `HALLOO_SEED=123` runs one seed; `HALLOO_SEEDS=300000` runs this number of seeds; with both, the
//! first sets the start.

mod action;
mod agenda;
mod bytes;
mod calls;
mod client;
mod close_watch;
mod deflate;
mod errand;
mod host;
mod invariants;
mod link;
mod network;
mod plan;
mod random;
mod reception;
mod requested;
mod sabotage;
mod script;
mod seeds;
mod server;
mod service;
mod simulation;
mod trace;
mod turn;
mod waiting;
mod websocket;
mod world;

use halloo::proto::{CloseCode, End, Error};
use sabotage::{Bug, Sabotage};
use simulation::run;

/// Seeds of an ordinary test run.
const SEEDS: u64 = 2_000;

#[test]
fn every_seed_keeps_every_invariant() {
    let wanted = requested::seeds(SEEDS);
    let count = wanted.end - wanted.start;
    let summary = seeds::check_all(wanted);
    if count < SEEDS {
        return;
    }
    assert!(summary.output > count, "a simulation with few responses proves little");
    let is_compressing = summary.inflated > count / 2;
    assert!(is_compressing || !cfg!(feature = "deflate"), "only {}", summary.inflated);
    for end in expected_ends() {
        assert!(
            summary.ends.contains(&end),
            "in {count} seeds no connection had this end: {end:?}"
        );
    }
}

/// Ends that must occur at least once in an ordinary run; otherwise the simulation misses a case.
fn expected_ends() -> Vec<End> {
    let errors = [
        Error::HandshakeTimeout,
        Error::HandshakeTruncated,
        Error::RequestMalformed,
        Error::AuthWrong,
        Error::AuthLength,
        Error::AuthTimeout,
        Error::AuthTruncated,
        Error::MaskMissing,
        Error::MaskUnexpected,
        Error::UpgradeRefused(403),
        Error::AcceptMismatch,
        Error::SubprotocolNotOffered,
        Error::ChallengeMalformed,
        Error::MessageTooBig,
        Error::ClosedAbnormally,
        Error::IdleTimeout,
        Error::PingTimeout,
        Error::MemoryExhausted,
        Error::WriteTimeout,
    ];
    let mut ends = vec![
        End::Peer,
        End::PeerWithCode(CloseCode::NORMAL),
        End::Service,
        End::Drained,
        End::DrainTimeout,
        End::Reset,
        End::BrokenPipe,
        End::TimedOut,
        End::Refused,
        End::Transport,
        End::TooManyFromAddress,
        End::DroppedEarly,
    ];
    ends.extend(errors.map(End::Failed));
    if cfg!(feature = "deflate") {
        ends.push(End::Failed(Error::DeflateInvalid));
    }
    ends
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..50 {
        assert_eq!(run(seed, None).hash, run(seed, None).hash, "seed {seed}");
    }
    assert_ne!(run(1, None).hash, run(2, None).hash);
}

#[test]
fn a_lost_event_is_found() {
    assert_found(Sabotage::new(Bug::LostEdge, 5), "lost wake-up");
}

#[test]
fn late_timers_are_found() {
    assert_found(Sabotage::new(Bug::LateTimers, 0), "sleeps past");
}

#[test]
fn a_lost_response_is_found() {
    assert_found(Sabotage::new(Bug::DroppedMessage, 3), "");
}

#[test]
fn a_duplicate_response_is_found() {
    assert_found(Sabotage::new(Bug::DoubledMessage, 3), "");
}

#[test]
fn a_response_for_another_client_is_found() {
    assert_found(Sabotage::new(Bug::ForeignMessage, 3), "came back");
}

#[test]
fn a_lost_connect_event_is_found() {
    assert_found(Sabotage::new(Bug::LostConnect, 1), "no more events");
}

#[test]
fn a_changed_reply_is_found() {
    assert_found(Sabotage::new(Bug::ForeignReply, 3), "a reply");
}

/// Checks that sabotage makes some of the first seeds fail, at least one of them for this reason.
fn assert_found(sabotage: Sabotage, reason: &str) {
    let failures: Vec<String> =
        (0..200).filter_map(|seed| run(seed, Some(sabotage)).failure).collect();
    assert!(failures.len() >= 5, "{sabotage:?} was found in {} of 200 seeds", failures.len());
    let is_reason = |failure: &String| failure.contains(reason);
    assert!(failures.iter().any(is_reason), "{reason:?} is not the reason: {}", failures[0]);
}

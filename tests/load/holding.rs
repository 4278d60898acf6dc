//! `halloo hold` on servers that stop: each connection is checked again at the end, and a lost
//! connection is a finding.

use super::foreign::Foreign;
use super::measured::{Measured, among_others, hold, run, start};
use super::peer::Wire;
use super::support::{Server, halloo};
use halloo::load::result::EndReason;
use halloo::load::result::outcome::EndedBy;
use rustix::process::{Pid, Signal, kill_process};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The last of four connections is probed after 1.2 s.
const FLAGS: &str = "-c 4 -d 1600ms --probe-every 1600ms --reply-timeout 700ms";

/// The server stops after the first probe: all probes of the window have been echoed.
const STOPS: Duration = Duration::from_millis(1_400);

#[test]
fn a_server_stalled_at_the_end_has_lost_every_connection() {
    for wire in [Wire::WebSocket, Wire::Line] {
        let measured = hold(&stopping(wire, Duration::from_secs(20)).url(), FLAGS);
        let outcome = &measured.outcome;
        assert_eq!((outcome.messages.received, outcome.messages.lost), (4, 0), "{wire:?}");
        assert_eq!(outcome.connections.lost, 4, "{wire:?}: {}", outcome.verdict_reason);
        assert!(
            outcome
                .ledger
                .iter()
                .all(|it| it.by == EndedBy::Network && it.how == EndReason::Silence),
            "{:#?}",
            outcome.ledger
        );
        let window = outcome.duration_s;
        assert!(outcome.ledger.iter().all(|it| it.in_window_s > Some(window)), "{window}");
        measured.assert_lost(&["4 of 4 connections", "silence"]);
    }
}

#[test]
fn a_server_that_recovers_in_time_has_lost_no_connection() {
    let measured = hold(&stopping(Wire::WebSocket, Duration::from_millis(600)).url(), FLAGS);
    let outcome = &measured.outcome;
    assert_eq!(outcome.connections.lost, 0, "{}", outcome.verdict_reason);
    assert_eq!(outcome.messages.received, 4, "the final probes are outside the window");
}

#[test]
fn more_connections_than_one_batch_are_all_checked_at_the_end() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let flags = "-c 1500 -d 500ms --probe-every 500ms --reply-timeout 2s";
    let outcome = hold(server.url(), flags).outcome;
    assert_eq!((outcome.connections.established, outcome.connections.lost), (1_500, 0));
    // A server that stops at the end is waited for on all connections at the same time.
    let pid = Pid::from_raw(server.pid() as i32).expect("a process id");
    let flags = "-c 1500 -d 3s --probe-every 1s --reply-timeout 2s";
    let among_others = among_others();
    let stopper = stop_after(pid, Duration::from_millis(2_500));
    let Measured { outcome, took, .. } = Measured::of(
        start(halloo().arg("hold"), server.url(), &format!("{flags} --json -")).wait(),
    );
    drop(among_others);
    stopper.join().expect("it does not panic");
    assert_eq!(outcome.connections.lost, 1_500, "{}", outcome.verdict_reason);
    assert!(took < Duration::from_secs(15), "{took:?}");
}

fn stop_after(pid: Pid, wait: Duration) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        thread::sleep(wait);
        kill_process(pid, Signal::STOP).expect("it runs");
    })
}

#[test]
fn several_processes_check_their_connections_too() {
    let flags = format!("{FLAGS} --processes 2");
    let outcome = hold(&stopping(Wire::WebSocket, Duration::from_secs(20)).url(), &flags).outcome;
    assert_eq!((outcome.connections.lost, outcome.ledger.len()), (4, 4));
}

#[test]
fn connections_held_without_probes_get_no_final_probe() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        if peer.receive().is_some() {
            peer.reset();
        }
    });
    let outcome = hold(&server.url(), "-c 3 -d 300ms --probe-every off").outcome;
    assert_eq!((outcome.connections.lost, outcome.messages.sent), (0, 0));
}

#[test]
fn a_server_that_dies_is_a_loss_and_not_a_ceiling() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let pid = Pid::from_raw(server.pid() as i32).expect("a process id");
    let killer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1_000));
        kill_process(pid, Signal::KILL).expect("it runs");
    });
    let measured = hold(server.url(), "-c 6 -d 3s --probe-every 300ms");
    killer.join().expect("it does not panic");
    let outcome = &measured.outcome;
    assert_eq!((outcome.connections.lost, outcome.ledger.len()), (6, 6));
    assert!(outcome.ceiling.is_none(), "{:?}", outcome.ceiling);
    measured.assert_lost(&["6 of 6 connections"]);
}

#[test]
fn a_threshold_on_lost_connections_can_fail() {
    for metric in ["connections.lost>0", "errors>0"] {
        let server = stopping(Wire::WebSocket, Duration::from_secs(20));
        let flags = format!("{FLAGS} --accept-invalid --fail-if {metric}");
        let finished = run("hold", &server.url(), &flags);
        assert_eq!(finished.code, Some(3), "{metric}: {finished:#?}");
    }
}

/// Echoes until it stops, and again after this pause.
fn stopping(wire: Wire, pause: Duration) -> Foreign {
    let first = OnceLock::new();
    Foreign::start(wire, move |mut peer, _| {
        while let Some(message) = peer.receive() {
            let since: Duration = first.get_or_init(Instant::now).elapsed();
            if since >= STOPS {
                thread::sleep((STOPS + pause).saturating_sub(since));
            }
            peer.send(&message);
        }
    })
}

impl Measured {
    /// Asserts that the result reports lost connections, with these words. On a busy machine a
    /// different verdict may take precedence.
    #[track_caller]
    pub(crate) fn assert_lost(&self, words: &[&str]) {
        let outcome = &self.outcome;
        let mut sentences = vec![outcome.headline() + ": " + &outcome.verdict_reason];
        sentences.extend(outcome.findings.clone());
        let said = sentences.iter().find(|it| it.starts_with("LOST: "));
        let said = said.unwrap_or_else(|| panic!("not LOST: {sentences:#?}"));
        for word in words {
            assert!(said.contains(word), "no {word:?} in {said:?}");
        }
        let is_undisturbed = outcome.verdict.to_string() == "LOST";
        assert_eq!(self.code, Some(if is_undisturbed { 0 } else { 4 }), "{}", self.stderr);
    }
}

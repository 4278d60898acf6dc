//! `halloo hold`: each lost connection is recorded: which side ended it, how, and when.

use super::foreign::Foreign;
use super::measured::{hold, run};
use super::peer::Wire;
use super::support::Server;
use halloo::load::result::outcome::{EndedBy, Loss};
use std::thread;
use std::time::Duration;

/// Each connection that the server ends is ended after this time.
const OPEN: Duration = Duration::from_millis(600);

/// One of each kind in five.
const FLAGS: &str = "-c 15 -d 2s --probe-every 300ms --reply-timeout 1s";

#[test]
fn each_loss_is_a_line_in_the_ledger() {
    let server = treacherous();
    let outcome = hold(&server.url(), FLAGS).outcome;
    let counts = outcome.connections;
    assert_eq!((counts.established, counts.failed, counts.lost), (15, 0, 12));
    assert_eq!(outcome.ledger.len(), 12, "{:#?}", outcome.ledger);
    let of = |by: EndedBy, how: &str| -> Vec<&Loss> {
        outcome.ledger.iter().filter(|loss| loss.by == by && loss.how == how.into()).collect()
    };
    for (by, how, least_s) in [
        (EndedBy::Server, "close 1001", OPEN.as_secs_f64()),
        (EndedBy::Server, "FIN", OPEN.as_secs_f64()),
        (EndedBy::Network, "RST", OPEN.as_secs_f64()),
        // It was dropped a second after the first message, which was sent within 300 ms.
        (EndedBy::Network, "silence", 1.0),
    ] {
        let lost = of(by, how);
        assert_eq!(lost.len(), 3, "{by:?} {how}: {:#?}", outcome.ledger);
        assert_eq!(outcome.endings[&how.into()], 3, "{:?}", outcome.endings);
        for loss in lost {
            let after_s = loss.after_s;
            assert!((least_s - 0.05..least_s + 1.5).contains(&after_s), "{loss:?}");
            assert!(loss.at_s >= after_s && loss.at_s < after_s + 2.0, "{loss:?}");
            assert!(loss.connection < 15, "{loss:?}");
        }
    }
    let mut connections: Vec<u64> = outcome.ledger.iter().map(|loss| loss.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!(connections.len(), 12, "each connection is lost once");
    let last = outcome.intervals.last().expect("there is an interval");
    assert_eq!(last.connections, 3, "the connections that are left");
}

#[test]
fn losing_every_connection_is_not_an_error_by_itself() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        thread::sleep(Duration::from_millis(200));
        peer.close(1001);
    });
    let measured = hold(&server.url(), "-c 3 -d 2s");
    measured.assert_lost(&["3 of 3 connections", "3 by the server with close 1001"]);
    let outcome = measured.outcome;
    assert_eq!(outcome.ledger.len(), 3, "{:#?}", outcome.ledger);
    assert!(outcome.duration_s < 1.5, "no connection is left to hold: {}", outcome.duration_s);
}

#[test]
fn several_processes_number_their_connections_consecutively() {
    let server = treacherous();
    let outcome = hold(&server.url(), &format!("{FLAGS} --processes 3")).outcome;
    let mut connections: Vec<u64> = outcome.ledger.iter().map(|loss| loss.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    assert_eq!((connections.len(), outcome.ledger.len()), (12, 12), "{:#?}", outcome.ledger);
    assert!(connections.iter().all(|&connection| connection < 15), "{connections:?}");
}

#[test]
fn the_table_summarizes_the_ledger() {
    let server = treacherous();
    let finished = run("hold", &server.url(), FLAGS);
    let table = &finished.stdout;
    let has_line = |words: &[&str]| {
        table
            .lines()
            .any(|line| words.iter().all(|word| line.split_whitespace().any(|it| it == *word)))
    };
    assert!(has_line(&["lost", "12", "connections,"]), "{table}");
    for reason in
        [["server:", "1001"], ["server:", "FIN"], ["network:", "RST"], ["network:", "silence"]]
    {
        assert!(has_line(&[reason[0], reason[1], "3"]), "no {reason:?}: {table}");
    }
}

#[test]
fn memory_per_connection_is_reported() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let pid = server.pid();
    for processes in [1, 2] {
        let flags =
            format!("-c 2000 -d 500ms --probe-every 250ms --pid {pid} --processes {processes}");
        let measured = hold(server.url(), &flags);
        let outcome = &measured.outcome;
        assert_eq!(outcome.connections.lost, 0, "{}", outcome.verdict_reason);
        assert_eq!(outcome.connections.established, 2_000);
        assert!(
            outcome.messages.received >= 2_000,
            "each was checked at the end: {:?}",
            outcome.messages
        );
        assert!(outcome.ledger.is_empty());
        let memory = outcome.memory.expect("Linux tells");
        assert!(memory.both_ends);
        // Other activity on the machine changes the kernel's memory.
        assert!((0.05..20.0).contains(&memory.own_user_kib), "{memory:?}");
        assert!((0.0..200.0).contains(&memory.kernel_kib), "{memory:?}");
        let server_kib = memory.server_user_kib.expect("it was watched");
        assert!((0.0..20.0).contains(&server_kib), "{memory:?}");
        assert!(outcome.server.is_some_and(|server| server.rss_kib > 500), "{:?}", outcome.server);
    }
    let table = run("hold", server.url(), &format!("-c 50 -d 200ms --pid {pid}")).stdout;
    let words = [" own, ", " kernel (both ends), ", " server per connection"];
    let has_row = table.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has_row, "{table}");
}

#[test]
fn connections_can_be_held_without_probes() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        // A message would end the connection.
        if peer.receive().is_some() {
            peer.reset();
        }
    });
    let measured = hold(&server.url(), "-c 5 -d 500ms --probe-every off");
    assert_eq!(
        (measured.outcome.connections.established, measured.outcome.connections.lost),
        (5, 0)
    );
    assert_eq!(measured.outcome.messages.sent, 0);
}

/// Of each five clients it keeps the first, and the others end in different ways.
fn treacherous() -> Foreign {
    Foreign::start(Wire::WebSocket, |mut peer, nth| {
        if nth % 5 == 0 {
            return peer.echo();
        }
        if nth % 5 == 4 {
            return peer.listen();
        }
        thread::sleep(OPEN);
        match nth % 5 {
            1 => peer.close(1001),
            2 => peer.finish(),
            _ => peer.reset(),
        }
    })
}

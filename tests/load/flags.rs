//! The number of messages, the start time, the number of processes and the source addresses.

use super::foreign::Foreign;
use super::measured::{bench, hold, run, start};
use super::peer::Wire;
use super::support::{Server, halloo};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[test]
fn exactly_the_given_number_of_messages_is_sent() {
    for flags in ["-c 7", "-c 3 --depth 5", "-c 50", "-c 4 -r 2k/s", "-c 7 --processes 3"] {
        let (counts, server) = counting();
        let measured =
            bench(&server.url(), &format!("-n 100 --warmup off {flags} --accept-invalid"));
        let messages = measured.outcome.messages;
        assert_eq!((messages.sent, messages.received, messages.lost), (100, 100, 0), "{flags}");
        assert_eq!(measured.outcome.histograms.latency.count(), 100, "{flags}");
        assert_eq!(
            counts.load(Ordering::Relaxed),
            100,
            "{flags}: messages that the server received"
        );
    }
}

#[test]
fn a_warm_up_is_sent_and_not_counted() {
    let (counts, server) = counting();
    let outcome = bench(&server.url(), "-n 50 -c 2 --warmup 200ms --accept-invalid").outcome;
    assert_eq!((outcome.messages.sent, outcome.messages.received), (50, 50));
    assert!(counts.load(Ordering::Relaxed) > 52, "the warm-up is sent in addition");
}

#[test]
fn several_processes_add_up_exactly() {
    let (counts, server) = counting();
    let flags = "-c 10 -n 1000 --processes 3 --warmup off --accept-invalid";
    let outcome = bench(&server.url(), flags).outcome;
    let connections = outcome.connections;
    let counted = (connections.requested, connections.established, connections.failed);
    assert_eq!(counted, (10, 10, 0));
    assert_eq!((outcome.messages.sent, outcome.messages.received), (1_000, 1_000));
    assert_eq!((outcome.generator.processes, outcome.runs), (3, 1));
    assert_eq!(outcome.histograms.latency.count(), 1_000);
    assert_eq!(outcome.connecting.histogram.count(), 10);
    let by_interval = |of: fn(&halloo::load::result::outcome::Interval) -> u64| {
        outcome.intervals.iter().map(of).sum::<u64>()
    };
    assert_eq!(by_interval(|interval| interval.sent), 1_000);
    assert_eq!(by_interval(|interval| interval.histograms.latency.count()), 1_000);
    assert_eq!(counts.load(Ordering::Relaxed), 1_000);
}

#[test]
fn an_open_loop_keeps_its_rate_in_all_processes_together() {
    let server = Server::start(&["tcp://127.0.0.1:0"]);
    let flags = "-c 6 -r 600/s -d 1s --warmup off --processes 3 --accept-invalid";
    let outcome = bench(server.url(), flags).outcome;
    assert_eq!(outcome.load.rate.map(f64::round), Some(600.0));
    assert!((590..=600).contains(&outcome.messages.sent), "{:?}", outcome.messages);
    assert_eq!(outcome.messages.sent, outcome.messages.received);
}

#[test]
fn a_run_starts_at_its_start_time() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for processes in [1, 2] {
        let start_at = Timestamp::now() + Duration::from_millis(1_500);
        let flags = format!(
            "-c 2 -d 300ms --warmup off --accept-invalid --start-at {start_at} --processes {processes}"
        );
        let outcome = bench(server.url(), &flags).outcome;
        let started_at: Timestamp = outcome.started_at.parse().expect("a time");
        let late = started_at.duration_since(start_at);
        // Times are written in milliseconds.
        assert!(late.as_millis() >= -1, "{started_at} is before {start_at}");
        assert!(late.as_secs_f64() < 2.0, "{started_at} is long after {start_at}");
        assert_eq!(outcome.messages.lost, 0);
    }
}

#[test]
fn connections_use_the_source_addresses_in_turn() {
    for processes in [1, 2] {
        let peers: Arc<Mutex<BTreeMap<IpAddr, u32>>> = Arc::default();
        let seen = Arc::clone(&peers);
        let server = Foreign::start(Wire::WebSocket, move |mut peer, _| {
            *seen.lock().expect("no thread panics").entry(peer.ip()).or_default() += 1;
            peer.echo();
        });
        let flags =
            format!("-c 8 -n 16 --warmup off --source 127.1.0.0/30 --processes {processes}");
        let measured = bench(&server.url(), &format!("{flags} --accept-invalid"));
        assert_eq!(measured.outcome.connections.established, 8);
        // Of a network, neither the network address nor the broadcast address is used.
        let expected = [1, 2].map(|last| (IpAddr::from([127, 1, 0, last]), 4));
        let seen: Vec<_> = peers.lock().expect("no thread panics").clone().into_iter().collect();
        assert_eq!(seen, expected);
    }
}

#[test]
fn connections_are_not_started_faster_than_the_limit() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let start = Instant::now();
    let outcome = hold(server.url(), "-c 20 --connect-rate 20/s -d 200ms").outcome;
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(outcome.connecting.duration_s > 0.9, "{:?}", outcome.connecting.duration_s);
    assert!(outcome.connecting.per_second < 22.0, "{:?}", outcome.connecting.per_second);
}

#[test]
fn foreign_services_are_measured_without_verifying() {
    let stamps = Server::start(&["--service", "timestamp", "ws://127.0.0.1:0"]);
    let flags = "-c 2 -n 100 --warmup off --accept-invalid";
    let verified = bench(stamps.url(), flags).outcome;
    assert_eq!(verified.messages.corrupted, 100, "{:?}", verified.messages);
    let unverified = bench(stamps.url(), &format!("{flags} --no-verify")).outcome;
    assert!(!unverified.load.verified);
    assert_eq!((unverified.messages.received, unverified.errors_total()), (100, 0));
}

#[test]
fn published_figures_are_complete() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let pid = server.pid();
    let flags = format!("-c 2 -d 300ms --warmup off --pid {pid} --accept-invalid --json -");
    let finished = run("bench", server.url(), &flags);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    for path in [
        "/schema_version /verdict /command /target /started_at /duration_s /messages_per_second",
        "/bytes_per_second /errors /connections/requested /connections/established",
        "/connections/failed /messages/sent /messages/received /messages/lost /messages/duplicated",
        "/messages/reordered /messages/corrupted /latency_us/min /latency_us/p50 /latency_us/p90",
        "/latency_us/p99 /latency_us/p99_9 /latency_us/p99_99 /latency_us/max /latency_us/mean",
        "/latency_uncorrected_us/p99 /generator/cpu /generator/turn_us_max /generator/late_sends",
        "/server/cpu /server/rss_kib",
    ]
    .iter()
    .flat_map(|paths| paths.split(' '))
    {
        assert!(json.pointer(path).is_some(), "no {path} in {json:#}");
    }
    assert!(json["server"]["cpu"].as_f64() > Some(0.0), "{}", json["server"]);
    let command = json["command"].as_str().expect("a text");
    assert!(command.starts_with("halloo bench -c 2 -d 300ms"), "{command}");
}

#[test]
fn a_user_defined_text_is_sent_unchanged() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        while let Some(mut message) = peer.receive() {
            if !message.is_text || message.payload != "hällo wörld".as_bytes() {
                message.payload.clear();
            }
            peer.send(&message);
        }
    });
    let mut command = halloo();
    command.args(["bench", "--message", "hällo wörld"]);
    let flags = "-c 2 -n 20 --warmup off --accept-invalid --json -";
    let measured = super::measured::Measured::of(start(&mut command, &server.url(), flags).wait());
    let messages = measured.outcome.messages;
    assert_eq!((messages.received, messages.corrupted), (20, 0));
}

/// An echo server that counts the messages it receives.
fn counting() -> (Arc<AtomicU64>, Foreign) {
    let count = Arc::<AtomicU64>::default();
    let counts = Arc::clone(&count);
    let server = Foreign::start(Wire::WebSocket, move |mut peer, _| {
        while let Some(message) = peer.receive() {
            counts.fetch_add(1, Ordering::Relaxed);
            peer.send(&message);
        }
    });
    (count, server)
}

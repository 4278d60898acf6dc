//! A server that pauses. Of the messages due in a pause, a closed loop sends almost none; an open
//! loop reports all of them, with the latencies that arithmetic predicts.

use super::foreign::Foreign;
use super::measured::{Measured, bench, run, undisturbed};
use super::peer::Wire;
use halloo::load::{Latency, Outcome};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// The period: the server pauses at the end of each,
const PERIOD: Duration = Duration::from_millis(1_000);

/// for this long.
const PAUSE: Duration = Duration::from_millis(400);

/// Measured values may differ from computed ones by 5 %.
const TOLERANCE: f64 = 0.05;

#[test]
fn an_open_loop_reports_a_pause_that_a_closed_one_hides() {
    let closed = bench(&pausing().url(), "-c 4 -d 2s --warmup off --accept-invalid").outcome;
    let pause_us = PAUSE.as_secs_f64() * 1e6;
    assert!(closed.latency_us.p99.unwrap() < pause_us / 10.0, "{:?}", closed.latency_us);
    assert!(closed.latency_us.max.unwrap() > pause_us * 0.9, "{:?}", closed.latency_us);

    let flags = "-c 4 -r 1k/s -d 3s --warmup off --accept-invalid";
    let is_right = |outcome: &Outcome| wrong(&outcome.latency_us).is_none();
    let Measured { outcome, .. } = undisturbed(pausing, flags, is_right);
    let (messages, latency, verdict) = (outcome.messages, outcome.latency_us, outcome.verdict);
    assert_eq!(messages.sent, messages.received);
    // All messages count: the window begins with the first, and three periods are three thousand
    // messages.
    assert!((2_990..=3_000).contains(&messages.sent), "{messages:?}");
    assert_eq!(wrong(&latency), None, "{verdict} {latency:?}");
    assert!(
        latency.p50.unwrap() < pause_us / 10.0,
        "most are due while it does not pause: {latency:?}"
    );
}

#[test]
fn the_uncorrected_latency_is_reported_beside_the_corrected_one() {
    // Few messages fit into the buffers on the path: the others cannot even be sent.
    let rests = || {
        Foreign::start(Wire::WebSocket, |mut peer, _| {
            peer.shrink_buffer(16 * 1024);
            let mut count = 0;
            while let Some(message) = peer.receive() {
                count += 1;
                if count == 2 {
                    thread::sleep(Duration::from_millis(1_000));
                }
                peer.send(&message);
            }
        })
    };
    let flags = "-c 1 -r 100/s --size 256KiB -n 100 --warmup off --accept-invalid";
    let is_right = |outcome: &Outcome| {
        let mean = |latency: &Latency| latency.mean.unwrap();
        mean(&outcome.latency_us) > mean(&outcome.latency_uncorrected_us) * 1.2
    };
    let Measured { outcome, .. } = undisturbed(rests, flags, is_right);
    let messages = outcome.messages;
    assert_eq!((messages.sent, messages.received), (100, 100), "not more than requested");
    let (corrected, uncorrected) = (outcome.latency_us, outcome.latency_uncorrected_us);
    assert!(is_right(&outcome), "{corrected:?} {uncorrected:?}");
    assert!(corrected.max.unwrap() >= uncorrected.max.unwrap(), "{corrected:?} {uncorrected:?}");
    let finished = run("bench", &rests().url(), flags);
    for row in ["  corrected", "  uncorrected"] {
        let has_row = finished.stdout.lines().any(|line| line.starts_with(row));
        assert!(has_row, "no {row:?}: {}", finished.stdout);
    }
}

/// Echoes at once, except in the pauses, which all connections share. Time starts with the first
/// message.
fn pausing() -> Foreign {
    let start = OnceLock::new();
    Foreign::start(Wire::WebSocket, move |mut peer, _| {
        while let Some(message) = peer.receive() {
            let since: Duration = start.get_or_init(Instant::now).elapsed();
            let into_period = since.as_micros() % PERIOD.as_micros();
            let left = PERIOD - Duration::from_micros(into_period as u64);
            if left <= PAUSE {
                thread::sleep(left);
            }
            peer.send(&message);
        }
    })
}

/// Describes each figure that differs from its computed value.
fn wrong(latency: &Latency) -> Option<String> {
    let figures = [
        ("p90", latency.p90, quantile_us(0.9)),
        ("p99", latency.p99, quantile_us(0.99)),
        ("p99.9", latency.p99_9, quantile_us(0.999)),
        ("max", latency.max, PAUSE.as_secs_f64() * 1e6),
        ("mean", latency.mean, mean_us()),
    ];
    let is_wrong = |measured: f64, computed: f64| (measured / computed - 1.0).abs() > TOLERANCE;
    let all: Vec<String> = figures
        .into_iter()
        .map(|(name, measured, computed)| (name, measured.expect("there were echoes"), computed))
        .filter(|&(_, measured, computed)| is_wrong(measured, computed))
        .map(|(name, measured, computed)| format!("{name}: {measured} µs, not {computed} µs"))
        .collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// Of the messages due evenly in a period, one that is due `x` before the end of its pause waits
/// for `x`. So a fraction `(PAUSE - x) / PERIOD` waits for `x` or longer, and this is the `x` at
/// which the fraction is `1 - quantile`.
fn quantile_us(quantile: f64) -> f64 {
    (PAUSE.as_secs_f64() - (1.0 - quantile) * PERIOD.as_secs_f64()) * 1e6
}

/// Half a pause for messages due in one, nothing for the others.
fn mean_us() -> f64 {
    PAUSE.as_secs_f64().powi(2) / 2.0 / PERIOD.as_secs_f64() * 1e6
}

//! Servers that send unexpected or wrong messages: each message is counted as what it was.

use super::foreign::Foreign;
use super::measured::{Measured, bench};
use super::peer::{Whole, Wire};
use halloo::load::result::outcome::Messages;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a message: a stamp of 24, and filler.
const BYTES: usize = 64;

const WIRES: [Wire; 3] = [Wire::WebSocket, Wire::Raw { bytes: BYTES }, Wire::Line];

#[test]
fn pushes_are_counted_as_unasked_and_not_as_echoes() {
    for wire in WIRES {
        for depth in [1, 4] {
            // Each message is echoed after 50 ms; one push comes before the echo and one after it.
            let server = Foreign::start(wire, |mut peer, _| {
                while let Some(message) = peer.receive() {
                    thread::sleep(Duration::from_millis(20));
                    peer.send(&push());
                    thread::sleep(Duration::from_millis(30));
                    peer.send(&message);
                }
            });
            let flags = format!("-n 20 -c 1 --depth {depth} --warmup off --accept-invalid");
            let outcome = bench(&server.url(), &flags).outcome;
            let fine = Messages { sent: 20, received: 20, ..Messages::default() };
            assert_eq!(outcome.messages, Messages { unasked: 20, ..fine }, "{wire:?} {depth}");
            let p50 = outcome.latency_us.p50.expect("they were timed");
            assert!((depth > 1 || p50 < 65_000.0) && p50 > 49_000.0, "{wire:?} {depth}: {p50}");
            let finding = "20 messages arrived that nobody asked for";
            assert!(outcome.findings[0].starts_with(finding), "{:?}", outcome.findings);
            assert_eq!(outcome.errors_total(), 0);
        }
    }
}

#[test]
fn a_push_before_a_slow_echo_sends_no_message_early() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        while let Some(message) = peer.receive() {
            let due = Instant::now() + Duration::from_millis(200);
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(40));
                peer.send(&push());
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            peer.send(&message);
        }
    });
    for load in ["--depth 1", "-r 4/s"] {
        let flags = format!("-d 3s -c 1 {load} --warmup off --accept-invalid");
        let outcome = bench(&server.url(), &flags).outcome;
        let messages = outcome.messages;
        assert!((11..=16).contains(&messages.sent), "{load}: {messages:?}");
        assert_eq!(messages.received, messages.sent, "{load}");
        assert_eq!(messages.unasked, 3 * messages.sent, "{load}");
        assert_eq!((messages.corrupted, messages.duplicated, messages.lost), (0, 0, 0));
        let p50 = outcome.latency_us.p50.expect("they were timed");
        assert!((199_000.0..230_000.0).contains(&p50), "{load}: {p50}");
    }
}

#[test]
fn a_greeting_changes_no_figure() {
    for wire in WIRES {
        for pause_ms in [0, 50] {
            let server = Foreign::start(wire, move |mut peer, _| {
                peer.send(&push());
                thread::sleep(Duration::from_millis(pause_ms));
                peer.echo();
            });
            let outcome = bench(&server.url(), "-n 40 -c 2 --warmup off --accept-invalid").outcome;
            let fine = Messages { sent: 40, received: 40, ..Messages::default() };
            assert_eq!(outcome.messages, Messages { unasked: 2, ..fine }, "{wire:?}");
        }
    }
}

#[test]
fn wrong_responses_are_corrupted_and_do_not_stall_a_closed_loop() {
    for wire in WIRES {
        for depth in [1, 4] {
            let server = Foreign::start(wire, |mut peer, _| {
                let mut count = 0;
                while let Some(message) = peer.receive() {
                    count += 1;
                    match count % 2 {
                        0 => peer.send(&message),
                        _ => peer.send(&overloaded()),
                    }
                }
            });
            let flags = format!(
                "-n 200 -c 2 --depth {depth} --warmup off --reply-timeout 3s --accept-invalid"
            );
            let Measured { outcome, took, .. } = bench(&server.url(), &flags);
            let expected =
                Messages { sent: 200, received: 200, corrupted: 100, ..Messages::default() };
            // At the end of a connection the last messages may be of either kind.
            let corrupted = outcome.messages.corrupted;
            assert!((99..=101).contains(&corrupted), "{wire:?} {depth}: {:?}", outcome.messages);
            assert_eq!(outcome.messages, Messages { corrupted, ..expected }, "{wire:?} {depth}");
            assert!(took < Duration::from_secs(10), "{took:?}");
            let difference = outcome.difference.expect("one is quoted");
            assert!(difference.received.starts_with("error: overloaded"), "{difference:?}");
            assert!(difference.sent.is_some());
        }
    }
}

#[test]
fn a_server_that_does_not_echo_is_detected_at_once() {
    for wire in WIRES {
        let server = Foreign::start(wire, |mut peer, _| {
            while let Some(mut message) = peer.receive() {
                message.payload.splice(..0, *b"[Thu May 10 22:00:19 2018] ");
                peer.send(&message);
            }
        });
        let measured = bench(&server.url(), "-n 400 -c 1 --warmup off");
        let messages = measured.outcome.messages;
        // With raw framing, bytes before the first echo may have been unasked.
        let unsure = if matches!(wire, Wire::Raw { .. }) { 8 } else { 0 };
        assert!(messages.corrupted >= 400 - unsure, "{wire:?}: {messages:?}");
        assert_eq!((messages.sent, messages.received, messages.lost), (400, 400, 0), "{wire:?}");
        assert_eq!((measured.outcome.headline().as_str(), measured.code), ("NOT-AN-ECHO", Some(4)));
        let rate = measured.outcome.messages_per_second * measured.outcome.duration_s;
        assert!(rate <= unsure as f64 + 0.1, "{rate} were echoed");
    }
}

#[test]
fn an_echo_on_the_wrong_connection_is_misdelivered() {
    for wire in WIRES {
        // The tenth message of the first connection comes back on the second.
        let stray: Arc<Mutex<Option<Whole>>> = Arc::default();
        let server = Foreign::start(wire, move |mut peer, nth| {
            let mut count = 0;
            while let Some(message) = peer.receive() {
                count += 1;
                let mut stray = stray.lock().expect("no thread panics");
                if nth == 0 && count == 10 {
                    *stray = Some(message);
                    continue;
                }
                if nth == 1
                    && let Some(stray) = stray.take()
                {
                    peer.send(&stray);
                }
                drop(stray);
                thread::sleep(Duration::from_millis(2));
                peer.send(&message);
            }
        });
        let flags = "-n 100 -c 2 --depth 2 --warmup off --reply-timeout 500ms --accept-invalid";
        let outcome = bench(&server.url(), flags).outcome;
        let expected = Messages { sent: 100, received: 99, lost: 1, ..Messages::default() };
        assert_eq!(outcome.messages, Messages { misdelivered: 1, ..expected }, "{wire:?}");
        assert_eq!(outcome.headline(), "MISDELIVERED");
    }
}

/// Echoes bytes after a change: the closure receives them with their offset in the input.
fn with_bytes(change: impl Fn(usize, u8) -> Vec<u8> + Send + Sync + 'static) -> Foreign {
    let change = Arc::new(change);
    Foreign::start(Wire::Raw { bytes: 1 }, move |mut peer, _| {
        let mut place = 0;
        while let Some(message) = peer.receive() {
            let payload = change(place, message.payload[0]);
            place += 1;
            peer.send(&Whole { is_text: false, payload });
        }
    })
}

#[test]
fn a_missing_or_inserted_byte_affects_only_the_messages_it_touches() {
    let place = 10 * BYTES + 40;
    let missing = move |at, byte| if at == place { Vec::new() } else { vec![byte] };
    let inserted = move |at, byte| if at == place { vec![b'!', byte] } else { vec![byte] };
    let flags = "-n 50 -c 1 --depth 4 --warmup off --reply-timeout 500ms --accept-invalid";
    let fine = Messages { sent: 50, received: 50, ..Messages::default() };
    for server in [with_bytes(missing), with_bytes(inserted)] {
        let outcome = bench(&server.url(), flags).outcome;
        assert_eq!(outcome.messages, Messages { corrupted: 1, ..fine });
    }
}

#[test]
fn one_lost_short_message_is_one_loss() {
    for (wire, bytes) in [(Wire::WebSocket, 1), (Wire::WebSocket, 8), (Wire::Raw { bytes: 5 }, 5)] {
        let server = dropping(wire, 10);
        let flags = format!("-n 100 -c 1 --depth 4 --size {bytes}B --warmup off");
        let flags = format!("{flags} --reply-timeout 500ms --accept-invalid");
        let outcome = bench(&server.url(), &flags).outcome;
        let expected = Messages { sent: 100, received: 99, lost: 1, ..Messages::default() };
        assert_eq!(outcome.messages, expected, "{bytes}");
    }
}

/// Echoes all messages but one.
fn dropping(wire: Wire, nth: u64) -> Foreign {
    Foreign::start(wire, move |mut peer, _| {
        let mut count = 0;
        while let Some(message) = peer.receive() {
            count += 1;
            if count != nth {
                peer.send(&message);
            }
        }
    })
}

#[test]
fn after_a_loss_no_latency_is_taken_from_another_message() {
    for content in ["-m hello", "--no-verify"] {
        let server = dropping(Wire::WebSocket, 40);
        let flags = "-d 3s -c 1 -r 20/s --warmup off --reply-timeout 500ms --accept-invalid";
        let outcome = bench(&server.url(), &format!("{flags} {content}")).outcome;
        let Messages { received, lost, untimed, .. } = outcome.messages;
        assert_eq!((received, lost), (59, 1), "{:?}", outcome.messages);
        assert!((19..=45).contains(&untimed), "{content}: {:?}", outcome.messages);
        assert_eq!(outcome.histograms.latency.count() + untimed, received);
        let p50 = outcome.latency_us.p50.expect("some were timed");
        assert!(p50 < 20_000.0, "{content}: {p50}");
        let finding = "after a loss, times cannot be attributed";
        assert!(
            outcome.findings.iter().any(|it| it.starts_with(finding)),
            "{:?}",
            outcome.findings
        );
    }
}

#[test]
fn a_lost_echo_counts_as_slow() {
    // The last of each ten arrives after 2 s; the timeout is 500 ms.
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        let mut late: VecDeque<(Instant, Whole)> = VecDeque::new();
        let mut count = 0;
        while let Some(message) = peer.receive() {
            count += 1;
            match count % 10 {
                0 => late.push_back((Instant::now() + Duration::from_secs(1), message)),
                _ => peer.send(&message),
            }
            while late.front().is_some_and(|(due, _)| *due <= Instant::now()) {
                late.pop_front().iter().for_each(|(_, message)| peer.send(message));
            }
        }
    });
    let flags = "-d 3s -c 2 -r 100/s --warmup off --reply-timeout 500ms --accept-invalid";
    let Measured { outcome, .. } = bench(&server.url(), flags);
    let messages = outcome.messages;
    assert_eq!((messages.sent, messages.received, messages.lost), (300, 270, 30));
    assert!((10..=25).contains(&messages.late), "{messages:?}");
    assert_eq!(outcome.histograms.beyond, 30);
    assert_eq!(outcome.intervals.iter().map(|it| it.histograms.beyond).sum::<u64>(), 30);
    let each = outcome.intervals.iter().map(|it| it.histograms.beyond);
    assert!(
        each.clone().all(|beyond| (9..=11).contains(&beyond)),
        "{:?}",
        each.collect::<Vec<_>>()
    );
    assert_eq!((outcome.latency_us.p99, outcome.latency_us.above_us), (None, Some(500_000.0)));
    assert!(outcome.latency_us.p50.is_some());
    assert!((outcome.messages_per_second - 90.0).abs() < 1.0, "{}", outcome.messages_per_second);
}

#[test]
fn echoes_after_the_window_count_for_its_rate() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        let start = Instant::now();
        let mut count = 0;
        while let Some(message) = peer.receive() {
            count += 1;
            // All are echoed late, and after the window.
            if count == 1 {
                thread::sleep(Duration::from_millis(1_300).saturating_sub(start.elapsed()));
            }
            peer.send(&message);
        }
    });
    let outcome = bench(&server.url(), "-d 1s -c 1 -r 200/s --warmup off --accept-invalid").outcome;
    assert_eq!((outcome.messages.sent, outcome.messages.received), (200, 200));
    assert!((outcome.messages_per_second - 200.0).abs() < 1.0, "{}", outcome.messages_per_second);
}

#[test]
fn a_message_that_could_not_be_sent_is_counted_as_slow() {
    // The second connection ends after its first message.
    let server = Foreign::start(Wire::WebSocket, |mut peer, nth| {
        if nth == 1 {
            peer.receive();
            return peer.close(1013);
        }
        peer.echo();
    });
    let flags = "-d 1s -c 2 -r 100/s --warmup off --accept-invalid";
    let outcome = bench(&server.url(), flags).outcome;
    let Messages { sent, received, lost, unsent, .. } = outcome.messages;
    assert_eq!((sent + unsent, received + lost), (100, sent), "{:?}", outcome.messages);
    assert!(unsent >= 45, "{unsent}");
    assert_eq!(outcome.histograms.beyond, lost + unsent);
}

/// An unexpected message, as a line.
fn push() -> Whole {
    Whole { is_text: true, payload: b"{\"event\":\"tick\"}\n".to_vec() }
}

fn overloaded() -> Whole {
    Whole { is_text: true, payload: b"error: overloaded\n".to_vec() }
}

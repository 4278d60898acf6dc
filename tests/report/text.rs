//! The text table: the verdict first, then every figure, without control characters.

use super::outcome;
use halloo::load::render::{table::WIDTH, text};
use halloo::load::{Outcome, Verdict};

#[track_caller]
fn assert_contains(text: &str, all: &[&str]) {
    for words in all {
        assert!(text.contains(words), "no {words:?} in\n{text}");
    }
}

#[test]
fn an_open_loop_is_shown_in_full() {
    let text = text::render(&outcome::open(1_000));
    assert!(text.starts_with("VALID: the generator kept 0.41 of a CPU busy"), "{text}");
    assert_contains(
        &text,
        &[
            "command       halloo bench -c 1000 -r 1000 -d 30s ws://10.0.0.7:9527/echo\n",
            "target        ws://10.0.0.7:9527/echo\n",
            "64 B messages, open loop, 1,000/s, every echo verified\n",
            "30.0 s from 2026-11-27T09:10:35.123Z\n",
            "1,000 requested   998 established   2 failed   10 lost\n",
            "30,000 sent   30,000 received   41 lost\n",
            "0 duplicated   3 reordered   0 corrupted   0 opcode changed\n",
            "1,000/s, 64.0 kB/s of payload\n",
            "       min       p50       p90       p99     p99.9    p99.99       max      mean\n",
            "  corrected ",
            "  uncorrected ",
            "  connecting ",
            "errors        41 a message was lost\n               7 reset by the peer\n",
            "endings       7 RST\n              3 close 1001 (going away)\n",
            "0.41 CPU, longest turn 1.90 ms, 12 late sends\n",
            "0.63 CPU, 630 µs per message, peak RSS 4.33 MiB\n",
            "430 B own, 8.31 KiB kernel (both ends), 133 B server per connection\n",
        ],
    );
}

#[test]
fn a_hold_has_a_ledger_by_reason_and_no_second_latency() {
    let text = text::render(&outcome::hold());
    let ledger =
        ["lost          64 connections, from ", "38 server: close 1001\n", "13 us: silence\n"];
    assert_contains(&text, &ledger);
    assert!(!text.contains("corrected  ") && !text.contains("late sends"), "{text}");
    assert!(!text.contains("errors"), "there were none: {text}");
}

#[test]
fn without_measurements_there_is_no_latency() {
    let text = text::render(&outcome::nothing());
    assert!(text.starts_with("CEILING: backlog: no connection was made\n"), "{text}");
    assert!(!text.contains("p99"), "{text}");
}

#[test]
fn lines_fit_a_page_and_are_aligned() {
    let mut outcome = outcome::open(100);
    outcome.command = format!("halloo bench {} ws://h:1", "-H 'Name: value' ".repeat(30));
    outcome.target = format!("ws://h:1/{}", "x".repeat(300));
    outcome.errors.insert("ä long reason ".repeat(20).into(), 1_000_000);
    for index in 0..50 {
        outcome.errors.insert(format!("reason {index}").into(), 1);
    }
    let text = text::render(&outcome);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert_eq!(line.trim_end(), line);
    }
    assert_contains(&text, &["1,000,000 ä long reason", " of 34 other kinds\n"]);
}

#[test]
fn control_characters_are_escaped() {
    let outcome = Outcome {
        command: "halloo \u{1b}[31m\nVALID: forged".into(),
        verdict: Verdict::Ceiling,
        ceiling: Some("\u{9b}2J".into()),
        ..outcome::nothing()
    };
    let text = text::render(&outcome);
    assert!(text.chars().all(|shown| shown == '\n' || !shown.is_control()), "{text:?}");
    assert!(!text.contains("\nVALID"), "{text}");
}

//! The judge on synthetic evidence: each row of the table in docs/measuring.md gets its verdict.

use super::outcome;
use halloo::load::result::judge::{Evidence, judge};
use halloo::load::result::outcome::{Connections, Difference, EndedBy, Kind, Loss};
use halloo::load::{Histogram, Outcome};

/// A row: what happened, the outcome, and words of its reason or findings.
type Case = (&'static str, fn() -> Outcome, &'static [&'static str]);

const CASES: &[Case] = &[
    ("nothing unusual", quiet, &[]),
    (
        "the generator was stopped for 2 s of 10 s, closed loop",
        || stalled(&[2_000.0]),
        &["p90, p99", "stopped for up to 2.00 s at a time"],
    ),
    (
        "the generator was stopped for 80 of every 160 ms",
        || stalled(&[80.0; 62]),
        &["p50, p90", "stopped for"],
    ),
    (
        "a busy neighbour on the generator's CPU",
        || {
            with(stalled(&[4.0; 600]), |it| {
                it.stalls.run_delay_s = Some(2.5);
                it.stalls.timeslices = Some(600);
            })
        },
        &["it waited for a CPU for 2.49 s of 10.0 s", "a CPU of its own"],
    ),
    (
        "the server on the generator's CPU",
        || {
            with(quiet(), |it| {
                it.stalls.run_delay_s = Some(4.4);
                it.stalls.timeslices = Some(20_000);
            })
        },
        &["p50, p90", "it waited for a CPU for 4.20 s"],
    ),
    (
        "a CPU quota of 15 %",
        || with(stalled(&[85.0; 98]), |it| it.stalls.throttled_s = Some(8.2)),
        &["the CPU quota of its control group throttled it for 8.20 s", "raise the quota"],
    ),
    (
        "the hypervisor took the CPU",
        || with(stalled(&[20.0; 100]), |it| it.stalls.steal_s = Some(2.1)),
        &["the hypervisor took its CPU for 2.10 s"],
    ),
    (
        "a rate beyond what the generator can send",
        || {
            with(open_loop(1_000.0), |it| {
                (0..900).for_each(|late| it.stalls.late_sends.record(late * 1_000_000));
                it.generator.cpu_of_busiest = 0.99;
            })
        },
        &["overloaded, with 99.0 % of a core busy", "--processes"],
    ),
    (
        "a generator that is busy for 97 % of the time and never late",
        || with(quiet(), |it| it.generator.cpu_of_busiest = 0.97),
        &["97.0 % of a core", "the server may do more"],
    ),
    (
        "47 of 15,000 messages were sent 1.5 ms late",
        || {
            with(open_loop(1_500.0), |it| {
                it.messages.sent = 15_000;
                it.messages_per_second = 1_500.0;
                (0..47).for_each(|_| it.stalls.late_sends.record(1_500_000));
            })
        },
        &["p99.9, p99.99"],
    ),
    (
        "eight stalls of 1.2 ms in 10 s, at a p99 of 100 µs",
        || stalled(&[1.2; 8]),
        &["p99.9, p99.99 and max are dominated by stalls"],
    ),
    ("the same at a p99 of 20 ms", || with(stalled(&[1.2; 8]), |it| took(it, 20e6)), &[]),
    ("the same, with `--fail-if 'p99.9>1s'`", || stalled(&[1.2; 8]), &["p99.9"]),
    (
        "held connections whose probes were sent seconds late",
        || {
            with(hold(), |it| {
                (0..990).for_each(|_| it.stalls.late_sends.record(5_000_000_000));
            })
        },
        &["p50, p90"],
    ),
    (
        "every response was something other than the echo",
        || wrong(0, 1_000),
        &["0 of 1,000 messages", "first difference, on connection 3: sent \"abc\", got \"[Thu\""],
    ),
    (
        "nothing was echoed",
        || with(with_echoes(0), |it| it.messages.lost = 1_000),
        &["none of 1,000 messages was echoed", "--no-verify"],
    ),
    (
        "the server sent continuously and echoed nothing",
        || {
            with(wrong(0, 0), |it| {
                it.messages.unasked = 4_000_000;
                it.messages.lost = 1_000;
            })
        },
        &["first difference"],
    ),
    (
        "half of the messages were lost",
        || with(with_echoes(500), |it| it.messages.lost = 500),
        &["500 of 1,000 messages were lost and 0 corrupted, 50.0 % in all"],
    ),
    (
        "half of the responses were error messages",
        || wrong(500, 500),
        &["500 corrupted", "first difference"],
    ),
    ("2 % of the echoes arrived after the timeout", || lost(20), &["20 of 1,000"]),
    ("0.5 % of the messages were lost", || lost(5), &[]),
    (
        "every other message was lost and the rest arrived twice, open loop",
        || {
            with(open_loop(100.0), |it| {
                it.messages.received = 500;
                it.messages.lost = 500;
                it.messages.duplicated = 500;
                it.messages_per_second = 50.0;
            })
        },
        &["500 of 1,000", "RATE-NOT-REACHED: 100/s were requested and 50/s echoed"],
    ),
    (
        "pushes and a greeting in addition to good echoes",
        || with(quiet(), |it| it.messages.unasked = 4_711),
        &[],
    ),
    (
        "echoes arrived twice or out of order",
        || {
            with(quiet(), |it| {
                it.messages.duplicated = 7;
                it.messages.reordered = 70;
            })
        },
        &[],
    ),
    (
        "an echo arrived on another connection",
        || with(quiet(), |it| it.messages.misdelivered = 1),
        &["1 echoes arrived on the wrong connection"],
    ),
    (
        "the same, and connections failed",
        || with(failed("connection refused"), |it| it.messages.misdelivered = 1),
        &["the wrong connection", "CEILING: 5 of 50 connections could not be opened"],
    ),
    (
        "the server could not keep up with the rate",
        || {
            with(open_loop(100.0), |it| {
                it.messages.unsent = 300;
                it.messages_per_second = 70.0;
            })
        },
        &["100/s were requested and 70/s echoed; 300 messages could not be sent at all"],
    ),
    (
        "all 600 messages of a window were echoed, some after its end",
        || {
            with(open_loop(60.0), |it| {
                (it.messages.sent, it.messages.received) = (600, 600);
                it.messages_per_second = 60.0;
            })
        },
        &[],
    ),
    ("out of file descriptors", || failed("Too many open files"), &["ulimit"]),
    (
        "a tenth of the connections were reset while connecting",
        || failed("reset while connecting"),
        &["5 of 50 connections could not be opened"],
    ),
    (
        "the server closed connections during a bench",
        || {
            with(quiet(), |it| {
                it.connections.lost = 5;
                it.endings.insert("close 1001".into(), 5);
            })
        },
        &["ended during the run, most often with close 1001"],
    ),
    (
        "the server closed held connections",
        || ended(EndedBy::Server, "close 1001"),
        &["4 of 50 connections", "by the server with close 1001", "from 3.00 s to 6.00 s"],
    ),
    (
        "the server stalled while connections were held",
        || ended(EndedBy::Network, "silence"),
        &["by the network with silence"],
    ),
];

/// The evidence beside the outcome.
fn evidence(name: &str) -> Evidence {
    let mut evidence = Evidence::default();
    match name {
        "out of file descriptors" => {
            let sentence = "out of file descriptors: raise it with `ulimit -Hn`";
            evidence.limit = Some(("descriptors".into(), sentence.into()));
        }
        "the same, with `--fail-if 'p99.9>1s'`" => evidence.needed.push("p99.9".into()),
        _ => {}
    }
    evidence
}

#[test]
fn each_row_of_the_table_gets_its_verdict() {
    let documented = documented();
    let names: Vec<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    let in_docs: Vec<&str> = documented.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, in_docs, "the table and the cases have the same rows");
    for ((name, make, words), (_, headline)) in CASES.iter().zip(&documented) {
        let mut outcome = make();
        judge(&mut outcome, &evidence(name));
        let text = format!("{} {}", outcome.verdict_reason, outcome.findings.join(" "));
        assert_eq!(outcome.headline(), *headline, "{name}: {text}");
        for word in *words {
            assert!(text.contains(word), "{name}: no {word:?} in {text:?}");
        }
    }
}

#[test]
fn figures_are_marked_where_they_are_shown() {
    let mut outcome = stalled(&[2_000.0]);
    judge(&mut outcome, &Evidence::default());
    assert_eq!(outcome.valid_to, Some(50.0));
    let text = halloo::load::render::text::render(&outcome);
    assert!(text.contains("µs!") && text.contains("! dominated by stalls"), "{text}");
    let page = halloo::load::render::html::render(&outcome);
    assert!(page.contains("µs!") && page.contains("! dominated by stalls"));
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["verdict"], "GENERATOR-BOUND");
    assert_eq!(json["valid_to"], 50.0);
}

#[test]
fn figures_beyond_the_timeout_are_shown_as_a_bound() {
    let mut outcome = lost(20);
    judge(&mut outcome, &Evidence::default());
    let text = halloo::load::render::text::render(&outcome);
    assert!(text.contains("> 5.00 s"), "{text}");
    let page = halloo::load::render::html::render(&outcome);
    assert!(page.contains("&gt; 5.00 s"));
    let json = serde_json::to_value(&outcome).unwrap();
    assert!(json["latency_us"]["p99"].is_null() && json["latency_us"]["p50"].is_number());
    assert_eq!(json["latency_us"]["above_us"], 5e6);
}

#[test]
fn rare_counts_are_shown_only_if_they_occurred() {
    let mut outcome = quiet();
    assert!(!halloo::load::render::text::render(&outcome).contains("unasked"));
    (outcome.messages.unasked, outcome.messages.misdelivered) = (4_711, 1);
    (outcome.messages.late, outcome.messages.unsent) = (2, 3);
    let text = halloo::load::render::text::render(&outcome);
    let row = "1 misdelivered   4,711 unasked   2 after the timeout   3 never sent\n";
    assert!(text.contains(row), "{text}");
    let page = halloo::load::render::html::render(&outcome);
    for name in ["Misdelivered", "Unasked", "After the timeout", "Never sent"] {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn the_gravest_charge_becomes_the_verdict() {
    // All of it at once.
    let mut outcome = failed("connection refused");
    outcome.messages.lost = 500;
    outcome.stalls.lateness.record(5_000_000_000);
    judge(&mut outcome, &Evidence::default());
    assert_eq!(outcome.headline(), "CEILING: connection-refused");
    assert!(outcome.findings[0].starts_with("GENERATOR-BOUND: "), "{:?}", outcome.findings);
    assert!(outcome.findings[1].starts_with("LOSSY: "), "{:?}", outcome.findings);
    let findings = outcome.findings.clone();
    judge(&mut outcome, &Evidence::default());
    assert_eq!(outcome.findings, findings, "judging again changes nothing");
}

/// The rows of the table: what happened, and the verdict.
fn documented() -> Vec<(String, String)> {
    let text = include_str!("../../docs/measuring.md");
    let (_, table) =
        text.split_once("| what happened | verdict | reason or finding |\n").expect("the table");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("| "));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let name = cells[0].trim_end_matches('●').trim_end();
        (name.to_owned(), cells[1].trim_matches('`').to_owned())
    })
    .collect()
}

/// A closed loop of 10 s, with 50 connections and 1,000 messages of 100 µs each.
fn quiet() -> Outcome {
    let mut outcome = outcome::closed(1, 10, 100, 100.0);
    outcome.connections = Connections { requested: 50, established: 50, failed: 0, lost: 0 };
    outcome.generator.cpu_of_busiest = 0.4;
    outcome.server = None;
    took(&mut outcome, 100_000.0);
    (0..5_000).for_each(|_| outcome.stalls.lateness.record(5_000));
    outcome
}

fn with(mut outcome: Outcome, change: impl FnOnce(&mut Outcome)) -> Outcome {
    change(&mut outcome);
    outcome
}

/// Makes all messages take this many ns.
fn took(outcome: &mut Outcome, nanoseconds: f64) {
    let mut latency = Histogram::new();
    (0..1_000).for_each(|_| latency.record(nanoseconds as u64));
    outcome.histograms.latency = latency;
    outcome.latency_us = outcome.histograms.latency_us(5.0);
    outcome.latency_uncorrected_us = outcome.latency_us;
}

/// An outcome with beats that were late by this many ms.
fn stalled(late_ms: &[f64]) -> Outcome {
    with(quiet(), |it| {
        late_ms.iter().for_each(|late| it.stalls.lateness.record((late * 1e6) as u64));
    })
}

fn open_loop(rate: f64) -> Outcome {
    with(quiet(), |it| {
        it.load.rate = Some(rate);
        it.load.depth = None;
        it.messages_per_second = rate;
    })
}

fn hold() -> Outcome {
    with(quiet(), |it| {
        it.kind = Kind::Hold;
        it.load.rate = Some(100.0);
    })
}

/// An outcome with this many of 1,000 messages echoed.
fn with_echoes(received: u64) -> Outcome {
    with(quiet(), |it| {
        it.messages.received = received;
        if received == 0 {
            it.histograms.latency = Histogram::new();
            it.latency_us = it.histograms.latency_us(5.0);
        }
    })
}

fn wrong(echoed: u64, corrupted: u64) -> Outcome {
    with(with_echoes(echoed), |it| {
        it.messages.received = echoed + corrupted;
        it.messages.corrupted = corrupted;
        let (sent, received) = (Some("abc".into()), "[Thu".into());
        it.difference = Some(Difference { connection: 3, sent, received });
    })
}

fn lost(count: u64) -> Outcome {
    with(with_echoes(1_000 - count), |it| {
        it.messages.lost = count;
        it.histograms.beyond = count;
        it.latency_us = it.histograms.latency_us(5.0);
    })
}

fn failed(reason: &str) -> Outcome {
    with(quiet(), |it| {
        it.connections = Connections { requested: 50, established: 45, failed: 5, lost: 0 };
        it.errors.insert(reason.into(), 5);
    })
}

fn ended(by: EndedBy, how: &str) -> Outcome {
    with(hold(), |it| {
        it.connections.lost = 4;
        it.endings.insert(how.into(), 4);
        let loss = |connection: u64| {
            let at_s = 3.0 + connection as f64;
            Loss { connection, by, how: how.into(), at_s, after_s: at_s, in_window_s: None }
        };
        it.ledger = (0..4).map(loss).collect();
    })
}

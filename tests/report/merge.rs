//! Merging results: exactly, in any order, from overlapping and consecutive runs.

use super::outcome;
use halloo::load::result::EndReason;
use halloo::load::result::merge::{merge, merge_forced, merge_shares};
use halloo::load::result::outcome::{ConnectPhase, Difference, Kind};
use halloo::load::{Histogram, Outcome, Verdict};

/// Changes a result.
type Spoil = fn(&mut Outcome);

/// An outcome that started this many seconds later.
fn later(outcome: Outcome, seconds: i64) -> Outcome {
    let start: jiff::Timestamp = outcome.started_at.parse().expect("a time");
    let start = start + jiff::SignedDuration::from_secs(seconds);
    Outcome { started_at: format!("{start:.3}"), ..outcome }
}

fn three() -> [Outcome; 3] {
    [1, 2, 3].map(|seed| outcome::closed(seed, 10, 40, 150.0 + 20.0 * seed as f64))
}

fn added(outcomes: &[Outcome], of: impl Fn(&Outcome) -> &Histogram) -> Vec<(u64, u64)> {
    let mut sum = Histogram::new();
    outcomes.iter().for_each(|outcome| sum.add(of(outcome)));
    sum.counts().collect()
}

#[track_caller]
fn assert_near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 1e-9 * expected.abs(), "{value} for {expected}");
}

#[test]
fn histograms_are_added_exactly() {
    let parts = three();
    let merged = merge(&parts).unwrap();
    let counts: Vec<_> = merged.histograms.latency.counts().collect();
    assert_eq!(counts, added(&parts, |part| &part.histograms.latency));
    assert_eq!(merged.latency_us, merged.histograms.latency_us(5.0));
    let connecting: Vec<_> = merged.connecting.histogram.counts().collect();
    assert_eq!(connecting, added(&parts, |part| &part.connecting.histogram));
    let mean: f64 = parts.iter().map(|part| part.latency_us.p99.unwrap()).sum::<f64>() / 3.0;
    assert_ne!(merged.latency_us.p99, Some(mean), "a percentile is not a mean of percentiles");
}

#[test]
fn rates_of_overlapping_runs_add_up() {
    let parts = three();
    let merged = merge(&parts).unwrap();
    assert_near(merged.duration_s, 10.0);
    assert_eq!(merged.intervals.len(), 10);
    assert_near(merged.messages_per_second, parts.iter().map(|it| it.messages_per_second).sum());
    assert_near(merged.bytes_per_second, parts.iter().map(|it| it.bytes_per_second).sum());
    for (index, interval) in merged.intervals.iter().enumerate() {
        assert_eq!(interval.connections, 3 * 998);
        assert_eq!(interval.received, 3 * 40);
        let inside: Vec<_> = interval.histograms.latency.counts().collect();
        assert_eq!(inside, added(&parts, |part| &part.intervals[index].histograms.latency));
    }
    // Each part has its own generator, and all watched the same server.
    assert_near(merged.generator.cpu, 3.0 * 0.41);
    assert_eq!(merged.generator.processes, 3);
    let server = merged.server.unwrap();
    let parts_cpu = |index: usize| {
        parts.iter().filter_map(|it| it.intervals[index].server_cpu).fold(0.0, f64::max)
    };
    assert_near(merged.intervals[4].server_cpu.unwrap(), parts_cpu(4));
    assert!((0.5..0.8).contains(&server.cpu), "{server:?}");
}

#[test]
fn pauses_between_consecutive_runs_do_not_count() {
    let [one, two, three] = three();
    let parts = [one, later(two, 60), later(three, 3_600)];
    let merged = merge(&parts).unwrap();
    assert_near(merged.duration_s, 30.0);
    assert_eq!(merged.intervals.len(), 30);
    let mean = parts.iter().map(|it| it.messages_per_second).sum::<f64>() / 3.0;
    assert_near(merged.messages_per_second, mean);
    assert_near(merged.generator.cpu, 0.41);
    let starts: Vec<f64> = merged.intervals.iter().map(|interval| interval.start_s).collect();
    assert!(starts.windows(2).all(|pair| (pair[1] - pair[0] - 1.0).abs() < 1e-9), "{starts:?}");
}

#[test]
fn partly_overlapping_runs() {
    let [one, two, _] = three();
    let merged = merge(&[one, later(two, 5)]).unwrap();
    assert_near(merged.duration_s, 15.0);
    let received: Vec<u64> = merged.intervals.iter().map(|interval| interval.received).collect();
    assert_eq!(received, [vec![40; 5], vec![80; 5], vec![40; 5]].concat());
}

#[test]
fn the_order_does_not_matter() {
    let [one, two, three] = three();
    let parts = [one, later(two, 3), later(three, 60)];
    let merged = merge(&parts).unwrap();
    let [one, two, three] = parts;
    assert_eq!(merge(&[three.clone(), one.clone(), two.clone()]).unwrap(), merged);
    assert_eq!(merge(&[two, three, one]).unwrap(), merged);
}

#[test]
fn merging_merged_results_equals_merging_all() {
    let [one, two, three] = three();
    let all = merge(&[one.clone(), two.clone(), three.clone()]).unwrap();
    let stepwise = merge(&[merge(&[one, two]).unwrap(), three]).unwrap();
    assert_eq!((stepwise.runs, all.runs), (3, 3));
    let counts = |it: &Outcome| it.histograms.latency.counts().collect::<Vec<_>>();
    assert_eq!(counts(&stepwise), counts(&all));
    assert_eq!(stepwise.connections, all.connections);
    assert_near(stepwise.messages_per_second, all.messages_per_second);
}

#[test]
fn counts_reasons_and_rates_add_up() {
    let mut parts = [outcome::open(30), outcome::open(30)];
    parts[1].command += " # on another machine";
    let merged = merge(&parts).unwrap();
    assert_eq!(merged.connections.lost, 20);
    assert_eq!(merged.messages.reordered, 6);
    assert_eq!(merged.errors[&"a message was lost".into()], 82);
    assert_eq!(merged.endings[&EndReason::Reset], 14);
    assert_eq!(merged.generator.late_sends, 24);
    assert_near(merged.load.rate.unwrap(), 60.0);
    let uncorrected: Vec<_> = merged.histograms.uncorrected().counts().collect();
    assert_eq!(uncorrected, added(&parts, |part| part.histograms.uncorrected()));
    assert_eq!(merged.latency_uncorrected_us, parts[0].latency_uncorrected_us);
}

#[test]
fn merged_ledgers_are_numbered_consecutively() {
    let merged = merge(&[outcome::hold(), later(outcome::hold(), 600)]).unwrap();
    assert_eq!(merged.ledger.len(), 128);
    assert!(merged.ledger.iter().any(|loss| loss.connection >= 19_900));
    assert!(merged.ledger.windows(2).all(|pair| pair[0].at_s <= pair[1].at_s));
    assert!(merged.ledger.last().unwrap().at_s < 120.0, "the pause is cut out");
}

#[test]
fn the_verdict_is_that_of_the_worst_part_and_its_sentence_is_about_the_sum() {
    let [one, mut two, mut three] = three();
    two.verdict = Verdict::RateNotReached;
    three.verdict = Verdict::GeneratorBound;
    three.verdict_reason = "the generator was late for 24 of 27 messages".into();
    three.valid_to = Some(90.0);
    three.not_believed = vec!["p99".into()];
    let merged = merge(&[one, two, three]).unwrap();
    assert_eq!(merged.verdict, Verdict::GeneratorBound);
    assert!(merged.verdict_reason.starts_with("1 of 3 parts had this verdict"), "{merged:?}");
    assert!(!merged.verdict_reason.contains("24 of 27"), "{}", merged.verdict_reason);
    assert_eq!((merged.valid_to, merged.not_believed), (Some(90.0), vec!["p99".into()]));
}

#[test]
fn a_limit_that_one_part_reached_counts_all_connections() {
    let [mut one, two, _] = three();
    one.connections.failed = 24;
    one.verdict = Verdict::Ceiling;
    one.ceiling = Some("backlog".into());
    one.verdict_reason = "24 of 998 connections failed: raise the backlog".into();
    let merged = merge(&[one, two]).unwrap();
    assert_eq!((merged.verdict, merged.ceiling.as_deref()), (Verdict::Ceiling, Some("backlog")));
    assert_eq!(merged.verdict_reason, "24 of 1,996 connections failed: raise the backlog");
}

#[test]
fn the_sum_has_every_field_of_its_parts() {
    let [mut one, mut two, _] = three();
    let mut histogram = Histogram::new();
    histogram.record(1_000_000);
    let phase = |name: &str| {
        let latency_us = histogram.latency();
        ConnectPhase { name: name.into(), latency_us, histogram: histogram.clone() }
    };
    one.connecting.phases = vec![phase("tcp"), phase("upgrade")];
    two.connecting.phases = vec![phase("tcp"), phase("authentication")];
    for (part, seconds) in [(&mut one, 1.0), (&mut two, 2.0)] {
        part.histograms.beyond = 4;
        part.messages.unasked = 3;
        part.messages.misdelivered = 2;
        part.stalls.lateness = histogram.clone();
        part.stalls.run_delay_s = Some(seconds);
        part.stalls.timeslices = Some(5);
        part.findings = vec!["it was cold".into(), format!("it took {seconds}")];
        part.intervals[0].histograms.beyond = 4;
    }
    two.interrupted = true;
    two.planned_s = Some(60.0);
    two.difference = Some(Difference { connection: 1, sent: None, received: "x".into() });
    let merged = merge(&[one, two.clone()]).unwrap();
    assert_eq!((merged.histograms.beyond, merged.intervals[0].histograms.beyond), (8, 8));
    assert_eq!(merged.latency_us.max, None);
    assert_eq!((merged.messages.unasked, merged.messages.misdelivered), (6, 4));
    let stalls = &merged.stalls;
    assert_eq!((stalls.lateness.count(), stalls.timeslices), (2, Some(10)));
    assert_eq!((stalls.run_delay_s, stalls.watched_s), (Some(3.0), 20.0));
    assert_eq!(merged.findings[..3], ["it was cold", "it took 1", "it took 2"]);
    assert_eq!((merged.interrupted, merged.planned_s), (true, Some(60.0)));
    assert_eq!(merged.difference, two.difference);
    let phases: Vec<(&str, u64)> = merged
        .connecting
        .phases
        .iter()
        .map(|phase| (phase.name.as_str(), phase.histogram.count()))
        .collect();
    assert_eq!(phases, [("tcp", 2), ("upgrade", 1), ("authentication", 1)]);
}

#[test]
fn different_experiments_are_rejected_by_field_or_forced() {
    let fields: [(&str, Spoil); 9] = [
        ("the kinds differ: a bench and a hold", |it| it.kind = Kind::Hold),
        ("the targets differ: ws://10.0.0.7:9527/echo and ws://b/", |it| {
            it.target = "ws://b/".into();
        }),
        ("the message sizes differ: 64 B and 65 B", |it| it.load.message_bytes = 65),
        ("the verification differ", |it| it.load.verified = false),
        ("the loads differ: a closed loop with 1 in flight and an open loop", |it| {
            (it.load.depth, it.load.rate) = (None, Some(100.0));
        }),
        ("the loads differ: a closed loop with 1 in flight and a closed loop with 2", |it| {
            it.load.depth = Some(2);
        }),
        ("the reply timeouts differ: 5.00 s and 1.00 s", |it| it.load.reply_timeout_s = 1.0),
        ("the loss limits differ: 1.0 % and 2.0 %", |it| it.load.lossy_above = 0.02),
        ("the numbers of connections differ: 998 and 50", |it| it.connections.requested = 50),
    ];
    for (words, spoil) in fields {
        let [one, mut two, _] = three();
        spoil(&mut two);
        let reason = merge(&[one.clone(), two.clone()]).expect_err(words);
        assert!(reason.contains(words) && reason.contains("--force"), "{words}: {reason}");
        let forced = merge_forced(&[one, two]).expect("it is forced");
        let recorded = forced.findings.iter().any(|finding| finding.contains(words));
        assert!(recorded, "{words}: {:?}", forced.findings);
    }
    let (one, mut two) = (outcome::open(30), outcome::open(30));
    two.command.clear();
    two.load.rate = Some(31.0);
    assert!(merge(&[one, two]).unwrap_err().contains("the rates differ: 30.0/s and 31.0/s"));
}

#[test]
fn the_same_run_counts_once() {
    let [one, two, _] = three();
    let twice = [one.clone(), two, one.clone()];
    let reason = merge(&twice).unwrap_err();
    assert!(reason.contains("2026-11-27T09:10:35.123Z is given twice"), "{reason}");
    let forced = merge_forced(&twice).expect("it is forced");
    assert!(forced.findings[0].contains("is given twice"));
    // The shares of a run are known to be distinct.
    let shares = merge_shares(&[one.clone(), one]).expect("they are shares");
    assert_eq!(shares.findings, Vec::<String>::new());
}

#[test]
fn shares_of_a_number_of_connections_are_one_experiment() {
    let [one, mut two, _] = three();
    two.connections.requested += 1;
    assert!(merge(&[one, two]).is_ok());
}

#[test]
fn counts_that_overflow_are_an_error() {
    let spoils: [fn(&mut Outcome, u64); 8] = [
        |it, count| it.messages.sent = count,
        |it, count| it.messages.duplicated = count,
        |it, count| it.connections.established = count,
        |it, count| it.histograms.beyond = count,
        |it, count| it.generator.late_sends = count,
        |it, count| it.errors = [("reset".into(), count)].into(),
        |it, count| it.intervals[2].received = count,
        |it, count| it.intervals[2].own_rss_kib = Some(count),
    ];
    for (index, spoil) in spoils.into_iter().enumerate() {
        for count in [u64::MAX, u64::MAX / 2 + 1] {
            let [mut one, mut two, three] = three();
            spoil(&mut one, count);
            spoil(&mut two, count);
            let reason = merge(&[one, two, three]).expect_err("it overflows");
            assert!(reason.contains("counts overflow"), "{index}: {reason}");
        }
    }
    let [mut one, mut two, _] = three();
    (one.runs, two.runs) = (u32::MAX, 1);
    assert!(merge(&[one, two]).unwrap_err().contains("counts overflow"));
}

#[test]
fn one_result_is_unchanged_and_none_or_a_mixture_is_an_error() {
    let one = outcome::closed(1, 5, 20, 180.0);
    let merged = merge(std::slice::from_ref(&one)).unwrap();
    assert_eq!(merged.intervals, one.intervals);
    assert_eq!(merged.connections, one.connections);
    assert!(merge(&[]).unwrap_err().contains("nothing to merge"));
    assert!(merge(&[one.clone(), outcome::hold()]).unwrap_err().contains("cannot be merged"));
    let timeless = Outcome { started_at: "noon".into(), ..one };
    assert!(merge(&[timeless]).unwrap_err().contains("'noon'"));
}

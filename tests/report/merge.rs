//! Several results made one: exactly, in any order, one beside the other or one after the other.

use super::outcome;
use halloo::load::merge::merge;
use halloo::load::{Histogram, Outcome, Verdict};

/// So many seconds later than the results of the samples.
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
    assert_ne!(merged.latency_us.p99, Some(mean), "a percentile is no mean of percentiles");
}

#[test]
fn at_the_same_time_rates_add_up() {
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
    // Each has its own generator, and all watched the same server.
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
fn one_after_the_other_the_pause_does_not_count() {
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
fn partly_at_the_same_time() {
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
fn merging_what_was_merged_is_merging_all() {
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
fn counts_reasons_and_open_loops_add_up() {
    let parts = [outcome::open(30), outcome::open(30)];
    let merged = merge(&parts).unwrap();
    assert_eq!(merged.connections.lost, 20);
    assert_eq!(merged.messages.reordered, 6);
    assert_eq!(merged.errors["a message was lost"], 82);
    assert_eq!(merged.endings["RST"], 14);
    assert_eq!(merged.generator.late_sends, 24);
    assert_near(merged.load.rate.unwrap(), 60.0);
    let uncorrected: Vec<_> = merged.histograms.uncorrected().counts().collect();
    assert_eq!(uncorrected, added(&parts, |part| part.histograms.uncorrected()));
    assert_eq!(merged.latency_uncorrected_us, parts[0].latency_uncorrected_us);
}

#[test]
fn ledgers_are_numbered_through() {
    let merged = merge(&[outcome::hold(), later(outcome::hold(), 600)]).unwrap();
    assert_eq!(merged.ledger.len(), 128);
    assert!(merged.ledger.iter().any(|loss| loss.connection >= 19_900));
    assert!(merged.ledger.windows(2).all(|pair| pair[0].at_s <= pair[1].at_s));
    assert!(merged.ledger.last().unwrap().at_s < 120.0, "the pause is cut out");
}

#[test]
fn the_worst_verdict_is_that_of_all() {
    let [one, mut two, mut three] = three();
    two.verdict = Verdict::RateNotReached;
    three.verdict = Verdict::GeneratorBound;
    three.verdict_reason = "too slow".into();
    let merged = merge(&[one, two, three]).unwrap();
    assert_eq!(merged.verdict, Verdict::GeneratorBound);
    assert_eq!(merged.verdict_reason, "too slow");
}

#[test]
fn one_is_itself_and_none_or_a_mixture_is_an_error() {
    let one = outcome::closed(1, 5, 20, 180.0);
    let merged = merge(std::slice::from_ref(&one)).unwrap();
    assert_eq!(merged.intervals, one.intervals);
    assert_eq!(merged.connections, one.connections);
    assert!(merge(&[]).unwrap_err().contains("nothing to merge"));
    assert!(merge(&[one.clone(), outcome::hold()]).unwrap_err().contains("cannot be merged"));
    let timeless = Outcome { started_at: "noon".into(), ..one };
    assert!(merge(&[timeless]).unwrap_err().contains("'noon'"));
}

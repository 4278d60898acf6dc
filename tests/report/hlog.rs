//! The HdrHistogram log: header, columns, tags, and histograms that add up to the whole.

use super::outcome;
use halloo::load::render::hlog;
use halloo::load::{Histogram, Outcome};

/// A parsed line.
struct Line {
    tag: Option<String>,
    start_s: f64,
    length_s: f64,
    max_ms: f64,
    histogram: Histogram,
}

/// Parses a log as strictly as the format demands.
fn read(log: &str) -> Vec<Line> {
    let mut lines = log.lines().skip_while(|line| line.starts_with('#'));
    let head = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
                \"Interval_Compressed_Histogram\"";
    assert_eq!(lines.next(), Some(head));
    lines
        .map(|line| {
            let mut fields: Vec<&str> = line.split(',').collect();
            let tag = fields[0].strip_prefix("Tag=").map(str::to_owned);
            if tag.is_some() {
                fields.remove(0);
            }
            let [start, length, max, histogram] = fields[..] else { panic!("{line}") };
            let number = |text: &str| text.parse().expect(text);
            Line {
                tag,
                start_s: number(start),
                length_s: number(length),
                max_ms: number(max),
                histogram: Histogram::decode(histogram).expect("it is a histogram"),
            }
        })
        .collect()
}

fn sum(lines: &[Line], tag: Option<&str>) -> Histogram {
    let mut sum = Histogram::new();
    for line in lines.iter().filter(|line| line.tag.as_deref() == tag) {
        sum.add(&line.histogram);
    }
    sum
}

#[track_caller]
fn assert_same(one: &Histogram, other: &Histogram) {
    assert_eq!(one.counts().collect::<Vec<_>>(), other.counts().collect::<Vec<_>>());
}

#[test]
fn the_header_has_version_and_start() {
    let log = hlog::render(&outcome::open(5));
    assert!(log.contains("\n#[Histogram log format version 1.3]\n"), "{log}");
    let start = "\n#[StartTime: 1795770635.123 (seconds since epoch), 2026-11-27T09:10:35.123Z]\n";
    assert!(log.contains(start), "{log}");
}

#[test]
fn two_latencies_are_two_tags_and_add_up() {
    let outcome = outcome::open(300);
    let lines = read(&hlog::render(&outcome));
    assert_eq!(lines.len(), 2 * outcome.intervals.len());
    assert_same(&sum(&lines, Some("corrected")), &outcome.histograms.latency);
    assert_same(&sum(&lines, Some("uncorrected")), outcome.histograms.uncorrected());
    for (line, interval) in lines.iter().step_by(2).zip(&outcome.intervals) {
        assert_eq!((line.start_s, line.length_s), (interval.start_s, interval.duration_s));
        let max_ms = interval.histograms.latency.latency().max.unwrap() / 1e3;
        assert!((line.max_ms - max_ms).abs() <= 1e-4 * max_ms, "{} {max_ms}", line.max_ms);
    }
}

#[test]
fn one_latency_has_no_tag() {
    let outcome = outcome::closed(1, 4, 100, 180.0);
    let lines = read(&hlog::render(&outcome));
    assert_same(&sum(&lines, None), &outcome.histograms.latency);
    assert_eq!(lines.len(), 4);
}

#[test]
fn an_empty_outcome_is_a_log_and_comments_stay_on_one_line() {
    let nothing = outcome::nothing();
    let outcome = Outcome { program: "halloo\n0.0,1.0,1.0,HISTF".into(), ..nothing };
    assert_eq!(read(&hlog::render(&outcome)).len(), 0);
}

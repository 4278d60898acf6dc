//! Reduces the window to few enough pieces for a chart: neighbouring intervals are added, exactly.

use crate::load::result::outcome::{Interval, Outcome};

/// The most pieces of a chart: 300, more than it has room for.
const PIECES_MAX: usize = 300;

/// A piece of the window.
pub(super) struct Moment {
    pub(super) start_s: f64,
    pub(super) end_s: f64,
    pub(super) connections: f64,
    pub(super) per_second: f64,
    /// Latencies in µs; `None` without echoes.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
    /// The latest beat of the generator's event loop, in µs; `None` without beats.
    pub(super) stall: Option<f64>,
    pub(super) own_cpu: f64,
    pub(super) server_cpu: Option<f64>,
    pub(super) own_rss_kib: Option<f64>,
    pub(super) server_rss_kib: Option<f64>,
}

impl Moment {
    /// The middle, where a chart draws it.
    pub(super) fn middle_s(&self) -> f64 {
        f64::midpoint(self.start_s, self.end_s)
    }
}

/// The pieces, in order.
pub(super) fn moments(outcome: &Outcome) -> Vec<Moment> {
    let together = outcome.intervals.len().div_ceil(PIECES_MAX).max(1);
    outcome.intervals.chunks(together).filter_map(moment).collect()
}

fn moment(intervals: &[Interval]) -> Option<Moment> {
    let (first, last) = (intervals.first()?, intervals.last()?);
    let mut latency = first.histograms.latency.clone();
    intervals[1..].iter().for_each(|interval| latency.add(&interval.histograms.latency));
    let duration_s: f64 = intervals.iter().map(|interval| interval.duration_s).sum();
    let duration_s = duration_s.max(f64::MIN_POSITIVE);
    let received: u64 = intervals.iter().map(|interval| interval.received).sum();
    let cpu = |of: fn(&Interval) -> Option<f64>| {
        let busy = intervals.iter().map(|interval| Some(of(interval)? * interval.duration_s));
        Some(busy.sum::<Option<f64>>()? / duration_s)
    };
    let rss = |of: fn(&Interval) -> Option<u64>| {
        intervals.iter().filter_map(of).max().map(|kib| kib as f64)
    };
    let figures = (latency.count() > 0).then(|| latency.latency());
    Some(Moment {
        start_s: first.start_s,
        end_s: last.start_s + last.duration_s,
        connections: last.connections as f64,
        per_second: received as f64 / duration_s,
        p50: figures.and_then(|it| it.p50),
        p99: figures.and_then(|it| it.p99),
        max: figures.and_then(|it| it.max),
        stall: stall(intervals),
        own_cpu: cpu(|interval| Some(interval.cpu))?,
        server_cpu: cpu(|interval| interval.server_cpu),
        own_rss_kib: rss(|interval| interval.own_rss_kib),
        server_rss_kib: rss(|interval| interval.server_rss_kib),
    })
}

fn stall(intervals: &[Interval]) -> Option<f64> {
    let with_beats = intervals.iter().filter(|interval| interval.stalls.count() > 0);
    with_beats
        .map(|interval| interval.stalls.nanoseconds_max())
        .max()
        .map(|longest| longest as f64 / 1e3)
}

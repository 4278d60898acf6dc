//! The charts of an outcome.

use super::super::quantity::{cpus, length_s, memory_kib, per_second, significant, time_us};
use super::chart::{Scale, linear, logarithmic, multiples, time_step};
use super::markup::escaped;
use super::moments::{Moment, moments};
use super::plot::{Axis, FULL, HALF, Hint, Plot, Series, legend};
use super::steps;
use crate::load::result::histogram::Histogram;
use crate::load::result::outcome::Outcome;

/// Points of the percentile curve.
const CURVE_POINTS: u32 = 240;

/// The shortest stalls drawn next to latencies: 1 µs.
const STALL_SHOWN_US: f64 = 1.0;

/// The ratio of the largest value to the smallest from which a scale is logarithmic.
const LOGARITHMIC_FROM: f64 = 15.0;

/// The percentile curve; empty without echoes.
pub(super) fn percentiles(outcome: &Outcome) -> String {
    let histograms = &outcome.histograms;
    let total = histograms.latency.count();
    if total == 0 {
        return String::new();
    }
    let nines = (total as f64).log10().clamp(1.0, 7.0);
    let mut series = vec![curve("corrected", &histograms.latency, histograms.beyond, nines)];
    if let Some(uncorrected) = &histograms.uncorrected {
        series.push(curve("uncorrected", uncorrected, histograms.beyond, nines));
    }
    let lateness = &outcome.stalls.lateness;
    let has_two = series.len() > 1;
    if lateness.count() > 0 {
        let mut stalls = curve("stalls of the generator", lateness, 0, nines);
        // A logarithmic scale cannot show beats on time.
        let is_shown = |value: &f64| *value >= STALL_SHOWN_US;
        stalls.points.iter_mut().for_each(|(_, value)| *value = value.filter(is_shown));
        series.push(stalls);
    }
    let names: Vec<&str> = series.iter().map(|series| series.name).collect();
    let time = |name: &str| outcome.latency_us.figure(name).text(time_us);
    let explanation = if has_two {
        "Corrected latency is measured from the intended send time. Uncorrected latency is measured from the \
         actual send and hides the delay before it. Where the two diverge, messages were queued."
    } else {
        "Each additional 9 leaves a tenth as many messages to its right."
    };
    let plot = Plot {
        id: "percentiles",
        title: "Latency by percentile",
        description: format!(
            "Half of the messages took at most {}, 99 % at most {}, the longest {}.",
            time("p50"),
            time("p99"),
            time("max")
        ),
        x: Axis { scale: Scale::linear(0.0, nines), ticks: nines_ticks(nines) },
        y: time_axis_of(&series),
        series,
        hints: Vec::new(),
    };
    figure("By percentile", explanation, &names, &plot.render(FULL))
}

/// The number of charts over time at full page width: latency, and the stalls below it.
const FULL_CHARTS: usize = 2;

/// The charts over time.
pub(super) fn over_time(outcome: &Outcome) -> String {
    let moments = moments(outcome);
    if moments.is_empty() {
        return String::new();
    }
    let of = |name, value: fn(&Moment) -> Option<f64>| line(&moments, name, value);
    let latency = [of("p50", |it| it.p50), of("p99", |it| it.p99), of("max", |it| it.max)];
    let cpu = [of("generator", |it| Some(it.own_cpu)), of("server", |it| it.server_cpu)];
    let memory = [of("generator", |it| it.own_rss_kib), of("server", |it| it.server_rss_kib)];
    let connections = |value: f64| significant(value.round());
    let charts = [
        Chart { id: "latency", title: "Latency", show: time_us, kind: Kind::Time },
        Chart { id: "stalls", title: "Event-loop stalls", show: time_us, kind: Kind::Time },
        Chart { id: "rate", title: "Messages received", show: per_second, kind: Kind::Plain },
        Chart { id: "connections", title: "Connections", show: connections, kind: Kind::Cropped },
        Chart { id: "cpu", title: "CPU", show: cpus, kind: Kind::Plain },
        Chart { id: "memory", title: "Memory", show: memory_kib, kind: Kind::Memory },
    ];
    let series = [
        latency.to_vec(),
        vec![of("longest", |it| it.stall)],
        vec![of("rate", |it| Some(it.per_second))],
        vec![of("connections", |it| Some(it.connections))],
        cpu.to_vec(),
        memory.to_vec(),
    ];
    let steps = steps::connections(outcome, &moments);
    let figures: Vec<String> = charts
        .iter()
        .zip(series)
        .map(|(chart, series)| match chart.kind {
            Kind::Cropped => chart.figure(&moments, series, &steps),
            _ => chart.figure(&moments, series, &[]),
        })
        .collect();
    let (full, half) = figures.split_at(FULL_CHARTS);
    format!("{}<div class=\"charts\">\n{}</div>\n", full.concat(), half.concat())
}

/// A chart over time.
struct Chart {
    id: &'static str,
    title: &'static str,
    show: fn(f64) -> String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// From 0.
    Plain,
    /// Cropped if the values are close together: a few lost connections out of many must be
    /// visible.
    Cropped,
    /// Times in µs.
    Time,
    /// KiB.
    Memory,
}

impl Chart {
    /// The chart; empty if nothing was measured. `steps`, if any, replace a single series.
    fn figure(
        &self,
        moments: &[Moment],
        series: Vec<Series>,
        steps: &[(f64, Option<f64>)],
    ) -> String {
        let measured = |series: &Series| series.points.iter().any(|(_, value)| value.is_some());
        let series: Vec<Series> = series.into_iter().filter(measured).collect();
        let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
            return String::new();
        };
        if series.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = series.iter().map(|series| series.name).collect();
        let hints = self.hints(moments, &series);
        let drawn = match (&series[..], steps) {
            ([only], [_, ..]) => vec![Series { name: only.name, points: steps.to_vec() }],
            _ => series,
        };
        let plot = Plot {
            id: self.id,
            title: self.title,
            description: self.description(&drawn),
            x: seconds_axis(first.start_s.min(0.0), last.end_s),
            y: self.y_axis(&drawn),
            hints,
            series: drawn,
        };
        let sizes = if self.kind == Kind::Time { FULL } else { HALF };
        figure(self.title, "", &names, &plot.render(sizes))
    }

    fn description(&self, series: &[Series]) -> String {
        let parts = series.iter().map(|series| {
            let values = values(std::slice::from_ref(series));
            let min = values.iter().copied().fold(f64::INFINITY, f64::min);
            let max = values.iter().copied().fold(0.0, f64::max);
            format!("{}: from {} to {}.", series.name, (self.show)(min), (self.show)(max))
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    fn y_axis(&self, series: &[Series]) -> Axis {
        let all = values(series);
        let max = all.iter().copied().fold(0.0, f64::max);
        let (scale, ticks) = match self.kind {
            Kind::Time => return time_axis_of(series),
            Kind::Memory if max >= 1024.0 * 1024.0 => linear(&all, 1024.0 * 1024.0, false),
            Kind::Memory if max >= 1024.0 => linear(&all, 1024.0, false),
            Kind::Plain | Kind::Memory => linear(&all, 1.0, false),
            Kind::Cropped => linear(&all, 1.0, true),
        };
        Axis { scale, ticks: labelled(ticks, self.show) }
    }

    fn hints(&self, moments: &[Moment], series: &[Series]) -> Vec<Hint> {
        let hint = |(index, moment): (usize, &Moment)| {
            let values = series.iter().filter_map(|series| {
                let value = (self.show)(series.points[index].1?);
                Some(format!("{} {value}", series.name))
            });
            let values: Vec<String> = values.collect();
            let text = format!("{}: {}", length_s(moment.start_s), values.join(", "));
            Hint { from: moment.start_s, to: moment.end_s, text }
        };
        moments.iter().enumerate().map(hint).collect()
    }
}

fn figure(title: &str, explanation: &str, names: &[&str], plot: &str) -> String {
    let explanation = match explanation {
        "" => String::new(),
        _ => format!("<p>{}</p>\n", escaped(explanation)),
    };
    let (title, legend) = (escaped(title), legend(names));
    format!(
        "<figure>\n<figcaption><h3>{title}</h3>\n{explanation}{legend}</figcaption>\n{plot}</figure>\n"
    )
}

/// A percentile curve. It ends where the messages without a response begin.
fn curve(name: &'static str, histogram: &Histogram, beyond: u64, nines: f64) -> Series {
    let share_with_response =
        histogram.count() as f64 / histogram.count().saturating_add(beyond).max(1) as f64;
    let points = (0..=CURVE_POINTS).map(|index| {
        let x = nines * f64::from(index) / f64::from(CURVE_POINTS);
        let quantile = if index == CURVE_POINTS { 1.0 } else { 1.0 - 10_f64.powf(-x) };
        let has_response = quantile <= share_with_response;
        let nanoseconds =
            || histogram.quantile((quantile / share_with_response).min(1.0)).as_nanos();
        (x, has_response.then(|| nanoseconds() as f64 / 1e3))
    });
    Series { name, points: points.collect() }
}

fn line(moments: &[Moment], name: &'static str, value: fn(&Moment) -> Option<f64>) -> Series {
    Series { name, points: moments.iter().map(|it| (it.middle_s(), value(it))).collect() }
}

fn nines_ticks(nines: f64) -> Vec<(f64, String)> {
    let mut ticks = vec![(0.0, "0 %".to_owned()), (0.5_f64.log10().abs(), "50 %".to_owned())];
    for count in 1..=nines.floor() as usize {
        let label = match count {
            1 => "90 %".into(),
            2 => "99 %".into(),
            _ => format!("99.{} %", "9".repeat(count - 2)),
        };
        ticks.push((count as f64, label));
    }
    ticks
}

fn seconds_axis(from: f64, to: f64) -> Axis {
    let scale = Scale::linear(from, to);
    let (unit, name) = match scale.max - from {
        length if length > 7_200.0 => (3_600.0, "h"),
        length if length > 180.0 => (60.0, "min"),
        _ => (1.0, "s"),
    };
    let ticks = multiples(time_step(scale.max - from, 5.0), from, scale.max);
    let label = |tick: f64| (tick, format!("{} {name}", round(tick / unit)));
    Axis { scale, ticks: ticks.into_iter().map(label).collect() }
}

/// A time axis, logarithmic if the values differ enough.
fn time_axis_of(series: &[Series]) -> Axis {
    let all = values(series);
    let min = all.iter().copied().fold(f64::INFINITY, f64::min).max(1e-3);
    let max = all.iter().copied().fold(1e-3, f64::max);
    if max / min >= LOGARITHMIC_FROM {
        let (scale, ticks) = logarithmic(min, max);
        return Axis { scale, ticks: labelled(ticks, time_us) };
    }
    let unit = [1e6, 1e3, 1.0].into_iter().find(|unit| max >= *unit).unwrap_or(1e-3);
    let (scale, ticks) = linear(&all, unit, false);
    Axis { scale, ticks: labelled(ticks, time_us) }
}

fn values(series: &[Series]) -> Vec<f64> {
    series.iter().flat_map(|series| series.points.iter().filter_map(|(_, value)| *value)).collect()
}

/// Labels the ticks. Ticks are round numbers, so trailing zeros as in `2.00 ms` are dropped.
fn labelled(ticks: Vec<f64>, show: fn(f64) -> String) -> Vec<(f64, String)> {
    let label = |tick: f64| {
        let shown = show(tick);
        let split = shown.find(|it: char| !(it.is_ascii_digit() || ".,".contains(it)));
        let (number, unit) = shown.split_at(split.unwrap_or(shown.len()));
        let number = match number.contains('.') {
            true => number.trim_end_matches('0').trim_end_matches('.'),
            false => number,
        };
        (tick, format!("{number}{unit}"))
    };
    ticks.into_iter().map(label).collect()
}

/// Rounds off the error of a division.
fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

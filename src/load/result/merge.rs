//! Merges several outcomes into one, exactly: histograms are added, percentiles never averaged.
//!
//! Runs that overlap in time count as one load from several sides, and their rates add up. Runs
//! that follow each other count as one load with pauses, which are cut out.

use super::Stalls;
use super::connect_phases::merged;
use super::end_reason::EndReason;
use super::experiment::{disagreement, is_same_run};
use super::histogram::Histogram;
use super::outcome::{
    Connecting, Connections, Generator, Histograms, Interval, Load, Loss, Memory, Messages,
    Outcome, Server,
};
use super::sum::{judge_sum, refuse_overflow};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::ops::Add;

/// Merges outcomes, in any order.
///
/// # Errors
/// A sentence: there are no outcomes, they are not runs of one experiment, one is given twice, one
/// has no valid start time, or their counts overflow.
pub fn merge(outcomes: &[Outcome]) -> Result<Outcome, String> {
    match objection(outcomes) {
        None => merge_shares(outcomes),
        Some(reason) => Err(format!("these cannot be merged: {reason} (--force merges them)")),
    }
}

/// Merges outcomes even if they are not runs of one experiment; a finding of the result says so.
///
/// # Errors
/// A sentence: there are no outcomes, one has no valid start time, or their counts overflow.
pub fn merge_forced(outcomes: &[Outcome]) -> Result<Outcome, String> {
    let mut merged = merge_shares(outcomes)?;
    if let Some(reason) = objection(outcomes) {
        merged.findings.push(format!("merged with --force although {reason}"));
    }
    Ok(merged)
}

/// Merges the shares of one run, which are known to belong together.
///
/// # Errors
/// A sentence: there are no outcomes, one has no valid start time, or their counts overflow.
pub fn merge_shares(outcomes: &[Outcome]) -> Result<Outcome, String> {
    let mut parts = Vec::new();
    for outcome in outcomes {
        let start: Timestamp = outcome
            .started_at
            .parse()
            .map_err(|_| format!("started_at '{}' is not a valid time", outcome.started_at))?;
        parts.push((start, outcome));
    }
    parts.sort_by_key(|&(start, _)| start);
    let Some(&(_, first)) = parts.first() else { return Err("there is nothing to merge".into()) };
    let timeline = Timeline::new(&parts, |part| part.duration_s);
    let planned = Timeline::new(&parts, |part| part.planned_s.unwrap_or(0.0));
    let parts: Vec<&Outcome> = parts.iter().map(|&(_, part)| part).collect();
    refuse_overflow(&parts)?;
    let mut merged = Outcome { duration_s: timeline.duration_s, ..first.clone() };
    merged.planned_s =
        parts.iter().all(|part| part.planned_s.is_some()).then_some(planned.duration_s);
    merged.intervals = merge_intervals(&parts, &timeline);
    merged.histograms = sum_of(&parts, |part| &part.histograms);
    merged.connections = parts.iter().map(|part| part.connections).sum();
    merged.messages = parts.iter().map(|part| part.messages).sum();
    merged.connecting = merge_connecting(&parts, merged.connections.established);
    merged.generator = merge_generators(&parts, timeline.duration_s);
    merged.stalls = merge_stalls(&parts);
    merged.memory = merge_memory(&parts);
    merged.errors = sum_by_reason(parts.iter().map(|part| &part.errors));
    merged.endings = sum_by_reason(parts.iter().map(|part| &part.endings));
    merged.ledger = merge_ledgers(&parts, &timeline);
    merged.runs = parts.iter().map(|part| part.runs).sum();
    merged.load = merge_loads(&parts, &timeline);
    merged.messages_per_second = timeline.rate(&parts, |part| part.messages_per_second);
    merged.bytes_per_second = timeline.rate(&parts, |part| part.bytes_per_second);
    merged.latency_us = merged.histograms.latency_us(merged.load.reply_timeout_s);
    merged.latency_uncorrected_us = merged.histograms.uncorrected_us(merged.load.reply_timeout_s);
    merged.server = merge_servers(&parts, &merged);
    merged.interrupted = parts.iter().any(|part| part.interrupted);
    merged.difference = parts.iter().find_map(|part| part.difference.clone());
    merged.findings = distinct(parts.iter().flat_map(|part| &part.findings));
    judge_sum(&mut merged, &parts);
    Ok(merged)
}

/// Why these are not distinct runs of one experiment.
fn objection(outcomes: &[Outcome]) -> Option<String> {
    let (first, others) = outcomes.split_first()?;
    let twice = || {
        let mut pairs = outcomes.iter().enumerate();
        pairs.find(|(index, one)| outcomes[..*index].iter().any(|other| is_same_run(one, other)))
    };
    let twice = twice().map(|(_, run)| format!("the run of {} is given twice", run.started_at));
    twice.or_else(|| others.iter().find_map(|other| disagreement(first, other)))
}

/// The start of each part when the pauses between parts are cut out.
struct Timeline {
    /// The start of each part, in the order of the parts.
    starts_s: Vec<f64>,
    duration_s: f64,
}

impl Timeline {
    fn new(parts: &[(Timestamp, &Outcome)], duration_s: fn(&Outcome) -> f64) -> Self {
        let origin = parts[0].0;
        let (mut pauses, mut end) = (0.0, 0.0_f64);
        let mut starts_s = Vec::new();
        for (start, part) in parts {
            let start = start.duration_since(origin).as_secs_f64();
            let pause = (start - pauses - end).max(0.0);
            pauses += pause;
            starts_s.push(start - pauses);
            end = end.max(start - pauses + duration_s(part));
        }
        Self { starts_s, duration_s: end }
    }

    /// The rate over the whole timeline that the rates of the parts amount to.
    fn rate(&self, parts: &[&Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
        let sum: f64 = parts.iter().map(|part| of(part) * part.duration_s).sum();
        sum / self.duration_s.max(f64::MIN_POSITIVE)
    }
}

/// Intervals that start at the same time are added up.
fn merge_intervals(parts: &[&Outcome], timeline: &Timeline) -> Vec<Interval> {
    let lengths = parts.iter().filter_map(|part| part.intervals.first());
    let length = lengths.map(|interval| interval.duration_s).fold(0.001, f64::max);
    let mut merged: BTreeMap<u64, Interval> = BTreeMap::new();
    for (part, start) in parts.iter().zip(&timeline.starts_s) {
        for interval in &part.intervals {
            let start_s = start + interval.start_s;
            let place = (start_s / length).round() as u64;
            match merged.get_mut(&place) {
                Some(there) => add_interval(there, interval),
                None => {
                    merged.insert(place, Interval { start_s, ..interval.clone() });
                }
            }
        }
    }
    merged.into_values().collect()
}

fn add_interval(sum: &mut Interval, other: &Interval) {
    sum.duration_s = sum.duration_s.max(other.duration_s);
    sum.connections += other.connections;
    sum.sent += other.sent;
    sum.received += other.received;
    sum.errors += other.errors;
    sum.cpu += other.cpu;
    sum.own_rss_kib = add_options(sum.own_rss_kib, other.own_rss_kib);
    // All parts watched the same server.
    sum.server_cpu = [sum.server_cpu, other.server_cpu].into_iter().flatten().reduce(f64::max);
    sum.server_rss_kib = sum.server_rss_kib.max(other.server_rss_kib);
    sum.histograms.add(&other.histograms);
    sum.stalls.add(&other.stalls);
}

fn add_options<T: Add<Output = T>>(one: Option<T>, other: Option<T>) -> Option<T> {
    [one, other].into_iter().flatten().reduce(|one, other| one + other)
}

fn sum_of(parts: &[&Outcome], of: impl Fn(&Outcome) -> &Histograms) -> Histograms {
    let mut sum = Histograms::default();
    parts.iter().for_each(|part| sum.add(of(part)));
    sum
}

fn merge_connecting(parts: &[&Outcome], established: u64) -> Connecting {
    let mut histogram = Histogram::new();
    parts.iter().for_each(|part| histogram.add(&part.connecting.histogram));
    let durations = parts.iter().map(|part| part.connecting.duration_s);
    let duration_s = durations.fold(0.0, f64::max);
    let per_second = if duration_s > 0.0 { established as f64 / duration_s } else { 0.0 };
    Connecting {
        duration_s,
        per_second,
        latency_us: histogram.latency(),
        histogram,
        phases: merged(parts.iter().map(|part| &part.connecting.phases[..])),
    }
}

/// The common settings, and the total rate. For thresholds and timeouts, the strictest value.
fn merge_loads(parts: &[&Outcome], timeline: &Timeline) -> Load {
    let loads = || parts.iter().map(|part| part.load);
    let mut load = parts[0].load;
    if load.rate.is_some() {
        load.rate = Some(timeline.rate(parts, |part| part.load.rate.unwrap_or(0.0)));
    }
    load.verified = loads().all(|load| load.verified);
    load.spin = loads().any(|load| load.spin);
    load.reply_timeout_s = loads().map(|load| load.reply_timeout_s).fold(f64::INFINITY, f64::min);
    load.lossy_above = loads().map(|load| load.lossy_above).fold(f64::INFINITY, f64::min);
    load
}

fn merge_stalls(parts: &[&Outcome]) -> Stalls {
    let mut sum = parts[0].stalls.clone();
    for stalls in parts[1..].iter().map(|part| &part.stalls) {
        sum.lateness.add(&stalls.lateness);
        sum.late_sends.add(&stalls.late_sends);
        sum.beat_us = sum.beat_us.max(stalls.beat_us);
        sum.watched_s += stalls.watched_s;
        sum.run_delay_s = add_options(sum.run_delay_s, stalls.run_delay_s);
        sum.timeslices = add_options(sum.timeslices, stalls.timeslices);
        sum.steal_s = add_options(sum.steal_s, stalls.steal_s);
        sum.throttled_s = add_options(sum.throttled_s, stalls.throttled_s);
    }
    sum
}

fn distinct<'a>(sentences: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut distinct: Vec<String> = Vec::new();
    for sentence in sentences {
        if !distinct.contains(sentence) {
            distinct.push(sentence.clone());
        }
    }
    distinct
}

fn merge_generators(parts: &[&Outcome], duration_s: f64) -> Generator {
    let all = parts.iter().map(|part| (part, part.generator));
    let cpu: f64 = all.clone().map(|(part, generator)| generator.cpu * part.duration_s).sum();
    Generator {
        cpu: cpu / duration_s.max(f64::MIN_POSITIVE),
        cpu_of_busiest: all.clone().map(|(_, it)| it.cpu_of_busiest).fold(0.0, f64::max),
        processes: all.clone().map(|(_, it)| it.processes).sum(),
        turn_us_max: all.clone().map(|(_, it)| it.turn_us_max).fold(0.0, f64::max),
        late_sends: all.map(|(_, it)| it.late_sends).sum(),
    }
}

/// The cost of the server, if any part watched it. The same CPU time counts once, however many
/// parts watched.
fn merge_servers(parts: &[&Outcome], merged: &Outcome) -> Option<Server> {
    let rss_kib = parts.iter().filter_map(|part| part.server).map(|server| server.rss_kib).max()?;
    let watched = merged.intervals.iter().filter_map(|it| Some((it.server_cpu?, it.duration_s)));
    let (busy_s, watched_s) = watched
        .fold((0.0, 0.0), |(busy, all), (cpu, seconds)| (busy + cpu * seconds, all + seconds));
    let received = merged.messages.received.max(1) as f64;
    Some(Server {
        cpu: busy_s / f64::max(watched_s, f64::MIN_POSITIVE),
        cpu_us_per_message: busy_s * 1e6 / received,
        rss_kib,
    })
}

/// The mean over all connections.
fn merge_memory(parts: &[&Outcome]) -> Option<Memory> {
    let measured: Vec<(f64, Memory)> = parts
        .iter()
        .filter_map(|part| Some((part.connections.established as f64, part.memory?)))
        .collect();
    let connections: f64 = measured.iter().map(|(connections, _)| connections).sum();
    let mean = |of: fn(&Memory) -> f64| {
        let sum: f64 = measured.iter().map(|(connections, memory)| connections * of(memory)).sum();
        sum / connections.max(1.0)
    };
    let server = measured.iter().any(|(_, memory)| memory.server_user_kib.is_some());
    let first = measured.first()?.1;
    Some(Memory {
        own_user_kib: mean(|memory| memory.own_user_kib),
        kernel_kib: mean(|memory| memory.kernel_kib),
        both_ends: first.both_ends,
        server_user_kib: server.then(|| mean(|memory| memory.server_user_kib.unwrap_or(0.0))),
    })
}

/// Joins the ledgers, and numbers the connections consecutively.
fn merge_ledgers(parts: &[&Outcome], timeline: &Timeline) -> Vec<Loss> {
    let mut merged = Vec::new();
    let mut connections = 0;
    for (part, start) in parts.iter().zip(&timeline.starts_s) {
        for loss in &part.ledger {
            let mut loss = loss.clone();
            loss.connection += connections;
            loss.at_s += start;
            loss.in_window_s = loss.in_window_s.map(|at| at + start);
            merged.push(loss);
        }
        connections += part.connections.requested;
    }
    merged.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    merged
}

fn sum_by_reason<'a>(
    maps: impl Iterator<Item = &'a BTreeMap<EndReason, u64>>,
) -> BTreeMap<EndReason, u64> {
    let mut sum = BTreeMap::new();
    for (reason, count) in maps.flatten() {
        *sum.entry(reason.clone()).or_default() += count;
    }
    sum
}

impl std::iter::Sum for Connections {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            requested: sum.requested + it.requested,
            established: sum.established + it.established,
            failed: sum.failed + it.failed,
            lost: sum.lost + it.lost,
        })
    }
}

impl std::iter::Sum for Messages {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, it| Self {
            sent: sum.sent + it.sent,
            received: sum.received + it.received,
            untimed: sum.untimed + it.untimed,
            lost: sum.lost + it.lost,
            unsent: sum.unsent + it.unsent,
            late: sum.late + it.late,
            duplicated: sum.duplicated + it.duplicated,
            reordered: sum.reordered + it.reordered,
            corrupted: sum.corrupted + it.corrupted,
            opcode_changed: sum.opcode_changed + it.opcode_changed,
            unasked: sum.unasked + it.unasked,
            misdelivered: sum.misdelivered + it.misdelivered,
        })
    }
}

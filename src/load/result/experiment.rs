//! Whether two results are runs of one experiment, so that they can be merged or compared.

use super::outcome::{Kind, Load, Outcome};
use crate::load::render::quantity::{bytes, count, length_s, per_second, percent};

/// The first field in which two runs differ, as a sentence; `None` if they belong to one
/// experiment.
pub(in crate::load) fn disagreement(one: &Outcome, other: &Outcome) -> Option<String> {
    let (first, second) = (&one.load, &other.load);
    let pairs = [
        ("kinds", kind(one), kind(other)),
        ("targets", one.target.clone(), other.target.clone()),
        ("message sizes", size(first), size(second)),
        ("verification", verification(first), verification(second)),
        ("loads", loop_of(first), loop_of(second)),
        ("reply timeouts", timeout(first), timeout(second)),
        ("loss limits", percent(first.lossy_above), percent(second.lossy_above)),
    ];
    let differing = pairs.into_iter().find(|(_, one, other)| one != other);
    let differing = differing.or_else(|| amounts(one, other));
    differing.map(|(field, one, other)| format!("the {field} differ: {one} and {other}"))
}

/// Whether both are the same run, saved twice.
pub(in crate::load) fn is_same_run(one: &Outcome, other: &Outcome) -> bool {
    one.started_at == other.started_at
        && one.command == other.command
        && one.histograms == other.histograms
        && one.connecting.histogram == other.connecting.histogram
}

/// Differences in values that add up when runs are merged, so they are only comparable between
/// single runs.
fn amounts(one: &Outcome, other: &Outcome) -> Option<(&'static str, String, String)> {
    if one.runs > 1 || other.runs > 1 {
        return None;
    }
    if let (Some(first), Some(second)) = (one.load.rate, other.load.rate)
        && first.to_bits() != second.to_bits()
    {
        return Some(("rates", per_second(first), per_second(second)));
    }
    let requested = [one, other].map(|it| it.connections.requested);
    // Shares of a number that does not divide evenly differ by one.
    let [first, second] = requested.map(count);
    (requested[0].abs_diff(requested[1]) > 1).then_some(("numbers of connections", first, second))
}

fn kind(outcome: &Outcome) -> String {
    match outcome.kind {
        Kind::Bench => "a bench".into(),
        Kind::Hold => "a hold".into(),
    }
}

fn size(load: &Load) -> String {
    bytes(load.message_bytes as f64)
}

fn verification(load: &Load) -> String {
    let text = if load.verified { "every echo verified" } else { "echoes not verified" };
    text.into()
}

fn loop_of(load: &Load) -> String {
    match (load.rate, load.depth) {
        (Some(_), _) => "an open loop".into(),
        (None, Some(depth)) => format!("a closed loop with {depth} in flight"),
        (None, None) => "no loop".into(),
    }
}

fn timeout(load: &Load) -> String {
    length_s(load.reply_timeout_s)
}

/// How messages were sent, in a few words.
pub(in crate::load) fn load_in_words(load: &Load) -> String {
    match (load.rate, load.depth) {
        (Some(rate), _) => format!("{} at {}", size(load), per_second(rate)),
        (None, depth) => format!("{}, {} in flight", size(load), depth.unwrap_or(1)),
    }
}

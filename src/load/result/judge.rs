//! Judges an outcome: the verdict that its figures and the evidence support, and the sentence for
//! it.
//!
//! Every problem is a charge. The gravest one becomes the verdict, the others become findings.

use super::end_reason::EndReason;
use super::outcome::{Connections, Difference, Kind, Outcome, PERCENTILE_MAX};
use super::verdict::Verdict;
use super::{BUSY_CPU, Belief, Cause, losses};
use crate::load::render::quantity::{length_s, percent, time_us};
use crate::load::units::thousands;
use std::collections::BTreeMap;

/// The share of the requested rate from which it counts as reached: 0.99.
pub const RATE_REACHED: f64 = 0.99;

/// The share of echoes among the responses below which a server is not an echo server: a tenth.
const ECHOES_MIN: f64 = 0.1;

/// The evidence for a verdict beside the outcome itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The limit of this machine that was reached: its name, and a sentence with its remedy.
    pub limit: Option<(String, String)>,
    /// Metrics that must be believed, since a threshold names them.
    pub needed: Vec<String>,
}

/// A problem of a run.
struct Charge {
    verdict: Verdict,
    /// The name of the limit, for a ceiling.
    ceiling: Option<String>,
    sentence: String,
}

/// Sets the verdict of an outcome, its reason and findings, and which figures can be believed.
pub fn judge(outcome: &mut Outcome, evidence: &Evidence) {
    if outcome.interrupted {
        let sentence = interrupted(outcome);
        if !outcome.findings.contains(&sentence) {
            outcome.findings.push(sentence);
        }
    }
    let sent = outcome.messages.sent;
    let belief = Belief::new(&outcome.histograms, &outcome.latency_us, &outcome.stalls, sent);
    let has_latency = outcome.histograms.latency.count() > 0 || outcome.histograms.beyond > 0;
    outcome.valid_to = belief.valid_to.filter(|_| has_latency);
    outcome.not_believed = if has_latency { belief.not_believed } else { Vec::new() };
    let charges = [
        misdelivered(outcome),
        not_an_echo(outcome),
        ceiling(outcome, evidence),
        generator_bound(outcome, evidence),
        lossy(outcome),
        rate_not_reached(outcome),
        lost(outcome),
    ];
    let mut charges: Vec<Charge> = charges.into_iter().flatten().collect();
    charges.sort_by_key(|charge| std::cmp::Reverse(charge.verdict));
    let mut charges = charges.into_iter();
    let Some(gravest) = charges.next() else {
        outcome.verdict = Verdict::Valid;
        outcome.ceiling = None;
        outcome.verdict_reason = valid(outcome);
        return;
    };
    outcome.verdict = gravest.verdict;
    outcome.ceiling = gravest.ceiling;
    outcome.verdict_reason = gravest.sentence;
    // A server that is not an echo server loses every message: one charge is enough.
    let others = charges.filter(|charge| {
        outcome.verdict != Verdict::NotAnEcho || charge.verdict == Verdict::GeneratorBound
    });
    for charge in others {
        let sentence = format!("{}: {}", charge.verdict, charge.sentence);
        if !outcome.findings.contains(&sentence) {
            outcome.findings.push(sentence);
        }
    }
}

impl Charge {
    fn new(verdict: Verdict, sentence: String) -> Self {
        Self { verdict, ceiling: None, sentence }
    }

    fn ceiling(name: impl Into<String>, sentence: String) -> Self {
        Self { verdict: Verdict::Ceiling, ceiling: Some(name.into()), sentence }
    }
}

fn misdelivered(outcome: &Outcome) -> Option<Charge> {
    let count = outcome.messages.misdelivered;
    let sentence = format!("{} echoes arrived on the wrong connection", thousands(count));
    (count > 0).then(|| Charge::new(Verdict::Misdelivered, sentence))
}

/// Hardly any message was echoed unchanged.
fn not_an_echo(outcome: &Outcome) -> Option<Charge> {
    let it = outcome.messages;
    let wrong = it.corrupted.saturating_add(it.unasked);
    let echoed = it.received.saturating_sub(it.corrupted);
    let is_echo = echoed > 0 && echoed as f64 >= it.sent as f64 * ECHOES_MIN;
    // A server that echoed and then stopped has lost messages.
    let has_echoed = echoed > 0 && wrong == 0;
    if it.sent == 0 || is_echo || has_echoed || outcome.connections.established == 0 {
        return None;
    }
    let sent = thousands(it.sent);
    let sentence = match (&outcome.difference, wrong) {
        (_, 0) if outcome.endings.is_empty() || is_silent(outcome) => format!(
            "none of {sent} messages was echoed; use --no-verify for a server that does not echo"
        ),
        // The connections ended before anything could be echoed.
        (_, 0) => return None,
        (difference, _) => format!(
            "{} of {sent} messages were echoed unchanged{}; use --no-verify for a server that does not echo",
            thousands(echoed),
            difference.as_ref().map(first_difference).unwrap_or_default()
        ),
    };
    Some(Charge::new(Verdict::NotAnEcho, sentence))
}

/// Whether all connections that ended were aborted because the peer fell silent.
fn is_silent(outcome: &Outcome) -> bool {
    outcome.endings.keys().all(|how| *how == EndReason::Silence)
}

fn first_difference(difference: &Difference) -> String {
    let Difference { connection, sent, received } = difference;
    let sent = sent.as_ref().map(|sent| format!("sent \"{sent}\", ")).unwrap_or_default();
    format!("; first difference, on connection {connection}: {sent}got \"{received}\"")
}

/// Connections that failed or, in a bench, were lost, and the limit behind that.
fn ceiling(outcome: &Outcome, evidence: &Evidence) -> Option<Charge> {
    let Connections { requested, failed, lost, .. } = outcome.connections;
    let lost = if outcome.kind == Kind::Bench { lost } else { 0 };
    if failed == 0 && lost == 0 {
        return None;
    }
    let requested = thousands(requested);
    if let Some((name, sentence)) = evidence.limit.as_ref().filter(|_| failed > 0) {
        let count = thousands(failed + lost);
        let sentence = format!("{count} of {requested} connections failed: {sentence}");
        return Some(Charge::ceiling(name.clone(), sentence));
    }
    if failed > 0 {
        let reason = most_frequent(&outcome.errors);
        let sentence = format!(
            "{} of {requested} connections could not be opened, most often: {reason}",
            thousands(failed)
        );
        return Some(Charge::ceiling(name_of(&reason), sentence));
    }
    let reason = most_frequent(&outcome.endings);
    let sentence = format!(
        "{} of {requested} connections ended during the run, most often with {reason}",
        thousands(lost)
    );
    Some(Charge::ceiling(name_of(&reason), sentence))
}

fn most_frequent(reasons: &BTreeMap<EndReason, u64>) -> EndReason {
    let most = reasons.iter().max_by_key(|&(_, count)| count);
    most.map_or_else(|| EndReason::Other(String::new()), |(reason, _)| reason.clone())
}

/// The name of the ceiling with these symptoms.
fn name_of(reason: &EndReason) -> &'static str {
    match reason {
        EndReason::Reset | EndReason::ResetWhileConnecting => "remote-resets",
        EndReason::Refused => "connection-refused",
        EndReason::ConnectTimeout => "connect-timeouts",
        EndReason::Silence => "silence",
        EndReason::Fin
        | EndReason::ClosedWhileConnecting
        | EndReason::Close(_)
        | EndReason::CloseWithoutCode => "remote-closes",
        EndReason::Http(_) => "upgrade-refused",
        EndReason::Other(_) => "connections",
    }
}

/// Stalls of the generator dominate a central figure, or one that a threshold names.
fn generator_bound(outcome: &Outcome, evidence: &Evidence) -> Option<Charge> {
    let needed =
        |name: &String| matches!(name.as_str(), "p50" | "p90") || evidence.needed.contains(name);
    if !outcome.not_believed.iter().any(needed) {
        return None;
    }
    let watched_s = outcome.stalls.watched_s;
    let sentence = format!(
        "{} dominated by stalls of the load generator: {}",
        subject(&outcome.not_believed),
        Cause::of(outcome).sentence(watched_s)
    );
    Some(Charge::new(Verdict::GeneratorBound, sentence))
}

/// `p99.9 is`, `p90, p99 and max are`.
fn subject(names: &[String]) -> String {
    match names {
        [] => "nothing is".into(),
        [only] => format!("{only} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
    }
}

fn lossy(outcome: &Outcome) -> Option<Charge> {
    let mut it = outcome.messages;
    if outcome.kind == Kind::Hold {
        // A connection whose message is lost is lost itself, and that is the finding.
        it.lost = 0;
    }
    let wrong = it.lost.saturating_add(it.corrupted);
    let share = wrong as f64 / it.sent.max(1) as f64;
    if share <= outcome.load.lossy_above || wrong == 0 {
        return None;
    }
    let difference = outcome.difference.as_ref().filter(|_| it.corrupted > 0);
    let sentence = format!(
        "{} of {} messages were lost and {} corrupted, {} in all{}",
        thousands(it.lost),
        thousands(it.sent),
        thousands(it.corrupted),
        percent(share),
        difference.map(first_difference).unwrap_or_default()
    );
    Some(Charge::new(Verdict::Lossy, sentence))
}

fn rate_not_reached(outcome: &Outcome) -> Option<Charge> {
    if outcome.kind == Kind::Hold {
        return None;
    }
    let rate = outcome.load.rate?;
    let unsent = outcome.messages.unsent;
    if outcome.messages_per_second / rate >= RATE_REACHED && unsent == 0 {
        return None;
    }
    let sentence = format!(
        "{}/s were requested and {}/s echoed{}: the server, or the path to it, cannot carry more",
        thousands(rate.round() as u64),
        thousands(outcome.messages_per_second.round() as u64),
        match unsent {
            0 => String::new(),
            unsent => format!("; {} messages could not be sent at all", thousands(unsent)),
        }
    );
    Some(Charge::new(Verdict::RateNotReached, sentence))
}

/// Connections of a hold that ended before we ended them.
fn lost(outcome: &Outcome) -> Option<Charge> {
    let Connections { established, lost, .. } = outcome.connections;
    if outcome.kind == Kind::Bench || lost == 0 {
        return None;
    }
    let sentence = format!(
        "{} of {} connections ended while they were held: {}",
        thousands(lost),
        thousands(established),
        losses(&outcome.ledger)
    );
    Some(Charge::new(Verdict::Lost, sentence))
}

/// How long an interrupted run lasted.
fn interrupted(outcome: &Outcome) -> String {
    let lasted = length_s(outcome.duration_s);
    match outcome.planned_s {
        Some(planned) => format!("interrupted after {lasted} of {}", length_s(planned)),
        None => format!("interrupted after {lasted}"),
    }
}

/// The sentence for a run without charges.
pub(in crate::load) fn valid(outcome: &Outcome) -> String {
    let mut sentence = match outcome.kind {
        Kind::Hold if outcome.load.rate.is_none() => format!(
            "{} connections were held idle for {} and none was seen to end; ",
            thousands(outcome.connections.established),
            length_s(outcome.duration_s)
        ),
        Kind::Hold => format!(
            "{} connections were held for {} and none was lost, each probed once more at the end; messages \
             echoed: {}; ",
            thousands(outcome.connections.established),
            length_s(outcome.duration_s),
            thousands(outcome.messages.received)
        ),
        Kind::Bench => String::new(),
    };
    if outcome.valid_to.is_some_and(|percentile| percentile < PERCENTILE_MAX) {
        let doubtful = subject(&outcome.not_believed);
        sentence += &format!("{doubtful} dominated by stalls of the load generator; ");
    }
    let busy = outcome.generator.cpu_of_busiest;
    sentence += &format!(
        "generator CPU peaked at {} of a core; longest event-loop stall {}",
        percent(busy),
        time_us(outcome.stalls.longest_us())
    );
    let is_closed_loop = outcome.load.rate.is_none() && outcome.kind == Kind::Bench;
    if is_closed_loop && busy >= BUSY_CPU {
        sentence += match is_server_busy(outcome) {
            true => "; the server kept a whole core busy",
            false => "; the server may do more: try --processes 2",
        };
    }
    sentence
}

/// Whether the server kept at least one core busy.
fn is_server_busy(outcome: &Outcome) -> bool {
    outcome.server.is_some_and(|server| server.cpu >= BUSY_CPU)
}

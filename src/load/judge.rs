//! Judges an outcome: which verdict its figures and what else was seen add up to, and the sentence for it.

use super::ending::SILENCE;
use super::numbers::thousands;
use super::outcome::{Connections, Generator, Kind, Outcome};
use super::talk::LATE_US;
use super::verdict::Verdict;
use std::collections::BTreeMap;

/// CPUs from which on a process that has one thread was busy: 0.95 of one.
pub const BUSY_CPU: f64 = 0.95;

/// Of a thousand messages, so many may be late: 1.
pub const LATE_PER_MILLE_MAX: f64 = 1.0;

/// So many may be late whatever the number of messages: 5. The scheduler of any machine now and then takes a
/// processor away.
pub const LATE_MAX: u64 = 5;

/// The longest turn that says nothing against the figures: 100 ms. For so long no message was looked at, and
/// what came meanwhile seems slow.
pub const TURN_US_MAX: f64 = 100_000.0;

/// The part of the rate that was asked for from which on it was reached: 0.99.
pub const RATE_REACHED: f64 = 0.99;

/// What a verdict rests on, beside the figures themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// A limit of the machine that was met: its name, and a sentence that says how to lift it.
    pub wall: Option<(String, String)>,
    /// Messages that were due and could never be sent.
    pub unsent: u64,
}

/// Writes into an outcome whether its figures may be believed, and why.
pub fn judge(outcome: &mut Outcome, evidence: &Evidence) {
    let ceiling = ceiling(outcome, evidence).or_else(|| unanswered(outcome));
    if let Some((name, sentence)) = ceiling {
        outcome.verdict = Verdict::Ceiling;
        outcome.ceiling = Some(name);
        outcome.verdict_reason = sentence;
        return;
    }
    (outcome.verdict, outcome.verdict_reason) = verdict(outcome, evidence);
}

fn verdict(outcome: &Outcome, evidence: &Evidence) -> (Verdict, String) {
    match outcome.kind {
        // It is about connections: their messages only prove them alive.
        Kind::Hold => (Verdict::Valid, held(outcome)),
        Kind::Bench => generator_bound(outcome)
            .or_else(|| rate_not_reached(outcome, evidence))
            .unwrap_or_else(|| (Verdict::Valid, valid(outcome))),
    }
}

/// Connections that failed or were lost, and the limit behind it.
fn ceiling(outcome: &Outcome, evidence: &Evidence) -> Option<(String, String)> {
    let Connections { requested, failed, lost, .. } = outcome.connections;
    if failed == 0 && lost == 0 {
        return None;
    }
    if let Some((name, sentence)) = &evidence.wall {
        let sentence = format!(
            "{} of {} connections failed: {sentence}",
            thousands(failed + lost),
            thousands(requested)
        );
        return Some((name.clone(), sentence));
    }
    let most = |reasons: &BTreeMap<String, u64>| {
        reasons.iter().max_by_key(|&(_, count)| count).map(|(reason, _)| reason.clone())
    };
    if failed > 0 {
        let reason = most(&outcome.errors).unwrap_or_default();
        let sentence = format!(
            "{} of {} connections could not be made, most of them: {reason}",
            thousands(failed),
            thousands(requested)
        );
        return Some((name_of(&reason).into(), sentence));
    }
    let reason = most(&outcome.endings).unwrap_or_default();
    let sentence = format!(
        "{} of {} connections ended while they were needed, most of them with {reason}",
        thousands(lost),
        thousands(requested)
    );
    Some((name_of(&reason).into(), sentence))
}

/// The name of the ceiling that shows itself so.
fn name_of(reason: &str) -> &'static str {
    match reason {
        "RST" | "reset while connecting" => "remote-resets",
        "connection refused" => "connection-refused",
        "timed out while connecting" => "connect-timeouts",
        SILENCE => "silence",
        "FIN" | "closed while connecting" => "remote-closes",
        _ if reason.starts_with("close ") => "remote-closes",
        _ if reason.starts_with("HTTP ") => "upgrade-refused",
        _ => "connections",
    }
}

/// Without an answer there is nothing to believe.
fn unanswered(outcome: &Outcome) -> Option<(String, String)> {
    if outcome.kind == Kind::Hold || outcome.messages.received > 0 {
        return None;
    }
    let sentence = format!(
        "no message was answered, of {} that were sent while it was measured: is it a server that echoes?",
        thousands(outcome.messages.sent)
    );
    Some((name_of(SILENCE).into(), sentence))
}

/// Signs that we rather measured ourselves.
fn generator_bound(outcome: &Outcome) -> Option<(Verdict, String)> {
    let Generator { cpu_of_busiest, turn_us_max, late_sends, .. } = outcome.generator;
    let late_per_mille = late_sends as f64 * 1e3 / outcome.messages.sent.max(1) as f64;
    let is_open_loop = outcome.load.rate.is_some();
    let sentence = if is_open_loop && late_sends > LATE_MAX && late_per_mille > LATE_PER_MILLE_MAX {
        format!(
            "{} of {} messages were sent more than {LATE_US} µs late though their connections would have \
             taken them: ask for a lower rate, or share the work with --processes",
            thousands(late_sends),
            thousands(outcome.messages.sent)
        )
    } else if turn_us_max > TURN_US_MAX {
        format!(
            "for {:.0} ms the load generator did not look at what came: give it a processor of its own, or \
             fewer connections for each of more --processes",
            turn_us_max / 1e3
        )
    } else if !is_open_loop && cpu_of_busiest >= BUSY_CPU && !is_server_busy(outcome) {
        format!(
            "the load generator kept {:.0} % of its processor busy, so the server might do more: share the \
             work with --processes{}",
            cpu_of_busiest * 100.0,
            match outcome.server {
                Some(_) => "",
                None => ", or name the server's process with --pid, which may be as busy",
            }
        )
    } else {
        return None;
    };
    Some((Verdict::GeneratorBound, sentence))
}

/// Whether the server was seen to be as busy as one thread can be.
fn is_server_busy(outcome: &Outcome) -> bool {
    outcome.server.is_some_and(|server| server.cpu >= BUSY_CPU)
}

fn rate_not_reached(outcome: &Outcome, evidence: &Evidence) -> Option<(Verdict, String)> {
    let rate = outcome.load.rate?;
    let reached = outcome.messages_per_second / rate;
    if reached >= RATE_REACHED && evidence.unsent == 0 {
        return None;
    }
    let sentence = format!(
        "{} messages a second were to be sent, and the echoes of {} came{}: the server, or the way to it, \
         does not carry more",
        thousands(rate.round() as u64),
        thousands(outcome.messages_per_second.round() as u64),
        match evidence.unsent {
            0 => String::new(),
            unsent => format!("; {} could not be sent at all", thousands(unsent)),
        }
    );
    Some((Verdict::RateNotReached, sentence))
}

fn held(outcome: &Outcome) -> String {
    let connections = thousands(outcome.connections.established);
    let proofs = thousands(outcome.messages.received);
    let seconds = outcome.duration_s;
    format!(
        "{connections} connections were held for {seconds:.1} s and none was lost; messages echoed: {proofs}"
    )
}

fn valid(outcome: &Outcome) -> String {
    let generator = outcome.generator;
    let mut sentence = format!(
        "the load generator used {:.0} % of a processor at most, and looked at everything within {:.1} ms",
        generator.cpu_of_busiest * 100.0,
        generator.turn_us_max / 1e3
    );
    if outcome.load.rate.is_some() {
        sentence += &format!("; {} sends were late", thousands(generator.late_sends));
    } else if is_server_busy(outcome) {
        sentence += "; the server was as busy as one thread can be";
    }
    sentence
}

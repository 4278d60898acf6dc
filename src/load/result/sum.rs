//! The verdict on a sum of results, and whether they can be added up.

use super::end_reason::EndReason;
use super::histogram::Histogram;
use super::judge::{Evidence, judge, valid};
use super::outcome::{Histograms, Outcome};
use super::verdict::Verdict;

/// The part of a sentence of the judge that precedes a limit of the machine and its remedy.
const BEFORE_LIMIT: &str = " connections failed: ";

/// Rejects counts whose sum would exceed 64 bits.
///
/// # Errors
/// A sentence that names the counts that overflow.
pub(in crate::load) fn refuse_overflow(parts: &[&Outcome]) -> Result<(), String> {
    let counts: Vec<Vec<(&str, u128)>> = parts.iter().map(|part| counts(part)).collect();
    let Some(first) = counts.first() else { return Ok(()) };
    for (index, (name, _)) in first.iter().enumerate() {
        let sum: u128 = counts.iter().map(|part| part[index].1).sum();
        if sum > u128::from(u64::MAX) {
            return Err(format!("the counts overflow: the sum of {name} is more than 2^64"));
        }
    }
    let of = |count: fn(&Outcome) -> u32| parts.iter().map(|part| u64::from(count(part))).sum();
    let [runs, processes]: [u64; 2] = [of(|part| part.runs), of(|part| part.generator.processes)];
    match runs.max(processes) > u64::from(u32::MAX) {
        true => Err("the counts overflow: the sum of runs or processes is more than 2^32".into()),
        false => Ok(()),
    }
}

/// Every count that is added up, or a sum that is at least as large.
fn counts(part: &Outcome) -> Vec<(&'static str, u128)> {
    let (connections, messages) = (&part.connections, &part.messages);
    let intervals = &part.intervals;
    let wide = |counts: &[u64]| counts.iter().map(|&count| u128::from(count)).sum::<u128>();
    let each = |of: fn(&super::outcome::Interval) -> u64| {
        intervals.iter().map(|interval| u128::from(of(interval))).sum::<u128>()
    };
    let named = |counts: &std::collections::BTreeMap<EndReason, u64>| {
        counts.values().map(|&count| u128::from(count)).sum::<u128>()
    };
    let both = |it: &Histograms| wide(&[it.latency.count(), it.uncorrected().count(), it.beyond]);
    let phases = part.connecting.phases.iter().map(|phase| phase.histogram.count());
    let numbers = part.ledger.iter().map(|loss| loss.connection);
    vec![
        (
            "connections",
            wide(&[
                connections.requested,
                connections.established,
                connections.failed,
                connections.lost,
                numbers.max().unwrap_or(0),
            ]),
        ),
        ("messages.sent", messages.sent.into()),
        ("messages.received", messages.received.into()),
        (
            "messages",
            wide(&[
                messages.lost,
                messages.unsent,
                messages.late,
                messages.untimed,
                messages.duplicated,
                messages.reordered,
                messages.corrupted,
                messages.opcode_changed,
                messages.unasked,
                messages.misdelivered,
            ]),
        ),
        ("errors", named(&part.errors)),
        ("endings", named(&part.endings)),
        ("generator.late_sends", part.generator.late_sends.into()),
        ("stalls.timeslices", part.stalls.timeslices.unwrap_or(0).into()),
        ("stalls", wide(&[part.stalls.lateness.count(), part.stalls.late_sends.count()])),
        ("histograms", both(&part.histograms)),
        ("connecting.histogram", u128::from(part.connecting.histogram.count())),
        ("connecting.phases", phases.map(u128::from).sum()),
        ("intervals.connections", each(|it| it.connections)),
        ("intervals.sent", each(|it| it.sent)),
        ("intervals.received", each(|it| it.received)),
        ("intervals.errors", each(|it| it.errors)),
        ("intervals.own_rss_kib", each(|it| it.own_rss_kib.unwrap_or(0))),
        ("intervals.stalls", each(|it| Histogram::count(&it.stalls))),
        ("intervals.histograms", intervals.iter().map(|it| both(&it.histograms)).sum()),
    ]
}

/// Judges a sum by its own figures. Its verdict is never better than that of its worst part.
pub(in crate::load) fn judge_sum(sum: &mut Outcome, parts: &[&Outcome]) {
    let Some(worst) = parts.iter().rev().max_by_key(|part| part.verdict) else { return };
    let alike = parts.iter().filter(|part| part.verdict == worst.verdict).count();
    let share = format!("{alike} of {} parts", parts.len());
    // Findings of the judge about a part do not apply to the sum, which is judged anew.
    sum.findings.retain(|finding| !is_charge(finding));
    let findings = sum.findings.clone();
    judge(sum, &Evidence::default());
    if worst.verdict == Verdict::Ceiling
        && sum.verdict <= worst.verdict
        && sum.ceiling != worst.ceiling
    {
        sum.findings = findings;
        judge(sum, &Evidence { limit: Some(limit(worst, &share)), ..Evidence::default() });
    }
    if sum.verdict < worst.verdict {
        sum.verdict = worst.verdict;
        sum.ceiling = worst.ceiling.clone();
        sum.verdict_reason = format!(
            "{share} had this verdict, although their sum does not show it: {}",
            sum.verdict_reason
        );
    }
    let has_latency = |it: &Histograms| it.latency.count() > 0 || it.beyond > 0;
    for part in parts.iter().filter(|part| has_latency(&part.histograms)) {
        sum.valid_to = match (sum.valid_to, part.valid_to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            _ => None,
        };
        for name in &part.not_believed {
            if !sum.not_believed.contains(name) {
                sum.not_believed.push(name.clone());
            }
        }
    }
    let place = |name: &String| IN_ORDER.iter().position(|other| other == name);
    sum.not_believed.sort_by_key(place);
    if sum.verdict == Verdict::Valid {
        sum.verdict_reason = valid(sum);
    }
}

/// Figures that may not be believed, in report order.
const IN_ORDER: [&str; 9] =
    ["p50", "p90", "p99", "p99.9", "p99.99", "max", "mean", "rate", "throughput"];

/// The limit that a part reached, which only that part could see. The sum counts the failed
/// connections itself.
fn limit(worst: &Outcome, share: &str) -> (String, String) {
    let sentence = match worst.verdict_reason.split_once(BEFORE_LIMIT) {
        Some((_, sentence)) => sentence.to_owned(),
        None => format!("{share} reached this limit"),
    };
    (worst.ceiling.clone().unwrap_or_default(), sentence)
}

/// Whether a finding is a charge of the judge: `LOSSY: …`.
fn is_charge(finding: &str) -> bool {
    let verdicts = [
        Verdict::Lost,
        Verdict::RateNotReached,
        Verdict::Lossy,
        Verdict::GeneratorBound,
        Verdict::Ceiling,
        Verdict::NotAnEcho,
        Verdict::Misdelivered,
    ];
    verdicts.iter().any(|verdict| finding.starts_with(&format!("{verdict}: ")))
}

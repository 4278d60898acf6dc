//! Checks that the figures of a result agree with the histograms and counts that they were computed
//! from.

use crate::load::result::histogram::{Histogram, Latency};
use crate::load::result::outcome::{Histograms, Outcome};

/// How far figures may differ because of rounding to hundredths of a microsecond, in µs.
const ROUNDING_US: f64 = 0.011;

/// How far figures may differ relatively: they are quotients of numbers with many digits, possibly
/// of several runs.
const ROUNDING: f64 = 1e-6;

/// Recomputes all figures that can be recomputed.
///
/// # Errors
/// A sentence that names the figure that disagrees.
pub(super) fn check(outcome: &Outcome) -> Result<(), String> {
    let (histograms, timeout_s) = (&outcome.histograms, outcome.load.reply_timeout_s);
    same("latency_us", &outcome.latency_us, &histograms.latency_us(timeout_s))?;
    let uncorrected = histograms.uncorrected_us(timeout_s);
    same("latency_uncorrected_us", &outcome.latency_uncorrected_us, &uncorrected)?;
    let connecting = &outcome.connecting;
    same("connecting.latency_us", &connecting.latency_us, &connecting.histogram.latency())?;
    for phase in &connecting.phases {
        let name = format!("the connecting phase '{}'", phase.name);
        same(&name, &phase.latency_us, &phase.histogram.latency())?;
    }
    counts(outcome)?;
    intervals(outcome)?;
    // Values that are shown as a sum must not overflow.
    checked_sum(outcome.errors.values().copied())?;
    checked_sum(outcome.endings.values().copied())?;
    checked_sum(outcome.intervals.iter().map(|interval| interval.stalls.count()))?;
    Ok(())
}

fn same(name: &str, saved: &Latency, computed: &Latency) -> Result<(), String> {
    let bounds = [
        ("above_us", saved.above_us, computed.above_us),
        ("mean_above_us", saved.mean_above_us, computed.mean_above_us),
    ];
    let figures = saved.figures().into_iter().zip(computed.figures());
    let figures =
        figures.map(|((name, saved), (_, computed))| (name, saved.known(), computed.known()));
    for (figure, saved, computed) in figures.chain(bounds) {
        if !is_near(saved, computed) {
            let [saved, computed] = [saved, computed]
                .map(|it| it.map_or_else(|| "null".into(), |value| value.to_string()));
            return Err(format!("{name} has {figure} {saved}, but its histogram gives {computed}"));
        }
    }
    Ok(())
}

fn is_near(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= ROUNDING_US.max(ROUNDING * other),
        (one, other) => one == other,
    }
}

/// Messages with a latency were received, and the rate is that of the intervals.
fn counts(outcome: &Outcome) -> Result<(), String> {
    let (timed, received) = (outcome.histograms.latency.count(), outcome.messages.received);
    if timed > received {
        return Err(format!("{timed} messages have a latency, but only {received} were received"));
    }
    let uncorrected = outcome.histograms.uncorrected().count();
    if uncorrected != timed {
        return Err(format!(
            "{timed} messages have a corrected latency, but {uncorrected} an uncorrected one"
        ));
    }
    if outcome.intervals.is_empty() {
        return Ok(());
    }
    let total = checked_sum(outcome.intervals.iter().map(|interval| interval.received))? as f64;
    let claimed = outcome.messages_per_second * outcome.duration_s;
    if (claimed - total).abs() > total * ROUNDING + 1.0 {
        return Err(format!(
            "messages_per_second is {}, but {total} messages were received in {} s",
            outcome.messages_per_second, outcome.duration_s
        ));
    }
    Ok(())
}

/// The intervals must add up to the whole.
fn intervals(outcome: &Outcome) -> Result<(), String> {
    if outcome.intervals.is_empty() {
        return Ok(());
    }
    let all = || outcome.intervals.iter();
    let sent = checked_sum(all().map(|interval| interval.sent))?;
    if sent != outcome.messages.sent {
        return Err(format!(
            "messages.sent is {}, but the intervals add up to {sent}",
            outcome.messages.sent
        ));
    }
    let beyond = checked_sum(all().map(|interval| interval.histograms.beyond))?;
    if beyond > outcome.histograms.beyond {
        return Err(format!(
            "histograms.beyond is {}, but the intervals add up to {beyond}",
            outcome.histograms.beyond
        ));
    }
    adds_up("latency", outcome, |histograms| &histograms.latency)?;
    adds_up("uncorrected", outcome, Histograms::uncorrected)
}

fn adds_up(name: &str, outcome: &Outcome, of: fn(&Histograms) -> &Histogram) -> Result<(), String> {
    let parts = || outcome.intervals.iter().map(|interval| of(&interval.histograms));
    let whole = of(&outcome.histograms);
    // Add up only counts that are known not to overflow.
    let is_same = checked_sum(parts().map(Histogram::count))? == whole.count() && {
        let mut sum = Histogram::new();
        parts().for_each(|part| sum.add(part));
        sum == *whole
    };
    match is_same {
        true => Ok(()),
        false => Err(format!("the {name} histograms of the intervals do not add up to the whole")),
    }
}

fn checked_sum(mut counts: impl Iterator<Item = u64>) -> Result<u64, String> {
    counts.try_fold(0, u64::checked_add).ok_or_else(|| "its counts overflow".into())
}

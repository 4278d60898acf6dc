//! The number of open connections as steps: each loss is drawn when it occurred, and not as a slope
//! over its interval.

use super::moments::Moment;
use crate::load::result::outcome::Outcome;

/// The most steps in a chart: 1,000. Losses closer together than this fraction of the window form
/// one step.
const STEPS_MAX: f64 = 1_000.0;

/// Points in time, in s after the start of the window, and the number of open connections from then
/// on.
pub(super) fn connections(outcome: &Outcome, moments: &[Moment]) -> Vec<(f64, Option<f64>)> {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return Vec::new() };
    let mut losses: Vec<f64> = outcome.ledger.iter().filter_map(|loss| loss.in_window_s).collect();
    losses.sort_by(f64::total_cmp);
    match losses.is_empty() {
        true => at_ends(outcome, moments),
        false => {
            let early = losses.iter().filter(|&&at| at <= first.end_s).count();
            let level = first.connections + early as f64;
            at_losses(&losses, level, (first.start_s, last.end_s))
        }
    }
}

/// Without a ledger, only the number at the end of each piece is known.
fn at_ends(outcome: &Outcome, moments: &[Moment]) -> Vec<(f64, Option<f64>)> {
    let lost = outcome.connections.lost > 0;
    let mut level = match (lost, moments.first()) {
        (true, _) => outcome.connections.established as f64,
        (false, first) => first.map_or(0.0, |first| first.connections),
    };
    let mut points = Vec::new();
    for moment in moments {
        points.push((moment.start_s, Some(level)));
        points.push((moment.end_s, Some(level)));
        level = moment.connections;
    }
    points.extend(moments.last().map(|last| (last.end_s, Some(level))));
    points
}

/// Losses found only after the window are a step at its end.
fn at_losses(losses: &[f64], level: f64, (start, end): (f64, f64)) -> Vec<(f64, Option<f64>)> {
    let mut points = vec![(start, Some(level))];
    let mut level = level;
    let mut rest = losses;
    while let Some(&at) = rest.first() {
        let together = rest.iter().take_while(|&&it| it - at <= (end - start) / STEPS_MAX).count();
        rest = &rest[together..];
        let at = at.clamp(start, end);
        points.push((at, Some(level)));
        level -= together as f64;
        points.push((at, Some(level)));
    }
    points.push((end, Some(level)));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_at_one_moment_are_one_step() {
        let points = at_losses(&[2.0, 2.000_1, 2.000_2, 7.0, 12.0], 5.0, (0.0, 10.0));
        let points: Vec<(f64, f64)> =
            points.into_iter().map(|(at, level)| (at, level.unwrap_or(-1.0))).collect();
        assert_eq!(
            points,
            [
                (0.0, 5.0),
                (2.0, 5.0),
                (2.0, 2.0),
                (7.0, 2.0),
                (7.0, 1.0),
                (10.0, 1.0),
                (10.0, 0.0),
                (10.0, 0.0)
            ]
        );
    }
}

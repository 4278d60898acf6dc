//! Scales, ticks at round numbers, and paths for charts.

/// Maps values to positions in a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) min: f64,
    pub(super) max: f64,
    /// Whether the scale is logarithmic.
    pub(super) is_logarithmic: bool,
}

impl Scale {
    /// A linear scale from `min` to `max`.
    pub(super) fn linear(min: f64, max: f64) -> Self {
        Self { min, max: if max > min { max } else { min + 1.0 }, is_logarithmic: false }
    }

    /// The position of a value: 0 at the minimum, 1 at the maximum.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.is_logarithmic {
            (value.max(self.min) / self.min).ln() / (self.max / self.min).ln()
        } else {
            (value - self.min) / (self.max - self.min)
        };
        place.clamp(0.0, 1.0)
    }
}

/// The step between ticks: 1, 2 or 5 times a power of ten, for about the wanted number of ticks.
pub(super) fn step(range: f64, wanted: f64) -> f64 {
    let rough = (range / wanted).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0];
    power * digits.into_iter().find(|digit| digit * power >= rough * 0.999).unwrap_or(10.0)
}

/// The multiples of a step from `min` to `max`.
pub(super) fn multiples(step: f64, min: f64, max: f64) -> Vec<f64> {
    let first = (min / step - 1e-6).ceil() as i64;
    let last = (max / step + 1e-6).floor() as i64;
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

/// A scale that starts at 0 or, if `is_cropped` and all values are close together, just below them,
/// and ends at a tick; and its ticks.
pub(super) fn linear(values: &[f64], unit: f64, is_cropped: bool) -> (Scale, Vec<f64>) {
    let max = values.iter().copied().fold(0.0, f64::max) / unit;
    let min = values.iter().copied().fold(f64::INFINITY, f64::min) / unit;
    let from = if is_cropped && min.is_finite() && min > 0.8 * max { min } else { 0.0 };
    let (from, max) = if max > from { (from, max) } else { (0.0, max.max(1.0)) };
    let step = step(max - from, 4.0);
    let (from, to) = ((from / step).floor() * step, (max / step - 1e-6).ceil() * step);
    let ticks = multiples(step, from, to).into_iter().map(|tick| tick * unit).collect();
    (Scale::linear(from * unit, to * unit), ticks)
}

/// A logarithmic scale that starts and ends at 1, 2 or 5 times a power of ten; and its ticks: the
/// powers of ten, with 2 and 5 between them if there are few.
pub(super) fn logarithmic(min: f64, max: f64) -> (Scale, Vec<f64>) {
    let steps = |exponent: i32| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(exponent));
    let exponents = min.log10().floor() as i32..=max.log10().ceil() as i32;
    let all: Vec<f64> = exponents.flat_map(steps).collect();
    let from = all.iter().copied().rfind(|step| *step <= min * 1.000_1).unwrap_or(min);
    let to = all.iter().copied().find(|step| *step >= max * 0.999_9).unwrap_or(max);
    let inside = all.into_iter().filter(|step| (from * 0.999..=to * 1.001).contains(step));
    let decades = (to / from).log10();
    let ticks = inside.filter(|step| decades <= 2.1 || is_power_of_ten(*step)).collect();
    (Scale { min: from, max: to, is_logarithmic: true }, ticks)
}

fn is_power_of_ten(number: f64) -> bool {
    (number.log10() - number.log10().round()).abs() < 1e-6
}

/// The step between ticks of a time axis of this many seconds, in units of clock time.
pub(super) fn time_step(seconds: f64, wanted: f64) -> f64 {
    const STEPS: [f64; 14] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
        7_200.0,
    ];
    let rough = seconds / wanted;
    if rough < 1.0 {
        return step(seconds, wanted);
    }
    let round = STEPS.into_iter().find(|step| *step >= rough * 0.999);
    round.unwrap_or_else(|| step(seconds / 3_600.0, wanted) * 3_600.0)
}

/// An SVG path through these points, with gaps at `None`.
pub(super) fn path(places: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let mut path = String::new();
    let mut is_drawn = false;
    for place in places {
        if let Some((x, y)) = place {
            path += &format!("{}{x:.1} {y:.1}", if is_drawn { "L" } else { "M" });
        }
        is_drawn = place.is_some();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(linear(&[3.0, 97.0], 1.0, false).1, [0.0, 50.0, 100.0]);
        assert_eq!(linear(&[81.0], 1.0, false).1, [0.0, 50.0, 100.0]);
        assert_eq!(linear(&[1.6], 1.0, false).1, [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(linear(&[19_836.0, 19_900.0], 1.0, true).0.min, 19_820.0);
        assert_eq!(linear(&[], 1.0, true).1, [0.0, 0.5, 1.0]);
        assert_eq!(linear(&[0.0], 1.0, true).1.last(), Some(&1.0));
        assert_eq!(linear(&[5.0, 5.0], 1.0, true).0.min, 0.0);
        assert_eq!(logarithmic(37.0, 180.0).1, [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(logarithmic(37.0, 700_000.0).1, [100.0, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!(time_step(30.0, 5.0), 10.0);
        assert_eq!(time_step(3_600.0, 6.0), 600.0);
        assert_eq!(time_step(2.0, 4.0), 0.5);
    }

    #[test]
    fn positions_are_within_the_chart() {
        let (scale, _) = logarithmic(10.0, 1_000.0);
        assert!((scale.place(100.0) - 0.5).abs() < 1e-9);
        assert_eq!((scale.place(0.0), scale.place(1e9)), (0.0, 1.0));
        assert_eq!(Scale::linear(0.0, 0.0).place(0.0), 0.0);
    }

    #[test]
    fn a_path_has_gaps() {
        let places = [Some((0.0, 1.0)), Some((1.0, 2.0)), None, Some((3.0, 4.0))];
        assert_eq!(path(places.into_iter()), "M0.0 1.0L1.0 2.0M3.0 4.0");
    }
}

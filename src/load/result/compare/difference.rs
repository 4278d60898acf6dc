//! Whether two sides differ by more than the runs of a side differ among themselves.
//!
//! Runs of the same server on the same machine differ: memory is laid out differently, the
//! scheduler decides differently, a neighbour wakes up. No interval within a run shows that, so
//! several runs are needed. Ratios are compared by their logarithms, so that twice as slow and
//! twice as fast are equally far apart.

use super::student::{critical, deviation_factor, two_sided};

/// The fewest runs per side: 5. Fewer say next to nothing about the variation between runs.
pub const RUNS_MIN: usize = 5;

/// The probability that any of the compared figures is called different although none is.
const ERROR_RATE: f64 = 0.05;

/// The probability of missing a change of the detectable size: one in ten, on each side.
const MISS_RATE: f64 = 0.1;

/// The change that a comparison should be able to show: 5 %.
pub(super) const CHANGE_WANTED: f64 = 0.05;

/// The most additional rounds that are suggested.
const ROUNDS_MAX: u32 = 10_000;

/// How the runs are arranged in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// In rounds of one run per side. Drift from round to round cancels out: a paired t test.
    Rounds,
    /// Any other order: Welch's t test.
    Separate,
}

/// One figure of each run, never 0. In rounds, the values of a round have the same index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Values {
    /// The values of the first side.
    pub a: Vec<f64>,
    /// The values of the second side.
    pub b: Vec<f64>,
    /// The relative difference that rounding alone can cause.
    pub resolution: f64,
}

/// How the second side differs from the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The relative change: -0.041 is 4.1 % lower.
    pub change: f64,
    /// The half of the 95 % interval on the side of no change. It is wider than for a single
    /// figure, because several are compared at once.
    pub margin: f64,
    /// Whether the interval excludes 0.
    pub is_shown: bool,
    /// The smallest change that this many runs would have shown, nine times in ten.
    pub detectable: f64,
    /// The input for planning more runs.
    plan: Plan,
}

impl Difference {
    /// How many more rounds would show a change of 5 %, if they vary like these; 0 if these runs
    /// are enough.
    pub fn rounds_missing(&self) -> u32 {
        self.plan.rounds_missing(CHANGE_WANTED)
    }
}

/// Compares several figures of the same runs, with at least two runs per side. The probability that
/// any of them is called different although none is is at most one in twenty (Holm's method).
pub fn differences(all: &[Values], design: Design) -> Vec<Difference> {
    let estimates: Vec<Estimate> = all.iter().map(|values| Estimate::new(values, design)).collect();
    let levels = holm(&estimates.iter().map(Estimate::probability).collect::<Vec<_>>());
    let strictest = ERROR_RATE / all.len().max(1) as f64;
    let difference = |(estimate, level): (&Estimate, f64)| estimate.difference(level, strictest);
    estimates.iter().zip(levels).map(difference).collect()
}

/// The level at which each figure is tested: the k-th smallest probability at the k-th strictest
/// level, and from the first failure on at the level of that failure.
fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&one, &other| probabilities[one].total_cmp(&probabilities[other]));
    let mut levels = vec![ERROR_RATE; probabilities.len()];
    let mut failed_at = None;
    for (place, &index) in order.iter().enumerate() {
        let level = failed_at.unwrap_or(ERROR_RATE / (probabilities.len() - place) as f64);
        if probabilities[index] > level {
            failed_at = Some(level);
        }
        levels[index] = level;
    }
    levels
}

/// The mean of a log ratio, and its uncertainty.
struct Estimate {
    mean: f64,
    /// The variance of one round. That of the mean is this divided by the rounds.
    variance: f64,
    /// The number of rounds equivalent to these runs.
    rounds: f64,
    freedom: f64,
    /// Degrees of freedom that another round adds.
    freedom_per_round: f64,
    /// The variance that more runs do not reduce, because figures have few digits.
    rounding: f64,
}

impl Estimate {
    fn new(values: &Values, design: Design) -> Self {
        let rounding = values.resolution.powi(2) / 6.0;
        let (a, b) = (logarithms(&values.a), logarithms(&values.b));
        match design {
            Design::Rounds => Self::paired(&a, &b, rounding),
            Design::Separate => Self::separate(&a, &b, rounding),
        }
    }

    fn paired(a: &[f64], b: &[f64], rounding: f64) -> Self {
        let ratios: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        let (mean, variance) = moments(&ratios);
        let rounds = ratios.len() as f64;
        Self { mean, variance, rounds, freedom: rounds - 1.0, freedom_per_round: 1.0, rounding }
    }

    /// Welch's test with Satterthwaite's degrees of freedom.
    fn separate(a: &[f64], b: &[f64], rounding: f64) -> Self {
        let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(a), moments(b));
        let sides = [(variance_a, a.len() as f64), (variance_b, b.len() as f64)];
        let error: f64 = sides.iter().map(|(variance, runs)| variance / runs).sum();
        let squares = |it: &(f64, f64)| (it.0 / it.1).powi(2) / (it.1 - 1.0);
        let squares: f64 = sides.iter().map(squares).sum();
        let (mean, variance) = (mean_b - mean_a, variance_a + variance_b);
        if error == 0.0 {
            // Without any variance there is nothing to weigh.
            let rounds = a.len().min(b.len()) as f64;
            let freedom = rounds - 1.0;
            return Self { mean, variance, rounds, freedom, freedom_per_round: 1.0, rounding };
        }
        let freedom_per_round = variance.powi(2) / (variance_a.powi(2) + variance_b.powi(2));
        let (rounds, freedom) = (variance / error, error.powi(2) / squares);
        Self { mean, variance, rounds, freedom, freedom_per_round, rounding }
    }

    fn error(&self) -> f64 {
        (self.variance / self.rounds + self.rounding).sqrt()
    }

    /// The probability of a mean at least this far from 0 if the sides do not differ.
    fn probability(&self) -> f64 {
        match self.mean {
            0.0 => 1.0,
            mean => two_sided((mean / self.error()).abs(), self.freedom),
        }
    }

    fn difference(&self, level: f64, strictest: f64) -> Difference {
        let half = critical(level, self.freedom) * self.error();
        let nearest = self.mean - half.copysign(self.mean);
        let plan = Plan {
            level: strictest,
            // A few runs do not show well how runs vary: the plan uses an upper limit of the
            // variance.
            variance: self.variance * deviation_factor(self.freedom).powi(2),
            rounding: self.rounding,
            rounds: self.rounds,
            freedom: self.freedom,
            freedom_per_round: self.freedom_per_round,
        };
        Difference {
            change: self.mean.exp_m1(),
            margin: (nearest.exp() - self.mean.exp()).abs(),
            is_shown: self.probability() <= level,
            detectable: plan.detectable(0).exp_m1(),
            plan,
        }
    }
}

/// Predicts what more rounds would show.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    level: f64,
    variance: f64,
    rounding: f64,
    rounds: f64,
    freedom: f64,
    freedom_per_round: f64,
}

impl Plan {
    /// The smallest log ratio that this many more rounds would show.
    fn detectable(&self, more: u32) -> f64 {
        let rounds = self.rounds + f64::from(more);
        let freedom = self.freedom + f64::from(more) * self.freedom_per_round;
        let quantiles = critical(self.level, freedom) + critical(2.0 * MISS_RATE, freedom);
        quantiles * (self.variance / rounds + self.rounding).sqrt()
    }

    /// How many more rounds would show this change.
    fn rounds_missing(&self, change: f64) -> u32 {
        let is_enough = |more: u32| self.detectable(more) <= change.ln_1p();
        if is_enough(0) {
            return 0;
        }
        let (mut few, mut enough) = (0, 1);
        while enough < ROUNDS_MAX && !is_enough(enough) {
            (few, enough) = (enough, enough * 2);
        }
        while enough - few > 1 {
            let middle = u32::midpoint(few, enough);
            match is_enough(middle) {
                true => enough = middle,
                false => few = middle,
            }
        }
        enough.min(ROUNDS_MAX)
    }
}

fn logarithms(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.ln()).collect()
}

/// Mean and sample variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(a: &[f64], b: &[f64]) -> Values {
        Values { a: a.to_vec(), b: b.to_vec(), resolution: 0.0 }
    }

    const PAIRED: f64 = 0.009_683_510_093_568_31;
    const WELCH: f64 = 0.061_645_711_436_285_534;

    /// The results of `scipy.stats.ttest_rel` and `ttest_ind(equal_var=False)` for the logarithms.
    #[test]
    fn probabilities_match_scipy() {
        let a = [100.0, 104.0, 98.0, 101.0, 103.0, 99.0];
        let b = [103.0, 105.0, 102.0, 102.0, 108.0, 101.0];
        let paired = Estimate::new(&values(&a, &b), Design::Rounds);
        let welch = Estimate::new(&values(&a, &b[..5]), Design::Separate);
        assert!((paired.probability() - PAIRED).abs() < 1e-9, "{}", paired.probability());
        assert!((welch.probability() - WELCH).abs() < 1e-9, "{}", welch.probability());
    }

    /// The standard example of the method: 0.01, 0.04, 0.03 and 0.005 at 5 %.
    #[test]
    fn levels_match_holms_method() {
        let levels = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.05 / 3.0, 0.025, 0.025, 0.0125];
        assert!(levels.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12));
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }

    #[test]
    fn the_interval_excludes_0_exactly_if_the_change_is_shown() {
        let a = [100.0, 104.0, 98.0, 101.0, 103.0, 99.0];
        for step in 0..200 {
            let factor = 0.9 + f64::from(step) / 1_000.0;
            let b = a.map(|value| value * factor + (value * 7.0) % 3.0 - 1.0);
            for design in [Design::Rounds, Design::Separate] {
                for it in differences(&[values(&a, &b), values(&a, &a)], design) {
                    assert_eq!(it.is_shown, it.margin < it.change.abs(), "{factor} {it:?}");
                }
            }
        }
    }

    #[test]
    fn equal_or_rounded_values_do_not_differ() {
        let same = values(&[100.0; 5], &[100.0; 5]);
        let rounded = Values { b: vec![100.1; 5], resolution: 0.001, ..same.clone() };
        let changed = Values { b: vec![101.0; 5], resolution: 0.001, ..same.clone() };
        for design in [Design::Rounds, Design::Separate] {
            let shown = |it: &Values| differences(std::slice::from_ref(it), design)[0].is_shown;
            assert_eq!([&same, &rounded, &changed].map(shown), [false, false, true]);
        }
    }

    #[test]
    fn more_rounds_show_smaller_changes() {
        let ratio = [1.0, 1.1, 0.95, 1.05, 0.9];
        let some = values(&[100.0; 5], &ratio.map(|ratio| 100.0 * ratio));
        let it = differences(std::slice::from_ref(&some), Design::Rounds)[0];
        assert!(!it.is_shown && it.detectable > 0.05 && it.rounds_missing() > 5, "{it:?}");
        let times = (it.rounds_missing() as usize + 5).div_ceil(5);
        let many = Values { a: some.a.repeat(times), b: some.b.repeat(times), ..some };
        let later = differences(&[many], Design::Rounds)[0];
        assert_eq!(later.rounds_missing(), 0, "{later:?}");
    }
}

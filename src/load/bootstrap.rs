//! How far a figure of a run could have come out otherwise: the bootstrap. Intervals are drawn again and
//! again, with replacement, and the figures of each drawing are computed anew.

use super::outcome::Outcome;
use std::collections::BTreeMap;

/// Drawings: 1,000, so that 25 lie beyond either end of the 95 % that are kept.
const RESAMPLES: usize = 1_000;

/// Fewer intervals say nothing about how they vary: 5.
pub(super) const INTERVALS_MIN: usize = 5;

/// Intervals that follow each other are drawn as one if there are more: 100. It keeps a long run cheap, and
/// what lasts longer than an interval is kept together.
const BLOCKS_MAX: usize = 100;

/// Times that differ by less cannot be told apart: a part in 1,000, by the digits of the histograms.
const PRECISION: f64 = 0.001;

/// The quantiles that are computed.
pub(super) const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

/// Where [`Figures`] have the mean, the rate, and the CPU time of the server for each message.
const MEAN: usize = 4;
pub(super) const RATE: usize = 5;
pub(super) const SERVER: usize = 6;

/// Figures of a drawing: the [`QUANTILES`], then the others. What has no value is not a number.
type Figures = [f64; 7];

/// A change as a part of what was before: -0.041 is 4.1 % less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The change of the whole runs.
    pub change: f64,
    /// Half of the width of the 95 % interval.
    pub margin: f64,
    /// Whether both the interval and the change ± the margin leave out 0: it is more than chance.
    pub is_shown: bool,
}

/// A run, in the form that is cheap to draw from.
pub(super) struct Run {
    /// All times that occur, in ns, the shortest first.
    times: Vec<f64>,
    blocks: Vec<Block>,
}

/// Intervals that are drawn together.
#[derive(Default)]
struct Block {
    /// Which of the times occur, and how often.
    counts: Vec<(u32, u64)>,
    received: f64,
    duration_s: f64,
    /// CPU time of the server; not a number if it was not watched.
    server_s: f64,
}

impl Run {
    pub(super) fn new(outcome: &Outcome) -> Self {
        let length = outcome.intervals.len().div_ceil(BLOCKS_MAX).max(1);
        let mut places: BTreeMap<u64, u32> = BTreeMap::new();
        let mut sparse = Vec::new();
        for intervals in outcome.intervals.chunks(length) {
            let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
            let mut block = Block::default();
            for interval in intervals {
                for (time, count) in interval.histograms.latency.counts() {
                    *counts.entry(time).or_default() += count;
                    places.insert(time, 0);
                }
                block.received += interval.received as f64;
                block.duration_s += interval.duration_s;
                block.server_s += interval.server_cpu.unwrap_or(f64::NAN) * interval.duration_s;
            }
            sparse.push((block, counts));
        }
        for (place, index) in places.values_mut().zip(0..) {
            *place = index;
        }
        let blocks = sparse.into_iter().map(|(block, counts)| {
            let counts = counts.iter().map(|(time, &count)| (places[time], count)).collect();
            Block { counts, ..block }
        });
        let blocks = blocks.collect();
        Self { times: places.into_keys().map(|time| time as f64).collect(), blocks }
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The figures of the run as it was.
    fn whole(&self) -> Figures {
        self.figures(&vec![1; self.blocks.len()], &mut Vec::new())
    }

    /// The figures of a drawing.
    fn draw(&self, random: &mut Random, weights: &mut Vec<u64>, sums: &mut Vec<u64>) -> Figures {
        weights.clear();
        weights.resize(self.blocks.len(), 0);
        for _ in 0..self.blocks.len() {
            weights[random.below(self.blocks.len())] += 1;
        }
        self.figures(weights, sums)
    }

    /// The figures if each block had occurred so often. `sums` is room to count in.
    fn figures(&self, weights: &[u64], sums: &mut Vec<u64>) -> Figures {
        sums.clear();
        sums.resize(self.times.len(), 0);
        let (mut received, mut duration_s, mut server_s) = (0.0, 0.0, 0.0);
        for (block, &weight) in self.blocks.iter().zip(weights).filter(|(_, weight)| **weight > 0) {
            for &(place, count) in &block.counts {
                sums[place as usize] += weight * count;
            }
            received += weight as f64 * block.received;
            duration_s += weight as f64 * block.duration_s;
            server_s += weight as f64 * block.server_s;
        }
        let mut figures = [f64::NAN; 7];
        figures[RATE] = received / duration_s;
        figures[SERVER] = server_s / received;
        self.latencies(sums, &mut figures);
        figures
    }

    /// Quantiles and the mean, of so many of each time.
    fn latencies(&self, sums: &[u64], figures: &mut Figures) {
        let total: u64 = sums.iter().sum();
        let ranks = QUANTILES.map(|quantile| ((quantile * total as f64).ceil() as u64).max(1));
        let (mut seen, mut product, mut next) = (0, 0.0, 0);
        for (&time, &count) in self.times.iter().zip(sums) {
            seen += count;
            product += time * count as f64;
            while next < ranks.len() && seen >= ranks[next] {
                figures[next] = time;
                next += 1;
            }
        }
        figures[MEAN] = product / total as f64;
    }
}

/// By which part each figure changed from one run to the other; none for what one of them has not.
pub(super) fn estimate(before: &Run, after: &Run) -> [Option<Estimate>; 7] {
    let (whole_before, whole_after) = (before.whole(), after.whole());
    let mut random = Random(SEED);
    let (mut weights, mut sums) = (Vec::new(), Vec::new());
    let drawings: Vec<(Figures, Figures)> = (0..RESAMPLES)
        .map(|_| {
            let one = before.draw(&mut random, &mut weights, &mut sums);
            (one, after.draw(&mut random, &mut weights, &mut sums))
        })
        .collect();
    let widening = widening(before.blocks().min(after.blocks()));
    std::array::from_fn(|index| {
        let center = (whole_after[index] / whole_before[index]).ln();
        let mut ratios: Vec<f64> =
            drawings.iter().map(|(one, other)| (other[index] / one[index]).ln()).collect();
        if !center.is_finite() || ratios.iter().any(|ratio| !ratio.is_finite()) {
            return None;
        }
        ratios.sort_unstable_by(f64::total_cmp);
        let tail = RESAMPLES / 40;
        let below = (center - ratios[tail]).max(0.0) * widening + PRECISION;
        let above = (ratios[RESAMPLES - 1 - tail] - center).max(0.0) * widening + PRECISION;
        let change = center.exp_m1();
        let margin = ((center + above).exp() - (center - below).exp()) / 2.0;
        let is_beside_zero = center - below > 0.0 || center + above < 0.0;
        Some(Estimate { change, margin, is_shown: is_beside_zero && margin < change.abs() })
    })
}

/// By how much the spread of drawings from so few is too small: √(n/(n-1)) because they are drawn from
/// themselves, and Student's distribution with n-1 degrees of freedom in place of the normal one.
fn widening(blocks: usize) -> f64 {
    let freedom = blocks.saturating_sub(1).max(1) as f64;
    let z = 1.959_964_f64;
    // The expansion of Student's quantile in 1/n (Abramowitz and Stegun, 26.7.5).
    let student = z
        + (z.powi(3) + z) / (4.0 * freedom)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z)
            / (384.0 * freedom.powi(3));
    student / z * ((freedom + 1.0) / freedom).sqrt()
}

/// Where the drawing begins: the same two runs give the same answer.
const SEED: u64 = 0x5eed_0000_4a11_0000;

/// SplitMix64: numbers that look random, from a counter.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_intervals_are_less_certain() {
        // Student's 97.5 % quantile with 4 degrees of freedom is 2.776, with 30 it is 2.042.
        let expected = 2.776 / 1.96 * (5.0_f64 / 4.0).sqrt();
        assert!((widening(5) / expected - 1.0).abs() < 0.01, "{}", widening(5));
        let expected = 2.042 / 1.96 * (31.0_f64 / 30.0).sqrt();
        assert!((widening(31) / expected - 1.0).abs() < 0.001, "{}", widening(31));
    }

    #[test]
    fn drawings_are_even() {
        let mut random = Random(1);
        let mut counts = [0_u32; 5];
        (0..50_000).for_each(|_| counts[random.below(5)] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    }
}

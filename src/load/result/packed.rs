//! A read-only histogram: the times that occurred with their counts, some kilobytes instead of
//! hundreds.
//!
//! The bounds of its buckets are those of HdrHistogram with three significant digits: one per
//! nanosecond below 2,048 ns, and 1,024 per doubling from there on.

use std::cmp::Ordering;

/// The longest time that is distinguished from longer ones: 1 hour.
pub const NANOSECONDS_MAX: u64 = 3_600_000_000_000;

/// Buckets per doubling of the time, as a power of two.
const BUCKETS_LOG2: u32 = 10;

/// See the [module documentation](self).
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::load) struct Packed {
    /// The lower bound of each bucket that occurred, ascending, with its count, never 0.
    counts: Vec<(u64, u64)>,
    total: u64,
}

impl Packed {
    /// Builds a histogram from ascending times with their counts.
    pub(in crate::load) fn new(times: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut packed = Self::default();
        for (nanoseconds, count) in times.filter(|&(_, count)| count > 0) {
            packed.push(lower(nanoseconds.min(NANOSECONDS_MAX)), count);
        }
        packed
    }

    /// The lower bound of each bucket that occurred, ascending, with its count.
    pub(in crate::load) fn counts(&self) -> &[(u64, u64)] {
        &self.counts
    }

    pub(in crate::load) fn total(&self) -> u64 {
        self.total
    }

    /// Adds the counts of another histogram.
    pub(in crate::load) fn add(&mut self, other: impl Iterator<Item = (u64, u64)>) {
        let mut sum = Self { counts: Vec::with_capacity(self.counts.len()), total: 0 };
        let (mut own, mut other) = (self.counts.drain(..).peekable(), other.peekable());
        loop {
            let next = match (own.peek(), other.peek()) {
                (None, None) => break,
                (Some((one, _)), Some((another, _))) if one.cmp(another) != Ordering::Greater => {
                    own.next()
                }
                (Some(_), None) => own.next(),
                (_, Some(_)) => other.next(),
            };
            if let Some((lower, count)) = next {
                sum.push(lower, count);
            }
        }
        drop(own);
        *self = sum;
    }

    /// The upper bound of the bucket that contains the quantile; for quantile 0 its lower bound.
    pub(in crate::load) fn quantile(&self, quantile: f64) -> u64 {
        let rank = ((quantile.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.counts.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        match found {
            None => 0,
            Some(&(lower, _)) if quantile == 0.0 => lower,
            Some(&(lower, _)) => upper(lower),
        }
    }

    pub(in crate::load) fn min(&self) -> u64 {
        self.counts.first().map_or(0, |&(lower, _)| lower)
    }

    pub(in crate::load) fn max(&self) -> u64 {
        self.counts.last().map_or(0, |&(lower, _)| upper(lower))
    }

    pub(in crate::load) fn mean(&self) -> f64 {
        let total = self.total.max(1) as f64;
        self.counts.iter().map(|&(lower, count)| middle(lower) as f64 * count as f64 / total).sum()
    }

    /// How many times were longer than this, within the precision.
    pub(in crate::load) fn count_above(&self, nanoseconds: u64) -> u64 {
        let below = self.counts.partition_point(|&(lower, _)| lower <= nanoseconds);
        self.counts[below..].iter().map(|(_, count)| count).sum()
    }

    /// Buckets must come in ascending order; one may come twice.
    pub(in crate::load) fn push(&mut self, lower: u64, count: u64) {
        self.total += count;
        match self.counts.last_mut() {
            Some((last, sum)) if *last == lower => *sum += count,
            _ => self.counts.push((lower, count)),
        }
    }
}

/// The width of the bucket that contains this time.
fn width(nanoseconds: u64) -> u64 {
    1 << nanoseconds.max(1).ilog2().saturating_sub(BUCKETS_LOG2)
}

/// The shortest time in the same bucket.
pub(in crate::load) fn lower(nanoseconds: u64) -> u64 {
    nanoseconds & !(width(nanoseconds) - 1)
}

/// The middle of the bucket with this lower bound.
pub(in crate::load) fn middle(lower: u64) -> u64 {
    lower + (width(lower) >> 1)
}

/// The longest time of the bucket with this lower bound.
fn upper(lower: u64) -> u64 {
    lower + width(lower) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_match_hdrhistogram() {
        let histogram =
            hdrhistogram::Histogram::<u64>::new_with_bounds(1, NANOSECONDS_MAX, 3).unwrap();
        let mut nanoseconds = 0;
        while nanoseconds < NANOSECONDS_MAX {
            for time in [nanoseconds, nanoseconds + 1, nanoseconds.next_power_of_two()] {
                assert_eq!(lower(time), histogram.lowest_equivalent(time), "{time}");
                assert_eq!(upper(lower(time)), histogram.highest_equivalent(time), "{time}");
                assert_eq!(middle(lower(time)), histogram.median_equivalent(time), "{time}");
            }
            nanoseconds += nanoseconds / 997 + 1;
        }
    }
}

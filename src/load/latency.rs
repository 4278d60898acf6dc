//! How times are counted: HdrHistograms of fixed size, in nanoseconds, exact to three significant digits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Deserializer as Deserialization, Serialize, Serializer as Serialization};
use std::time::Duration;

/// The longest time that is told from longer ones: 1 hour. A histogram takes some 270 KiB, whatever is
/// counted, and only what is counted is touched.
pub const NANOSECONDS_MAX: u64 = 3_600_000_000_000;

/// Significant decimal digits of every time that is read back.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// Counts times; see the [module documentation](self). Serialized as text: HdrHistogram's V2 format,
/// compressed, in base64.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram(hdrhistogram::Histogram<u64>);

/// What a histogram says, in microseconds. All are 0 if nothing was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The shortest.
    pub min: f64,
    /// Half took no longer.
    pub p50: f64,
    /// 90 % took no longer.
    pub p90: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// 99.9 % took no longer.
    pub p99_9: f64,
    /// 99.99 % took no longer.
    pub p99_99: f64,
    /// The longest.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
}

impl Histogram {
    /// Nothing counted.
    ///
    /// # Panics
    /// Never: the bounds are constants that are known to be good.
    pub fn new() -> Self {
        let histogram =
            hdrhistogram::Histogram::new_with_bounds(1, NANOSECONDS_MAX, SIGNIFICANT_DIGITS);
        Self(histogram.expect("the bounds are good"))
    }

    /// Counts a time. Longer ones than [`NANOSECONDS_MAX`] count as that, shorter ones than 1 ns as that.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.0.saturating_record(nanoseconds);
    }

    /// Counts what another histogram has counted, exactly.
    ///
    /// # Panics
    /// Never: all histograms have the same bounds.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that this part of all, 0 to 1, did not exceed; zero if nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// How many of the counted times were longer than this, within the precision.
    pub fn count_above(&self, time: Duration) -> u64 {
        let nanoseconds = time.as_nanos().min(u128::from(NANOSECONDS_MAX)) as u64;
        self.0.len() - self.0.count_between(0, nanoseconds)
    }

    /// Every time that was counted, shortest first, and how often: in nanoseconds, the middle of what cannot
    /// be told apart.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter_recorded().map(|value| {
            (
                self.0.median_equivalent(value.value_iterated_to()),
                value.count_since_last_iteration(),
            )
        })
    }

    /// The usual figures.
    pub fn latency(&self) -> Latency {
        if self.0.is_empty() {
            return Latency::default();
        }
        let at = |quantile| microseconds(self.0.value_at_quantile(quantile));
        Latency {
            min: microseconds(self.0.min()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: microseconds(self.0.max()),
            mean: (self.0.mean() / 10.0).round() / 100.0,
        }
    }

    /// As the text that it is saved as, and that a `.hlog` file has.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        serializer.serialize(&self.0, &mut bytes).expect("memory takes what is written to it");
        STANDARD.encode(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote, or another tool.
    ///
    /// # Errors
    /// That it is no histogram.
    pub fn decode(text: &str) -> Result<Self, String> {
        let none = "this is no HdrHistogram (V2, compressed, base64)";
        let bytes = STANDARD.decode(text).map_err(|_| none)?;
        let decoded: hdrhistogram::Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|_| none)?;
        let mut histogram = Self::new();
        for value in decoded.iter_recorded() {
            let nanoseconds = value.value_iterated_to();
            histogram.0.saturating_record_n(nanoseconds, value.count_since_last_iteration());
        }
        Ok(histogram)
    }

    /// The longest time, in nanoseconds, as a `.hlog` file wants it.
    pub fn nanoseconds_max(&self) -> u64 {
        self.0.max()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serialization>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserialization<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::decode(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Nanoseconds in microseconds, to the hundredth.
fn microseconds(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 10.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_sorting_all_samples() {
        let mut state = 1_u64;
        let mut samples: Vec<u64> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // From microseconds to seconds, evenly in their logarithm.
                (1_000.0 * 10_f64.powf((state >> 40) as f64 / (1_u64 << 24) as f64 * 6.0)) as u64
            })
            .collect();
        let mut histogram = Histogram::new();
        samples.iter().for_each(|&sample| histogram.record(sample));
        samples.sort_unstable();
        for quantile in [0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0] {
            let rank = (quantile * samples.len() as f64).ceil() as usize;
            let exact = samples[rank.max(1) - 1] as f64;
            let read = histogram.quantile(quantile).as_nanos() as f64;
            assert!((read / exact - 1.0).abs() <= 0.001, "{quantile}: {read} for {exact}");
        }
    }

    #[test]
    fn what_is_saved_comes_back_and_adds_up() {
        let mut histogram = Histogram::new();
        for nanoseconds in [0, 1, 999, 16_250, 1_000_000_007, u64::MAX] {
            histogram.record(nanoseconds);
        }
        let text = serde_json::to_string(&histogram).unwrap();
        let back: Histogram = serde_json::from_str(&text).unwrap();
        assert_eq!(back.latency(), histogram.latency());
        assert_eq!(back.counts().collect::<Vec<_>>(), histogram.counts().collect::<Vec<_>>());
        let mut sum = back.clone();
        sum.add(&histogram);
        assert_eq!((sum.count(), sum.latency().p50), (12, histogram.latency().p50));
        assert!(serde_json::from_str::<Histogram>("\"HISTFAAA\"").is_err());
        assert!(serde_json::from_str::<Histogram>("\"?\"").is_err());
    }

    #[test]
    fn nothing_counted_is_zero() {
        assert_eq!(Histogram::new().latency(), Latency::default());
        assert_eq!(Histogram::new().count_above(Duration::ZERO), 0);
    }
}

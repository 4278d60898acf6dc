//! Histograms of times: HdrHistograms of fixed size, in nanoseconds, exact to three significant
//! digits.
//!
//! A histogram that is being recorded into takes some 270 KiB, so that recording never allocates.
//! One that is only kept can be [packed](Histogram::pack) to the values that occurred.

use super::Figure;
use super::packed::{Packed, lower, middle};
use super::read::decode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use serde::{Deserialize, Deserializer as Deserialization, Serialize, Serializer as Serialization};
use std::time::Duration;

pub use super::packed::NANOSECONDS_MAX;

/// Significant decimal digits of every recorded time.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram of times; see the [module documentation](self). Serialized as text: HdrHistogram's
/// V2 format, compressed, in base64. Deserialized histograms are packed.
#[derive(Debug, Clone)]
pub struct Histogram(Form);

/// The two representations, for recording and for keeping. Both give the same figures.
#[derive(Debug, Clone)]
enum Form {
    Counting(hdrhistogram::Histogram<u64>),
    Packed(Packed),
}

/// The usual figures of a histogram, in microseconds. A figure is `None` if nothing was recorded,
/// or if it lies beyond [`above_us`](Self::above_us).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The minimum.
    pub min: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The 99.9th percentile.
    pub p99_9: Option<f64>,
    /// The 99.99th percentile.
    pub p99_99: Option<f64>,
    /// The maximum.
    pub max: Option<f64>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// A lower bound for every figure that is `None` except the mean: some messages got no response
    /// and took longer than this.
    pub above_us: Option<f64>,
    /// A lower bound of the mean, for the same reason.
    pub mean_above_us: Option<f64>,
}

impl Latency {
    /// The figures in order, each with its name, in µs.
    pub fn figures(&self) -> [(&'static str, Figure); 8] {
        let figure = |value: Option<f64>, above: Option<f64>| match (value, above) {
            (Some(value), _) => Figure::Known(value),
            (None, Some(above)) => Figure::Above(above),
            (None, None) => Figure::Absent,
        };
        [
            ("min", figure(self.min, self.above_us)),
            ("p50", figure(self.p50, self.above_us)),
            ("p90", figure(self.p90, self.above_us)),
            ("p99", figure(self.p99, self.above_us)),
            ("p99.9", figure(self.p99_9, self.above_us)),
            ("p99.99", figure(self.p99_99, self.above_us)),
            ("max", figure(self.max, self.above_us)),
            ("mean", figure(self.mean, self.mean_above_us)),
        ]
    }

    /// The figure with this name.
    pub fn figure(&self, name: &str) -> Figure {
        let found = self.figures().into_iter().find(|(other, _)| *other == name);
        found.map_or(Figure::Absent, |(_, figure)| figure)
    }
}

impl Histogram {
    /// An empty histogram.
    ///
    /// # Panics
    /// Never: the bounds are valid constants.
    pub fn new() -> Self {
        Self(Form::Counting(unpacked(&Packed::default())))
    }

    /// Records a time. Times longer than [`NANOSECONDS_MAX`] are recorded as that.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.counting().saturating_record(nanoseconds);
    }

    /// Adds the counts of another histogram, exactly. A packed histogram stays packed.
    ///
    /// # Panics
    /// Never: all histograms have the same bounds.
    pub fn add(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Form::Counting(own), Form::Counting(other)) => {
                own.add(other).expect("all have the same bounds");
            }
            (Form::Counting(own), Form::Packed(other)) => fill(own, other),
            (Form::Packed(own), Form::Packed(other)) => own.add(other.counts().iter().copied()),
            (Form::Packed(own), Form::Counting(other)) => own.add(buckets(other)),
        }
    }

    /// Removes all counts.
    pub fn clear(&mut self) {
        self.counting().reset();
    }

    /// Frees the memory for times that did not occur. Recording after that is possible and
    /// allocates it again.
    pub fn pack(&mut self) {
        if let Form::Counting(counting) = &self.0 {
            self.0 = Form::Packed(Packed::new(buckets(counting)));
        }
    }

    /// The number of recorded times.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Form::Counting(counting) => counting.len(),
            Form::Packed(packed) => packed.total(),
        }
    }

    /// The time that this share of all times, 0 to 1, does not exceed; zero if the histogram is
    /// empty.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.nanoseconds_at(quantile))
    }

    /// How many of the recorded times were longer than this, within the precision.
    pub fn count_above(&self, time: Duration) -> u64 {
        let nanoseconds = time.as_nanos().min(u128::from(NANOSECONDS_MAX)) as u64;
        match &self.0 {
            Form::Counting(counting) => counting.len() - counting.count_between(0, nanoseconds),
            Form::Packed(packed) => packed.count_above(nanoseconds),
        }
    }

    /// Every recorded time, shortest first, with its count. A time is the middle of its bucket, in
    /// nanoseconds.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets().map(|(lower, count)| (middle(lower), count))
    }

    /// The usual figures.
    pub fn latency(&self) -> Latency {
        self.latency_with(0, 0.0)
    }

    /// The usual figures of these times and `beyond` more that took longer than `above_us` µs. A
    /// percentile among those is `None`.
    pub fn latency_with(&self, beyond: u64, above_us: f64) -> Latency {
        let (count, all) = (self.count(), self.count().saturating_add(beyond));
        if all == 0 {
            return Latency::default();
        }
        let at = |quantile| self.quantile_with(beyond, quantile);
        let (min, max, mean) = match &self.0 {
            Form::Counting(counting) => (counting.min(), counting.max(), counting.mean()),
            Form::Packed(packed) => (packed.min(), packed.max(), packed.mean()),
        };
        let known = |value: f64| (beyond == 0).then_some(value);
        let is_bound = (beyond > 0).then_some(above_us);
        let mean = mean / 1e3;
        let mean_above = (mean * count as f64 + above_us * beyond as f64) / all as f64;
        let hundredths = |value: f64| (value * 100.0).round() / 100.0;
        Latency {
            min: (count > 0).then(|| microseconds(min)),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: known(microseconds(max)),
            mean: known(hundredths(mean)),
            above_us: is_bound,
            mean_above_us: is_bound.map(|_| hundredths(mean_above)),
        }
    }

    /// The time in µs that this share, 0 to 1, of these times and `beyond` longer ones does not
    /// exceed; `None` if it is one of the longer ones, or if there are no times.
    pub fn quantile_with(&self, beyond: u64, quantile: f64) -> Option<f64> {
        let (count, all) = (self.count(), self.count().saturating_add(beyond));
        let rank = ((quantile * all as f64).ceil() as u64).clamp(1, all.max(1));
        // Half a rank lower, so that rounding cannot reach the next one.
        let quantile = (rank as f64 - 0.5) / count.max(1) as f64;
        (rank <= count).then(|| microseconds(self.nanoseconds_at(quantile)))
    }

    /// Encodes the histogram as the text that results and `.hlog` files contain.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let written = match &self.0 {
            Form::Counting(counting) => serializer.serialize(counting, &mut bytes),
            Form::Packed(packed) => serializer.serialize(&unpacked(packed), &mut bytes),
        };
        written.expect("memory takes what is written to it");
        STANDARD.encode(bytes)
    }

    /// Decodes the text of [`encode`](Self::encode), or of another tool. The result is packed.
    ///
    /// # Errors
    /// A sentence: the text is not a histogram, or contradicts itself.
    pub fn decode(text: &str) -> Result<Self, String> {
        let mut packed = Packed::default();
        decode(text, &mut |lower, count| packed.push(lower, count))?;
        Ok(Self(Form::Packed(packed)))
    }

    /// The longest time, in nanoseconds.
    pub fn nanoseconds_max(&self) -> u64 {
        match &self.0 {
            Form::Counting(counting) => counting.max(),
            Form::Packed(packed) => packed.max(),
        }
    }

    fn nanoseconds_at(&self, quantile: f64) -> u64 {
        match &self.0 {
            Form::Counting(counting) => counting.value_at_quantile(quantile),
            Form::Packed(packed) => packed.quantile(quantile),
        }
    }

    /// The form for recording, unpacked if necessary.
    #[inline]
    fn counting(&mut self) -> &mut hdrhistogram::Histogram<u64> {
        if let Form::Packed(packed) = &self.0 {
            self.0 = Form::Counting(unpacked(packed));
        }
        match &mut self.0 {
            Form::Counting(counting) => counting,
            Form::Packed(_) => unreachable!("it was just unpacked"),
        }
    }

    /// The lower bound of each bucket that occurred, with its count.
    fn buckets(&self) -> Box<dyn Iterator<Item = (u64, u64)> + '_> {
        match &self.0 {
            Form::Counting(counting) => Box::new(buckets(counting)),
            Form::Packed(packed) => Box::new(packed.counts().iter().copied()),
        }
    }
}

/// Histograms are equal if their counts are, packed or not.
impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        self.buckets().eq(other.buckets())
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

/// The upper bound of each bucket that occurred, with its count.
fn recorded(counting: &hdrhistogram::Histogram<u64>) -> impl Iterator<Item = (u64, u64)> + '_ {
    let recorded = counting.iter_recorded();
    recorded.map(|value| (value.value_iterated_to(), value.count_since_last_iteration()))
}

/// The same with the lower bound.
fn buckets(counting: &hdrhistogram::Histogram<u64>) -> impl Iterator<Item = (u64, u64)> + '_ {
    recorded(counting).map(|(upper, count)| (lower(upper), count))
}

fn unpacked(packed: &Packed) -> hdrhistogram::Histogram<u64> {
    let mut counting =
        hdrhistogram::Histogram::new_with_bounds(1, NANOSECONDS_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are good");
    fill(&mut counting, packed);
    counting
}

fn fill(counting: &mut hdrhistogram::Histogram<u64>, packed: &Packed) {
    for &(lower, count) in packed.counts() {
        counting.saturating_record_n(lower, count);
    }
}

/// Nanoseconds in microseconds, rounded to hundredths.
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
                // From microseconds to seconds, evenly distributed over the logarithm.
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
    fn a_saved_histogram_is_read_back_and_adds_up() {
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

    /// Times from nanoseconds to hours, in no order.
    fn scattered(seed: u64) -> Histogram {
        let mut histogram = Histogram::new();
        let mut state = seed;
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            histogram.record((state >> 20) >> (state >> 58));
        }
        histogram
    }

    #[test]
    fn a_packed_histogram_has_the_same_figures() {
        let (counting, mut packed) = (scattered(1), scattered(1));
        packed.pack();
        assert!(matches!(packed.0, Form::Packed(_)));
        assert_eq!(packed, counting);
        assert_eq!(packed.latency(), counting.latency());
        assert_eq!(packed.nanoseconds_max(), counting.nanoseconds_max());
        assert_eq!(packed.encode(), counting.encode());
        for index in 0..=1_000 {
            let quantile = f64::from(index) / 1_000.0;
            assert_eq!(packed.quantile(quantile), counting.quantile(quantile), "{quantile}");
            let time = counting.quantile(quantile);
            for time in [time, time + Duration::from_nanos(1), time / 2] {
                assert_eq!(packed.count_above(time), counting.count_above(time), "{time:?}");
            }
        }
    }

    #[test]
    fn packed_or_not_histograms_add_up_and_record_again() {
        let (one, other) = (scattered(1), scattered(2));
        let mut expected = one.clone();
        expected.add(&other);
        for (is_one_packed, is_other_packed) in [(false, true), (true, false), (true, true)] {
            let (mut sum, mut other) = (one.clone(), other.clone());
            if is_one_packed {
                sum.pack();
            }
            if is_other_packed {
                other.pack();
            }
            sum.add(&other);
            assert_eq!(sum, expected);
            sum.record(77);
            assert_eq!(sum.count(), expected.count() + 1);
            sum.clear();
            assert_eq!(sum, Histogram::new());
        }
    }

    #[test]
    fn figures_of_an_empty_histogram_are_absent() {
        assert_eq!(Histogram::new().latency(), Latency::default());
        assert_eq!(Latency::default().figure("p50"), Figure::Absent);
        assert_eq!(Histogram::new().count_above(Duration::ZERO), 0);
    }

    #[test]
    fn missing_responses_count_as_beyond() {
        let mut histogram = Histogram::new();
        (0..98).for_each(|_| histogram.record(1_000));
        let latency = histogram.latency_with(2, 5e6);
        assert_eq!((latency.p50, latency.p90), (Some(1.0), Some(1.0)));
        assert_eq!((latency.p99, latency.max, latency.mean), (None, None, None));
        assert_eq!(latency.figure("p99"), Figure::Above(5e6));
        assert_eq!(latency.figure("mean"), Figure::Above(100_000.98));
        let nothing = Histogram::new().latency_with(3, 5e6);
        assert_eq!(nothing.figure("min"), Figure::Above(5e6));
        assert_eq!(nothing.figure("mean"), Figure::Above(5e6));
    }
}

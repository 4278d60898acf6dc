//! Renders the intervals of an outcome as an HdrHistogram log, version 1.3, which other tools read.
//!
//! Values are in nanoseconds, and `Interval_Max` in milliseconds, as plotting tools expect.

use crate::load::result::histogram::Histogram;
use crate::load::result::outcome::Outcome;
use jiff::Timestamp;

/// Nanoseconds per millisecond, the unit of `Interval_Max`.
const NANOSECONDS_PER_UNIT: f64 = 1e6;

/// The log. Each interval has one line or, if there are two latencies, two: `Tag=corrected` is
/// measured from the intended send time, `Tag=uncorrected` from the actual one.
pub fn render(outcome: &Outcome) -> String {
    let start = start_s(outcome);
    let both = outcome.histograms.uncorrected.is_some();
    let mut log = format!(
        "#[Logged by {}]\n#[Histogram log format version 1.3]\n#[StartTime: {start:.3} \
         (seconds since epoch), {}]\n\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
         \"Interval_Compressed_Histogram\"\n",
        one_line(&outcome.program),
        one_line(&outcome.started_at),
    );
    for interval in &outcome.intervals {
        let mut line = |tag: &str, histogram: &Histogram| {
            let max = histogram.nanoseconds_max() as f64 / NANOSECONDS_PER_UNIT;
            let (at, length) = (interval.start_s, interval.duration_s);
            log += &format!("{tag}{at:.3},{length:.3},{max:.6},{}\n", histogram.encode());
        };
        if both {
            line("Tag=corrected,", &interval.histograms.latency);
            line("Tag=uncorrected,", interval.histograms.uncorrected());
        } else {
            line("", &interval.histograms.latency);
        }
    }
    log
}

/// The start of the run in seconds since 1970; intervals count from here.
fn start_s(outcome: &Outcome) -> f64 {
    let start: Timestamp = outcome.started_at.parse().unwrap_or_default();
    start.as_millisecond() as f64 / 1e3
}

/// The text on one line, since a comment ends at a line break.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

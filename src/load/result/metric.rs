//! The metrics of an outcome, by name: the one table of figures that can be compared and have
//! thresholds.

use super::Figure;
use super::outcome::Outcome;
use crate::load::render::quantity::{bytes, count, cpus, memory_kib, per_second, time_us};

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// The name in thresholds: `p99`, `server.cpu`.
    pub name: &'static str,
    /// The unit of the value.
    pub unit: Unit,
    value: fn(&Outcome) -> Figure,
}

/// The unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// µs.
    Time,
    /// A count.
    Count,
    /// A count per second.
    Rate,
    /// Bytes per second.
    Throughput,
    /// CPUs kept busy.
    Cpu,
    /// KiB.
    Memory,
}

/// All metrics, the most important first.
pub const METRICS: &[Metric] = &[
    Metric::new("p50", Unit::Time, |it| it.latency_us.figure("p50")),
    Metric::new("p90", Unit::Time, |it| it.latency_us.figure("p90")),
    Metric::new("p99", Unit::Time, |it| it.latency_us.figure("p99")),
    Metric::new("p99.9", Unit::Time, |it| it.latency_us.figure("p99.9")),
    Metric::new("p99.99", Unit::Time, |it| it.latency_us.figure("p99.99")),
    Metric::new("min", Unit::Time, |it| it.latency_us.figure("min")),
    Metric::new("max", Unit::Time, |it| it.latency_us.figure("max")),
    Metric::new("mean", Unit::Time, |it| it.latency_us.figure("mean")),
    Metric::new("rate", Unit::Rate, |it| Figure::Known(it.messages_per_second)),
    Metric::new("throughput", Unit::Throughput, |it| Figure::Known(it.bytes_per_second)),
    Metric::new("errors", Unit::Count, |it| number(it.errors_total())),
    Metric::new("sent", Unit::Count, |it| number(it.messages.sent)),
    Metric::new("received", Unit::Count, |it| number(it.messages.received)),
    Metric::new("lost", Unit::Count, |it| number(it.messages.lost)),
    Metric::new("duplicated", Unit::Count, |it| verified(it, it.messages.duplicated)),
    Metric::new("reordered", Unit::Count, |it| verified(it, it.messages.reordered)),
    Metric::new("corrupted", Unit::Count, |it| verified(it, it.messages.corrupted)),
    Metric::new("opcode_changed", Unit::Count, |it| verified(it, it.messages.opcode_changed)),
    Metric::new("unasked", Unit::Count, |it| verified(it, it.messages.unasked)),
    Metric::new("misdelivered", Unit::Count, |it| verified(it, it.messages.misdelivered)),
    Metric::new("unsent", Unit::Count, |it| number(it.messages.unsent)),
    Metric::new("connections.established", Unit::Count, |it| number(it.connections.established)),
    Metric::new("connections.failed", Unit::Count, |it| number(it.connections.failed)),
    Metric::new("connections.lost", Unit::Count, |it| number(it.connections.lost)),
    Metric::new("connecting.p99", Unit::Time, connecting_p99),
    Metric::new("connecting.rate", Unit::Rate, |it| Figure::Known(it.connecting.per_second)),
    Metric::new("generator.cpu", Unit::Cpu, |it| Figure::Known(it.generator.cpu)),
    Metric::new("generator.late_sends", Unit::Count, |it| number(it.generator.late_sends)),
    Metric::new("server.cpu", Unit::Cpu, |it| it.server.map(|server| server.cpu).into()),
    Metric::new("server.cpu_per_message", Unit::Time, |it| {
        it.server.map(|server| server.cpu_us_per_message).into()
    }),
    Metric::new("server.rss", Unit::Memory, |it| {
        it.server.map(|server| server.rss_kib as f64).into()
    }),
    Metric::new("memory.kernel", Unit::Memory, |it| {
        it.memory.map(|memory| memory.kernel_kib).into()
    }),
    Metric::new("memory.server", Unit::Memory, |it| {
        it.memory.and_then(|memory| memory.server_user_kib).into()
    }),
];

impl Metric {
    const fn new(name: &'static str, unit: Unit, value: fn(&Outcome) -> Figure) -> Self {
        Self { name, unit, value }
    }

    /// The metric with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// The metric's value in its [`unit`](Self::unit).
    pub fn value(&self, outcome: &Outcome) -> Figure {
        (self.value)(outcome)
    }
}

impl Unit {
    /// Formats a value with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Time => time_us(value),
            Self::Count => count(value as u64),
            Self::Rate => per_second(value),
            Self::Throughput => format!("{}/s", bytes(value)),
            Self::Cpu => cpus(value),
            Self::Memory => memory_kib(value),
        }
    }

    /// Parses a value with its unit, as users type it; `None` if it is not one.
    pub fn parse(self, text: &str) -> Option<f64> {
        let split = text.find(|character: char| !(character.is_ascii_digit() || character == '.'));
        let (number, unit) = text.split_at(split.unwrap_or(text.len()));
        let number: f64 = number.parse().ok()?;
        let (_, factor) = self.units().iter().find(|(name, _)| *name == unit.trim())?;
        Some(number * factor)
    }

    /// Examples of values, for error messages.
    pub fn examples(self) -> &'static str {
        match self {
            Self::Time => "a time such as 200us, 5ms or 1s",
            Self::Count => "a count such as 0, 200 or 10k",
            Self::Rate => "a rate such as 500/s, 100k/s or 1M/s",
            Self::Throughput => "a rate of bytes such as 10MB/s or 1GiB/s",
            Self::Cpu => "CPUs such as 0.9 or 90%",
            Self::Memory => "a size such as 132B, 4KiB or 64MiB",
        }
    }

    /// The accepted unit suffixes, each with its factor.
    fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Self::Time => &[("ns", 1e-3), ("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)],
            Self::Count => &[("", 1.0), ("k", 1e3), ("M", 1e6)],
            Self::Rate => {
                &[("/s", 1.0), ("k/s", 1e3), ("M/s", 1e6), ("", 1.0), ("k", 1e3), ("M", 1e6)]
            }
            Self::Throughput => &[
                ("B/s", 1.0),
                ("kB/s", 1e3),
                ("MB/s", 1e6),
                ("GB/s", 1e9),
                ("KiB/s", 1024.0),
                ("MiB/s", 1_048_576.0),
                ("GiB/s", 1_073_741_824.0),
            ],
            Self::Cpu => &[("", 1.0), ("%", 0.01)],
            Self::Memory => &[
                ("B", 1.0 / 1024.0),
                ("kB", 1e3 / 1024.0),
                ("MB", 1e6 / 1024.0),
                ("GB", 1e9 / 1024.0),
                ("KiB", 1.0),
                ("MiB", 1024.0),
                ("GiB", 1_048_576.0),
            ],
        }
    }
}

fn connecting_p99(outcome: &Outcome) -> Figure {
    outcome.connecting.latency_us.figure("p99")
}

/// A count that is known only if echoes are verified.
fn verified(outcome: &Outcome, count: u64) -> Figure {
    outcome.load.verified.then_some(count as f64).into()
}

fn number(count: u64) -> Figure {
    Figure::Known(count as f64)
}

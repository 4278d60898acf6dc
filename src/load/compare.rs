//! Two outcomes, side by side: what changed, and whether that is more than chance.

/// What is compared, by its name among the [metrics](super::threshold::METRICS).
pub const COMPARED: [&str; 7] =
    ["p50", "p90", "p99", "p99.9", "mean", "rate", "server.cpu_per_message"];

//! Measures the CPU and memory usage of the load generator and the server.

use super::usage::Usage;
use std::time::{Duration, Instant};

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::load) struct Meter {
    /// The server's process, if it is watched.
    server: Option<u32>,
    /// The first and the latest sample.
    began: Sample,
    last: Sample,
    server_resident_max: u64,
}

/// The usage at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    own: Usage,
    server: Option<Usage>,
}

/// The usage in an interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    /// CPUs that the load generator kept busy.
    pub own_cpu: f64,
    /// Its resident memory at the end, in KiB.
    pub own_rss_kib: Option<u64>,
    /// CPUs that the server kept busy.
    pub server_cpu: Option<f64>,
    /// Its resident memory at the end, in KiB.
    pub server_rss_kib: Option<u64>,
}

impl Meter {
    pub(in crate::load) fn new(server: Option<u32>) -> Self {
        let sample = Sample::now(server);
        Self { server, began: sample, last: sample, server_resident_max: 0 }
    }

    /// Starts a new measurement.
    pub(in crate::load) fn begin(&mut self) {
        self.began = Sample::now(self.server);
        self.last = self.began;
    }

    /// Takes a sample and compares it with the previous one.
    pub(in crate::load) fn read(&mut self) -> Delta {
        let sample = Sample::now(self.server);
        let last = std::mem::replace(&mut self.last, sample);
        let server = sample.server.map(|server| server.resident_bytes);
        self.server_resident_max = self.server_resident_max.max(server.unwrap_or(0));
        Delta {
            own_cpu: sample.own_cpu_since(&last),
            own_rss_kib: Some(sample.own.resident_bytes / 1024),
            server_cpu: sample
                .server_cpu_since(&last)
                .map(|cpu| cpu.as_secs_f64() / sample.since(&last)),
            server_rss_kib: server.map(|bytes| bytes / 1024),
        }
    }

    /// CPUs that the load generator kept busy, from the first to the latest sample.
    pub(in crate::load) fn own_cpu(&self) -> f64 {
        self.last.own_cpu_since(&self.began)
    }

    /// CPU time of the server from the first to the latest sample, and its peak resident memory.
    pub(in crate::load) fn server_total(&self) -> Option<Usage> {
        let cpu = self.last.server_cpu_since(&self.began)?;
        Some(Usage { cpu, resident_bytes: self.server_resident_max })
    }
}

impl Meter {
    /// The server's process, if it was watched and has exited.
    pub(in crate::load) fn lost_server(&self) -> Option<u32> {
        self.server.filter(|_| self.last.server.is_none())
    }
}

impl Sample {
    fn now(server: Option<u32>) -> Self {
        Self { at: Instant::now(), own: Usage::own(), server: server.and_then(Usage::of_family) }
    }

    fn since(&self, earlier: &Self) -> f64 {
        self.at.duration_since(earlier.at).as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn own_cpu_since(&self, earlier: &Self) -> f64 {
        self.own.cpu.saturating_sub(earlier.own.cpu).as_secs_f64() / self.since(earlier)
    }

    fn server_cpu_since(&self, earlier: &Self) -> Option<Duration> {
        Some(self.server?.cpu.saturating_sub(earlier.server?.cpu))
    }
}

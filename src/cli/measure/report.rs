//! What a run shows while it goes, and why it could not be.

use super::Task;
use crate::cli::Failure;
use crate::cli::ended::Ended;
use crate::cli::progress::{Glance as Shown, Progress};
use crate::load::latency::Histogram;
use crate::load::run::{Phase, Stop};
use std::time::Duration;

/// Shows how a run goes.
pub(super) struct Show {
    progress: Progress,
    /// How long the window is, if that is known.
    duration: Option<Duration>,
}

/// How it goes, in one process or in several.
pub(super) struct State<'a> {
    pub(super) phase: Phase,
    pub(super) elapsed: Duration,
    pub(super) connections: u64,
    pub(super) per_second: f64,
    pub(super) latency: &'a Histogram,
    pub(super) errors: u64,
}

impl Show {
    pub(super) fn new(task: &Task<'_>) -> Self {
        let progress = Progress::new(task.arguments.progress, None);
        Self { progress, duration: task.duration }
    }

    pub(super) fn show(&mut self, state: &State<'_>) {
        let total = match state.phase {
            Phase::Measuring => self.duration,
            _ => None,
        };
        self.progress.set_total(total);
        // While connections are closed nothing is timed any more.
        let is_timed = state.phase < Phase::Leaving && state.latency.count() > 0;
        let at = |quantile| is_timed.then(|| state.latency.quantile(quantile));
        self.progress.show(&Shown {
            phase: name(state.phase),
            elapsed: state.elapsed,
            connections: state.connections,
            per_second: state.per_second,
            p50: at(0.5),
            p99: at(0.99),
            errors: state.errors,
        });
    }

    pub(super) fn finish(&mut self) {
        self.progress.finish();
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Ready => "ready",
        Phase::WarmingUp => "warming up",
        Phase::Measuring => "measuring",
        Phase::Waiting => "waiting for the last echoes",
        Phase::Leaving => "closing",
    }
}

/// Why there is nothing to report, in a sentence.
pub(super) fn failure(task: &Task<'_>, stop: Stop, signal: Option<i32>) -> Failure {
    let client = &task.arguments.client;
    match (stop, signal) {
        (Stop::Asked, Some(signal)) => Failure::Signal(signal),
        (Stop::Asked, None) => Failure::Runtime("stopped before anything was measured".into()),
        (Stop::Ended { end, was_open, upgrade }, _) => Failure::Runtime(client.explain(&Ended {
            end,
            was_open,
            was_requested: upgrade.was_requested,
            response: &upgrade.response,
            ..Ended::default()
        })),
        (Stop::NotBegun(error), _) => Failure::Runtime(client.cannot_connect(&error)),
        (Stop::Poll(error), _) => Failure::Runtime(format!("polling failed: {error}")),
    }
}

//! What a run shows while it goes, and why it could not be.

use super::Task;
use crate::cli::Failure;
use crate::cli::ended::Ended;
use crate::cli::terminal::progress::{Glance as Shown, Progress};
use crate::cli::terminal::stream;
use crate::load::result::histogram::Histogram;
use crate::load::run::{Phase, Stop};
use std::time::Duration;

/// Shows how a run goes.
pub(super) struct Show {
    progress: Progress,
    /// How long the window is, if that is known.
    duration: Option<Duration>,
    /// What was done when it was looked at last.
    phase: Phase,
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
        Self { progress, duration: task.duration, phase: Phase::default() }
    }

    pub(super) fn show(&mut self, state: &State<'_>) {
        self.phase = state.phase;
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

    /// Says that a signal ended a run before there was anything to report.
    pub(super) fn say_interrupted(&mut self) {
        self.progress.finish();
        let phase = name(self.phase);
        let line = format!("halloo: interrupted while {phase}: nothing was measured\n");
        // Nobody is left to tell if stderr is gone.
        let _ = stream::stderr().write_line(line.as_bytes());
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Ready => "ready",
        Phase::WarmingUp => "warming up",
        Phase::Measuring => "measuring",
        Phase::Waiting => "waiting for the last echoes",
        Phase::Proving => "proving each connection once more",
        Phase::Leaving => "closing",
    }
}

/// Why there is nothing to report, in a sentence.
pub(super) fn failure(task: &Task<'_>, stop: Stop, signal: Option<i32>) -> Failure {
    let client = &task.arguments.client;
    let sentence = match (stop, signal) {
        (Stop::Asked, Some(signal)) => return Failure::Signal(signal),
        (Stop::Asked, None) => "stopped before anything was measured".into(),
        (Stop::Ended { end, was_open, upgrade }, _) => client.explain(&Ended {
            end,
            was_open,
            was_requested: upgrade.was_requested,
            response: &upgrade.response,
            ..Ended::default()
        }),
        (Stop::NotBegun(error), _) => client.cannot_connect(&error),
        (Stop::Poll(error), _) => format!("polling failed: {error}"),
    };
    Failure::Runtime(sentence)
}

//! The errors of a run that has no result.

use super::Task;
use crate::cli::Failure;
use crate::cli::ended::Ended;
use crate::cli::terminal::progress::ProgressLine;
use crate::cli::terminal::stream;
use crate::load::run::Stop;

/// Reports that a signal ended a run before there was a result.
pub(super) fn report_interrupted(progress: &mut ProgressLine) {
    progress.finish();
    let line = format!("halloo: interrupted while {}: nothing was measured\n", progress.phase());
    // If stderr is gone, nobody is there to read this.
    let _ = stream::stderr().write_line(line.as_bytes());
}

/// The error for a run that has no result.
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

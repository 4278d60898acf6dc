//! What a run says that has nothing to report.

use super::Task;
use crate::cli::Failure;
use crate::cli::ended::Ended;
use crate::cli::terminal::progress::ProgressLine;
use crate::cli::terminal::stream;
use crate::load::run::Stop;

/// Says that a signal ended a run before there was anything to report.
pub(super) fn say_interrupted(progress: &mut ProgressLine) {
    progress.finish();
    let line = format!("halloo: interrupted while {}: nothing was measured\n", progress.phase());
    // Nobody is left to tell if stderr is gone.
    let _ = stream::stderr().write_line(line.as_bytes());
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

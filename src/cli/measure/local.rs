//! A run in this process, watched by a user.

use super::Task;
use super::memory::Sample;
use super::report::{failure, report_interrupted};
use super::stop::StopSignal;
use crate::cli::Failure;
use crate::cli::terminal::progress::ProgressLine;
use crate::load::Outcome;
use crate::load::host::Place;
use crate::load::result::outcome::Kind;
use crate::load::run::{Progress, Stop, Watch};
use jiff::Timestamp;

/// Runs the measurement. Returns its result, and the signal that ended it early, if any.
pub(super) fn run(task: &Task<'_>) -> Result<(Outcome, Option<i32>), Failure> {
    let arguments = task.arguments;
    let endpoints = arguments.client.endpoints()?;
    let both_ends = Place::from(&endpoints[0]) != Place::Elsewhere;
    let network = arguments.client.network()?;
    let mut run = task.start(task.share(0), endpoints, network, arguments.pid)?;
    let mut terminal = Terminal {
        stop: StopSignal::listen()?,
        progress: task.progress_line(),
        start_at: arguments.start_at,
    };
    let before = Sample::now(arguments.pid);
    let measured = run.connect(&mut terminal).and_then(|()| {
        let up = Sample::now(arguments.pid);
        run.measure(&mut terminal)?;
        Ok((run.finish(&task.labels(), &mut terminal)?, up))
    });
    terminal.progress.finish();
    let signal = terminal.stop.signal();
    match measured {
        Ok((Some(mut outcome), up)) => {
            if task.kind == Kind::Hold {
                outcome.memory = up.since(&before, outcome.connections.established, both_ends);
            }
            Ok((outcome, signal))
        }
        Ok((None, _)) | Err(Stop::Asked) => {
            report_interrupted(&mut terminal.progress);
            Err(failure(task, Stop::Asked, signal))
        }
        Err(stop) => Err(failure(task, stop, signal)),
    }
}

/// The user's terminal: signals, progress, and the time to start.
struct Terminal {
    stop: StopSignal,
    progress: ProgressLine,
    start_at: Option<Timestamp>,
}

impl Watch for Terminal {
    fn time_of_day(&mut self) -> Timestamp {
        Timestamp::now()
    }

    fn external(&mut self, _number: u32) {}

    fn wants_start(&mut self) -> bool {
        self.start_at.is_none_or(|start_at| Timestamp::now() >= start_at)
    }

    fn wants_stop(&mut self) -> bool {
        self.stop.signal().is_some()
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        self.progress.show(progress);
    }
}

//! A run in this process, which a person watches.

use super::Task;
use super::memory::Look;
use super::report::{Show, State, failure};
use super::stop::StopSignal;
use crate::cli::Failure;
use crate::load::Outcome;
use crate::load::host::Place;
use crate::load::result::outcome::Kind;
use crate::load::run::{Glance, Run, Stop, Watch};
use jiff::Timestamp;

/// Measures; the signal that ended it early, if one did.
pub(super) fn run(task: &Task<'_>) -> Result<(Outcome, Option<i32>), Failure> {
    let arguments = task.arguments;
    let endpoints = arguments.client.endpoints()?;
    let both_ends = Place::from(&endpoints[0]) != Place::Elsewhere;
    let network = arguments.client.network()?;
    let mut run = Run::new(task.share(0), task.config()?, endpoints, network, arguments.pid)?;
    let mut person =
        Person { stop: StopSignal::listen()?, show: Show::new(task), start_at: arguments.start_at };
    let before = Look::now(arguments.pid);
    let measured = run.connect(&mut person).and_then(|()| {
        let up = Look::now(arguments.pid);
        run.measure(&mut person)?;
        Ok((run.finish(&task.labels(), &mut person)?, up))
    });
    person.show.finish();
    let signal = person.stop.signal();
    match measured {
        Ok((Some(mut outcome), up)) => {
            if task.kind == Kind::Hold {
                outcome.memory = up.since(&before, outcome.connections.established, both_ends);
            }
            Ok((outcome, signal))
        }
        Ok((None, _)) | Err(Stop::Asked) => {
            person.show.say_interrupted();
            Err(failure(task, Stop::Asked, signal))
        }
        Err(stop) => Err(failure(task, stop, signal)),
    }
}

/// Who watches.
struct Person {
    stop: StopSignal,
    show: Show,
    start_at: Option<Timestamp>,
}

impl Watch for Person {
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

    fn glance(&mut self, glance: &Glance<'_>) {
        let seconds = glance.interval.as_secs_f64().max(f64::MIN_POSITIVE);
        self.show.show(&State {
            phase: glance.phase,
            elapsed: glance.elapsed,
            connections: glance.connections,
            per_second: glance.received as f64 / seconds,
            latency: glance.latency,
            errors: glance.errors,
        });
    }
}

//! `halloo hold`: how many connections a server holds, what each costs, and how those that were
//! lost ended.

use super::{MeasureArgs, Task, interval};
use crate::cli::Failure;
use crate::cli::args::heading;
use crate::cli::args::values::{OrOff, bytes, count, duration, duration_or_off};
use crate::load::plan::{Pace, Plan, WindowEnd};
use crate::load::result::outcome::Kind;
use clap::Args;
use std::time::Duration;

/// Time between two beats of the event loop: 100 ms. For a process that only holds connections this
/// costs less than 0.1 % of a core.
const BEAT: Duration = Duration::from_millis(100);

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(in crate::cli) struct HoldArgs {
    /// Hold N connections open
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = count,
        default_value = "1000",
        help_heading = heading::LOAD
    )]
    connections: u32,
    /// Hold them for this long once all are up
    #[arg(
        short,
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "60s",
        help_heading = heading::LOAD
    )]
    duration: Duration,
    /// Prove each connection alive with a message this often, and once more at the end
    ///
    /// A connection that does not echo within --reply-timeout is lost.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration_or_off,
        default_value = "20s",
        help_heading = heading::LOAD
    )]
    probe_every: OrOff<Duration>,
    /// Set the size of that message; from 24 bytes on, each is distinguishable from every other
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "64B",
        help_heading = heading::LOAD
    )]
    size: u64,
    #[command(flatten)]
    measure: MeasureArgs,
}

/// Holds the connections, and delivers the result.
pub(in crate::cli) fn run(arguments: &HoldArgs) -> Result<(), Failure> {
    let measure = &arguments.measure;
    let plan = Plan {
        connections: arguments.connections,
        pace: match arguments.probe_every.0 {
            Some(every) => {
                let every = every.min(arguments.duration).as_secs_f64();
                Pace::Open { rate: f64::from(arguments.connections) / every }
            }
            None => Pace::Silent,
        },
        warm_up: Duration::ZERO,
        end: WindowEnd::Time(arguments.duration),
        keeps_ledger: true,
        interval: interval(Some(arguments.duration)),
        beat: BEAT,
        ..measure.plan(measure.stamped(arguments.size)?)
    };
    Task { arguments: measure, kind: Kind::Hold, plan, duration: Some(arguments.duration) }.run()
}

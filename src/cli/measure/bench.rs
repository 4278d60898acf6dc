//! `halloo bench`: the latency and throughput of a server.

use super::{MeasureArgs, Task, interval};
use crate::cli::Failure;
use crate::cli::args::heading;
use crate::cli::args::values::{OrOff, bytes, count, duration, duration_or_off, rate};
use crate::load::plan::{Content, Pace, Plan, WindowEnd};
use crate::load::result::outcome::Kind;
use crate::proto::Framing;
use clap::Args;
use std::time::Duration;

/// The default duration: 10 s.
const DURATION: Duration = Duration::from_secs(10);

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArgs {
    /// Open N connections; all are up before anything is measured
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = count,
        default_value = "50",
        help_heading = heading::LOAD
    )]
    connections: u32,
    /// Measure for this long [default: 10s]
    #[arg(short, long, value_name = "TIME", value_parser = duration, help_heading = heading::LOAD)]
    duration: Option<Duration>,
    /// Send N messages instead, however long it takes
    #[arg(
        short = 'n',
        long,
        value_name = "N",
        value_parser = count,
        conflicts_with = "duration",
        help_heading = heading::LOAD
    )]
    messages: Option<u32>,
    /// Send messages of this size; from 24 bytes on, each is distinguishable from every other
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "64B",
        help_heading = heading::LOAD
    )]
    size: u64,
    /// Send this text as every message
    #[arg(
        short,
        long,
        value_name = "TEXT",
        conflicts_with_all = ["size", "binary"],
        help_heading = heading::LOAD
    )]
    message: Option<String>,
    /// Keep N messages in flight on each connection (closed loop)
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        default_value = "1",
        help_heading = heading::LOAD
    )]
    depth: u32,
    /// Send messages at this rate, as in 5k/s, over all connections together (open loop)
    #[arg(
        short,
        long,
        value_name = "RATE",
        value_parser = rate,
        conflicts_with = "depth",
        help_heading = heading::LOAD
    )]
    rate: Option<f64>,
    /// Send for this long before messages count
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration_or_off,
        default_value = "1s",
        help_heading = heading::LOAD
    )]
    warmup: OrOff<Duration>,
    /// Poll without sleeping: wakes up sooner, at the cost of a whole CPU
    #[arg(long, help_heading = heading::LOAD)]
    spin: bool,
    #[command(flatten)]
    measure: MeasureArgs,
}

/// Measures, and delivers the result.
pub(in crate::cli) fn run(arguments: &BenchArgs) -> Result<(), Failure> {
    let measure = &arguments.measure;
    let duration = match arguments.messages {
        Some(_) => None,
        None => Some(arguments.duration.unwrap_or(DURATION)),
    };
    let content = match &arguments.message {
        None => measure.stamped(arguments.size)?,
        Some(text) if text.is_empty() => {
            return Err(Failure::Usage("--message: a message has at least one byte".into()));
        }
        Some(text) if text.contains('\n') && measure.client.url.framing == Framing::Line => {
            return Err(Failure::Usage("--message: a line cannot contain a newline".into()));
        }
        Some(text) => Content::Text(text.clone()),
    };
    let plan = Plan {
        connections: arguments.connections,
        pace: match arguments.rate {
            Some(rate) => Pace::Open { rate },
            None => Pace::Closed { depth: arguments.depth },
        },
        warm_up: arguments.warmup.0.unwrap_or(Duration::ZERO),
        end: match (arguments.messages, duration) {
            (Some(messages), _) => WindowEnd::Messages(messages.into()),
            (None, duration) => WindowEnd::Time(duration.unwrap_or(DURATION)),
        },
        interval: interval(duration),
        spin: arguments.spin,
        ..measure.plan(content)
    };
    Task { arguments: measure, kind: Kind::Bench, plan, duration }.run()
}

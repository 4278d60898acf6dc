//! `halloo bench`: how fast a server answers, and how much.

use super::{MeasureArgs, Task, interval};
use crate::cli::Failure;
use crate::cli::args::values::{OrOff, bytes, count, duration, duration_or_off, rate};
use crate::load::plan::{Content, Pace, Plan, WindowEnd};
use crate::load::result::outcome::Kind;
use crate::proto::Framing;
use clap::Args;
use std::time::Duration;

/// How long a bench takes that is not told.
const DURATION: Duration = Duration::from_secs(10);

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArgs {
    /// Connections, all of which are up before anything is measured
    #[arg(short, long, value_name = "N", value_parser = count, default_value = "50")]
    connections: u32,
    /// How long is measured [default: 10s]
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Send so many messages, however long it takes
    #[arg(short = 'n', long, value_name = "N", value_parser = count, conflicts_with = "duration")]
    messages: Option<u32>,
    /// Bytes of a message; from 24 on each is told from every other
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "64B")]
    size: u64,
    /// Send this text, all the time
    #[arg(short, long, value_name = "TEXT", conflicts_with_all = ["size", "binary"])]
    message: Option<String>,
    /// Messages on their way at once on each connection (closed loop)
    #[arg(long, value_name = "N", value_parser = count, default_value = "1")]
    depth: u32,
    /// Send so many messages in a second, all connections together, whatever comes back (open loop)
    #[arg(short, long, value_name = "RATE", value_parser = rate, conflicts_with = "depth")]
    rate: Option<f64>,
    /// How long messages are sent before they count
    #[arg(long, value_name = "TIME", value_parser = duration_or_off, default_value = "1s")]
    warmup: OrOff<Duration>,
    /// Poll without sleeping: wakes up sooner, and takes a whole CPU
    #[arg(long)]
    spin: bool,
    #[command(flatten)]
    measure: MeasureArgs,
}

/// Measures, and says what came out.
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
            return Err(Failure::Usage("--message: a line has no newline but its own".into()));
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

//! The options of the command line.

use std::time::Duration;

pub(crate) const HELP: &str = "\
Usage: cargo bench --bench million -- --connections N [--hold TIME] [FLAG OF halloo hold]...

  --connections N   number of connections to hold, as in 20000 or 1000000
  --hold TIME       how long to hold them, as in 60s or 10m [default: 60s]

Starts a server with as many workers as N connections need, and `halloo hold` with the same number of
processes. It connects, has each connection echo 64 unique bytes at least twice and every 30 s, and closes
them. Both ends run on this machine, so it needs some 9 KiB of memory and two file descriptors per connection.
Other flags are passed to `halloo hold`, such as --json FILE. Exits with 0 if no connection was lost.";

/// How long connections are held by default.
const HOLD: Duration = Duration::from_secs(60);

pub(crate) enum Choice {
    Help,
    Try(Wish),
}

/// The parameters of the trial.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) connections: u32,
    pub(crate) hold: Duration,
    /// Further arguments of `halloo hold`.
    pub(crate) flags: Vec<String>,
}

impl Choice {
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, String> {
        let (mut connections, mut hold, mut flags) = (None, HOLD, Vec::new());
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => return Ok(Self::Help),
                "--connections" => connections = Some(count(&value()?)?),
                "--hold" => hold = duration(&value()?)?,
                _ => flags.push(argument),
            }
        }
        // Running all benches must not include this one.
        Ok(connections
            .map_or(Self::Help, |connections| Self::Try(Wish { connections, hold, flags })))
    }
}

fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000_000).contains(number));
    number.ok_or_else(|| format!("--connections {text}: expected a number, as in 1000000"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - usize::from(text.ends_with(['s', 'm'])));
    let number = number.parse().ok().filter(|&number: &u64| number > 0);
    match (number, unit) {
        (Some(seconds), "s") => Ok(Duration::from_secs(seconds)),
        (Some(minutes), "m") => Ok(Duration::from_secs(60 * minutes)),
        _ => Err(format!("--hold {text}: expected a time, as in 60s or 10m")),
    }
}

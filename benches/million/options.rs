//! What the person at the command line chose, or what a client process was told.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Usage: cargo bench --bench million -- --connections N [--hold TIME]

  --connections N   how many connections to hold, as in 20000 or 1000000
  --hold TIME       for how long, as in 60s or 10m [default: 60s]

Starts a server with as many workers as N connections need, and as many client processes; connects, has each
connection echo 64 bytes that name it, holds them, has them echo again, and closes them. Both ends are on this
machine, so it needs some 9 KiB of memory and two file descriptors for each connection. Ends with 0 if none
was lost.";

/// How long connections are held if nothing else is said.
const HOLD: Duration = Duration::from_secs(60);

pub(crate) enum Choice {
    Help,
    Try { connections: usize, hold: Duration },
    Client(Orders),
}

/// What a client process needs to know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Which of the client processes it is, from 0.
    pub(crate) index: u32,
    pub(crate) server: SocketAddr,
    /// How many addresses it connects from.
    pub(crate) sources: u32,
}

impl Orders {
    /// As arguments.
    pub(crate) fn arguments(&self) -> [String; 2] {
        let Self { index, server, sources } = self;
        ["--client".into(), format!("{index},{server},{sources}")]
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        Some(Self {
            index: parts.next()?.parse().ok()?,
            server: parts.next()?.parse().ok()?,
            sources: parts.next()?.parse().ok()?,
        })
    }
}

impl Choice {
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, String> {
        let (mut connections, mut hold) = (None, HOLD);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => return Ok(Self::Help),
                "--connections" => connections = Some(count(&value()?)?),
                "--hold" => hold = duration(&value()?)?,
                "--client" => {
                    let orders = Orders::parse(&value()?).ok_or("--client is not for persons")?;
                    return Ok(Self::Client(orders));
                }
                _ => return Err(format!("{argument} is not an option; see --help")),
            }
        }
        // Nobody who runs all benches wants this one among them.
        Ok(connections.map_or(Self::Help, |connections| Self::Try { connections, hold }))
    }
}

fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=100_000_000).contains(number));
    number.ok_or_else(|| format!("{text} is not a number of connections"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - usize::from(text.ends_with(['s', 'm'])));
    let number: Option<u64> = number.parse().ok();
    match (number, unit) {
        (Some(seconds), "s") => Ok(Duration::from_secs(seconds)),
        (Some(minutes), "m") => Ok(Duration::from_secs(60 * minutes)),
        _ => Err(format!("{text} is not a time, as in 60s or 10m")),
    }
}

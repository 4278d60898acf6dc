//! The options of the command line.

use crate::exchange::Style;
use crate::workload::{self, Workload};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Usage: cargo bench --bench loopback -- [OPTIONS]

  --only W1,W3          measure only these workloads [default: W1 to W7]; also FAIR, SLOW and DRAIN
  --seconds N           duration of each run of W1 to W4, FAIR, SLOW and DRAIN [default: 3]
  --runs N              runs of each workload, of which the median is printed [default: 3]
  --text                send text with multi-byte characters, not binary
  --deflate             offer permessage-deflate, which the server must accept, and send compressed prose
  --target URL --pid N  measure the server at this address, with this process id, not our own
  --against URL,PID     measure this server too, alternately, and print the ratio
  --json                print a line of JSON for each workload and server, with the figures of every run

URL is ws://ADDRESS:PORT/PATH, or tcp://ADDRESS:PORT for a server that echoes bytes without a protocol.
Only loopback addresses are accepted: this is not a load generator for other people's servers.
The process of a measured server is pinned to the first CPU.";

/// How long a connection is used before counting begins.
pub(crate) const WARM_UP: Duration = Duration::from_millis(500);

pub(crate) enum Choice {
    Help,
    Measure(Options),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) time: Duration,
    pub(crate) runs: usize,
    pub(crate) style: Style,
    pub(crate) json: bool,
    pub(crate) target: Option<Target>,
    pub(crate) against: Option<Target>,
    only: Vec<String>,
}

/// A running server.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    /// Whether it serves WebSocket; otherwise it echoes bytes.
    pub(crate) is_websocket: bool,
    pub(crate) pid: u32,
}

impl Options {
    pub(crate) fn from_arguments(
        arguments: impl Iterator<Item = String>,
    ) -> Result<Choice, String> {
        let mut arguments = arguments.peekable();
        // `cargo bench` passes --bench; `cargo test --all-targets` passes nothing, and must not run
        // this bench.
        if arguments.peek().is_none() {
            return Ok(Choice::Help);
        }
        let mut options = Self {
            time: Duration::from_secs(3),
            runs: 3,
            style: Style::default(),
            json: false,
            target: None,
            against: None,
            only: Vec::new(),
        };
        let (mut url, mut pid) = (None, None);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => return Ok(Choice::Help),
                "--only" => options.only = value()?.split(',').map(str::to_uppercase).collect(),
                "--seconds" => options.time = Duration::from_secs_f64(positive(&value()?)?),
                "--runs" => options.runs = positive(&value()?)? as usize,
                "--text" => options.style.text = true,
                "--deflate" => options.style.deflate = true,
                "--json" => options.json = true,
                "--target" => url = Some(value()?),
                "--pid" => pid = Some(value()?),
                "--against" => {
                    let value = value()?;
                    let (url, pid) = value.rsplit_once(',').ok_or("--against takes URL,PID")?;
                    options.against = Some(Target::parse(url, pid)?);
                }
                _ => return Err(format!("{argument} is not an option; see --help")),
            }
        }
        options.target = match (url, pid) {
            (Some(url), Some(pid)) => Some(Target::parse(&url, &pid)?),
            (None, None) => None,
            _ => return Err("--target and --pid belong together".into()),
        };
        Ok(Choice::Measure(options))
    }

    pub(crate) fn workloads(&self) -> impl Iterator<Item = Workload> {
        let is_chosen = |workload: &Workload| match self.only.is_empty() {
            true => !workload.is_special(),
            false => self.only.iter().any(|name| name == workload.name()),
        };
        workload::ALL.into_iter().filter(is_chosen)
    }
}

impl Target {
    pub(crate) fn parse(url: &str, pid: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("a URL begins with ws:// or tcp://")?;
        let is_websocket = match scheme {
            "ws" => true,
            "tcp" => false,
            _ => return Err(format!("{scheme}:// is not known; ws:// and tcp:// are")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address: SocketAddr = authority.parse().map_err(|_| {
            format!("{authority} is not an address and a port, as in 127.0.0.1:9527")
        })?;
        if !address.ip().is_loopback() {
            return Err(format!("{address} is not a loopback address"));
        }
        let pid = pid.parse().map_err(|_| format!("{pid} is not a process"))?;
        Ok(Self { address, path: format!("/{path}"), is_websocket, pid })
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number: &f64| (0.1..1e6).contains(&number));
    number.ok_or_else(|| format!("{text} is not a positive number"))
}

//! A measurement in the calling thread: [`bench()`], and [`Bench`] for everything that is not a
//! default.
//!
//! It starts no thread and no process, prints nothing, and returns when the window of its
//! [`Plan`] is over and every connection is closed.

use crate::load::host::HostInstruments;
use crate::load::plan::{Content, MESSAGE_BYTES_MAX, Pace, Plan, WindowEnd};
use crate::load::result::outcome::Kind;
use crate::load::run::{Progress, Run, Stop, Watch};
use crate::load::{Labels, Outcome};
use crate::net::address::AddressError;
use crate::net::os::random;
use crate::net::{Address, System};
use crate::proto::auth::{Auth, Key};
use crate::proto::{Config, End, Framing, Role};
use jiff::Timestamp;
use std::fmt;
use std::io;

#[cfg(feature = "tls")]
use crate::net::os::tls::{Connector, Trust};

/// Measures the server at `url` as `plan` says, in the calling thread.
///
/// The URL is one that `halloo bench` takes, such as `ws://HOST:PORT/PATH`.
///
/// ```
/// use halloo::load::plan::{Plan, WindowEnd};
///
/// let server = halloo::serve("ws://127.0.0.1:0")?;
/// let plan = Plan { end: WindowEnd::Messages(100), ..Plan::default() };
/// let outcome = halloo::bench(server.url(), &plan)?;
/// assert_eq!(outcome.messages.received, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Bench::run`].
pub fn bench(url: impl AsRef<str>, plan: &Plan) -> Result<Outcome, BenchError> {
    Bench::new(url, plan.clone()).run()
}

/// A measurement that has not started.
///
/// ```
/// use halloo::load::plan::{Plan, WindowEnd};
///
/// let server = halloo::Server::new("tcp://127.0.0.1:0").auth_key(b"secret").start()?;
/// let plan = Plan { end: WindowEnd::Messages(100), ..Plan::default() };
/// let outcome = halloo::Bench::new(server.url(), plan).auth_key(b"secret").run()?;
/// assert_eq!(outcome.messages.received, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is measured before `run`"]
pub struct Bench {
    address: Result<Address, AddressError>,
    plan: Plan,
    config: Config,
    #[cfg(feature = "tls")]
    trust: Trusted,
}

/// The owned form of [`Trust`].
#[cfg(feature = "tls")]
#[derive(Debug)]
enum Trusted {
    System,
    Authorities(Vec<u8>),
    Anybody,
}

/// Why there is no outcome.
#[derive(Debug)]
#[non_exhaustive]
pub enum BenchError {
    /// The URL is not one.
    Address(AddressError),
    /// The plan cannot be executed, for this reason.
    Plan(&'static str),
    /// TLS cannot be set up, for this reason.
    Tls(String),
    /// The name could not be resolved, or no connection could be begun.
    Connect(io::Error),
    /// Not one connection was opened, or all ended before any message was received.
    Ended {
        /// How the last connection ended.
        end: End,
        /// Whether its handshakes were complete.
        was_open: bool,
    },
    /// The event loop failed.
    Poll(io::Error),
    /// Nothing was measured.
    Nothing,
}

impl Bench {
    /// A measurement of the server at `url`.
    pub fn new(url: impl AsRef<str>, plan: Plan) -> Self {
        let address = url.as_ref().parse().map(Address::to_connect_to);
        let config = match &address {
            Ok(address) => address.client_config(),
            Err(_) => Config::new(Role::Client, Framing::WebSocket),
        };
        Self {
            address,
            plan,
            config,
            #[cfg(feature = "tls")]
            trust: Trusted::System,
        }
    }

    /// Responds to the server's challenge with this key (HMAC-SHA-256, raw on the wire:
    /// [`proto::auth`](crate::proto::auth)).
    pub fn auth_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        let auth = self.config.auth.get_or_insert_with(Auth::without_keys);
        auth.keys.push(Key::new(key.into()));
        self
    }

    /// Trusts these authorities, PEM, instead of the system's. A certificate that signs itself,
    /// such as [`Handle::certificate`](crate::Handle::certificate), is its own authority.
    #[cfg(feature = "tls")]
    pub fn trust(mut self, authorities: impl Into<Vec<u8>>) -> Self {
        self.trust = Trusted::Authorities(authorities.into());
        self
    }

    /// Accepts any certificate: connections are encrypted, but to whom is unknown.
    #[cfg(feature = "tls")]
    pub fn trust_anybody(mut self) -> Self {
        self.trust = Trusted::Anybody;
        self
    }

    /// Changes what sessions are configured with: header fields and subprotocols of the upgrade
    /// request, compression, hash and encoding of the authentication.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Connects, measures and closes, in the calling thread.
    ///
    /// The CPU usage and the stalls in the outcome are those of this thread: a server in another
    /// thread of this process counts as part of neither, but takes CPU time from it.
    ///
    /// # Errors
    /// If there is nothing to report. A [verdict](crate::Verdict) against the measurement is not an
    /// error.
    pub fn run(self) -> Result<Outcome, BenchError> {
        let address = self.address.as_ref().map_err(|error| BenchError::Address(error.clone()))?;
        check(&self.plan, address.framing).map_err(BenchError::Plan)?;
        let network = self.network(address)?;
        let endpoints = address.resolve().map_err(BenchError::Connect)?;
        if endpoints.is_empty() {
            let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(BenchError::Connect(error));
        }
        let labels = Labels {
            kind: if self.plan.keeps_ledger { Kind::Hold } else { Kind::Bench },
            command: "halloo::bench".into(),
            target: without_query(address),
            needed: Vec::new(),
        };
        let instruments = Box::new(HostInstruments::new(None));
        let random = random::from_system();
        let run = Run::new(self.plan, self.config, endpoints, network, instruments, random);
        let mut run = run.map_err(BenchError::Poll)?;
        run.connect(&mut Silent)?;
        run.measure(&mut Silent)?;
        run.finish(&labels, &mut Silent)?.ok_or(BenchError::Nothing)
    }

    #[cfg(feature = "tls")]
    fn network(&self, address: &Address) -> Result<System, BenchError> {
        let mut network = System::new().map_err(BenchError::Poll)?;
        if address.tls {
            let trust = match &self.trust {
                Trusted::System => Trust::System,
                Trusted::Authorities(pem) => Trust::Authorities(pem),
                Trusted::Anybody => Trust::Anybody,
            };
            let connector = Connector::new(address.framing, trust, None);
            let connector =
                connector.map_err(|why| BenchError::Tls(format!("the list of authorities {why}")));
            network.set_connector(connector?);
        }
        Ok(network)
    }

    #[cfg(not(feature = "tls"))]
    fn network(&self, address: &Address) -> Result<System, BenchError> {
        match address.tls {
            true => Err(BenchError::Tls("this build has no TLS support".into())),
            false => System::new().map_err(BenchError::Poll),
        }
    }
}

/// Whether a plan can be executed. The command line cannot express one that cannot.
fn check(plan: &Plan, framing: Framing) -> Result<(), &'static str> {
    let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
    match &plan.content {
        Content::Stamped { bytes: 1..=MESSAGE_BYTES_MAX, .. } => {}
        Content::Stamped { .. } => return Err("a message has 1 B to 1 GiB"),
        Content::Text(text) if text.is_empty() => return Err("a message has at least one byte"),
        Content::Text(text) if text.contains('\n') && framing == Framing::Line => {
            return Err("a line contains no newline except its own");
        }
        Content::Text(_) => {}
    }
    match (plan.pace, plan.end) {
        (Pace::Closed { depth: 0 }, _) => return Err("the depth is at least 1"),
        (Pace::Open { rate }, _) if !is_rate(rate) => return Err("the rate is above 0"),
        (Pace::Silent, WindowEnd::Messages(_)) => return Err("no message is sent"),
        (_, WindowEnd::Messages(0)) => return Err("at least one message is sent"),
        _ => {}
    }
    match plan {
        Plan { connections: 0, .. } => Err("there is at least one connection"),
        Plan { connects_at_once: 0, .. } => Err("at least one connection is opened at a time"),
        Plan { connect_rate: Some(rate), .. } if !is_rate(*rate) => {
            Err("the connect rate is above 0")
        }
        Plan { interval, beat, .. } if interval.is_zero() || beat.is_zero() => {
            Err("intervals and beats are longer than 0")
        }
        _ => Ok(()),
    }
}

/// The URL without its query, which may contain a secret.
fn without_query(address: &Address) -> String {
    let path = address.path.as_deref().and_then(|path| path.split('?').next());
    Address { path: path.map(str::to_owned), ..address.clone() }.to_string()
}

/// Nobody watches, and nobody stops the run.
struct Silent;

impl Watch for Silent {
    fn external(&mut self, _number: u32) {}

    fn time_of_day(&mut self) -> Timestamp {
        Timestamp::now()
    }

    fn wants_stop(&mut self) -> bool {
        false
    }

    fn progress(&mut self, _progress: &Progress<'_>) {}
}

impl From<Stop> for BenchError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Ended { end, was_open, .. } => Self::Ended { end, was_open },
            Stop::NotBegun(error) => Self::Connect(error),
            Stop::Asked => Self::Nothing,
            Stop::Poll(error) => Self::Poll(error),
        }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => error.fmt(formatter),
            Self::Plan(why) => write!(formatter, "the plan cannot be executed: {why}"),
            Self::Tls(why) => write!(formatter, "TLS cannot be set up: {why}"),
            Self::Connect(error) => write!(formatter, "cannot connect: {error}"),
            Self::Ended { end, was_open: false } => write!(formatter, "cannot connect: {end}"),
            Self::Ended { end, was_open: true } => {
                write!(formatter, "every connection ended before a message was received: {end}")
            }
            Self::Poll(error) => write!(formatter, "polling failed: {error}"),
            Self::Nothing => formatter.write_str("nothing was measured"),
        }
    }
}

impl std::error::Error for BenchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Connect(error) | Self::Poll(error) => Some(error),
            Self::Plan(_) | Self::Tls(_) | Self::Ended { .. } | Self::Nothing => None,
        }
    }
}

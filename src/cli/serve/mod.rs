//! `halloo serve`: its flags, and whether it is one process or several.

mod address_space;
mod place;
mod server;
mod supervisor;
mod worker;

use super::args::auth::AuthArgs;
use super::args::deflate::DeflateArgs;
use super::args::early_drop::{EarlyDropShares, early_drop_or_off};
use super::args::policy;
use super::args::tls::TlsServerArgs;
use super::args::values::{
    OrOff, bytes, count, count_or_off, duration, duration_or_off, header_bytes, listen_address,
};
use super::process::signals;
use super::terminal::logger;
use super::terminal::stream;
use super::{CommonArgs, Failure};
use crate::limits::{
    DESCRIPTORS_RESERVED, EarlyDrop, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, Limits,
    USER_TIMEOUT,
};
use crate::net::os::listener::SystemListener;
use crate::net::{Address, Keepalive, SocketOptions};
use crate::proto::auth::Auth;
use crate::proto::handshake::Policy;
use crate::proto::{self, Config, Role};
use crate::service::{CloseAfter, CloseOnOpen, Discard, Echo, Flood, Service, Timestamp};
use clap::{Args, ValueEnum};
use log::{LevelFilter, info, warn};
use rustix::process::{Resource, getrlimit, setrlimit};
use server::Server;
use signal_hook_mio::v1_0::Signals;
use std::time::Duration;
use supervisor::Supervisor;

/// How long a reader of stdout that is behind is waited for: 1 s.
const ANNOUNCE_WAIT: Duration = Duration::from_secs(1);

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Where to listen; several serve at once. ws://, tcp:// and line:// take HOST:PORT (port 0: any), and
    /// so do wss://, tls:// and line+tls://, with TLS; ws+unix:, unix: and line+unix: take a path
    #[arg(value_name = "LISTEN", value_parser = listen_address, default_value = "ws://127.0.0.1:9527")]
    listen: Vec<Address>,
    /// Listen on ws://127.0.0.1:N
    #[arg(short, long, value_name = "N")]
    port: Option<u16>,
    /// What is done with messages
    #[arg(long, value_name = "SERVICE", default_value = "echo")]
    service: ServiceName,
    /// Close each connection after this many messages were answered [default: off]
    #[arg(long, value_name = "N", value_parser = count_or_off)]
    close_after: Option<OrOff<u32>>,
    #[command(flatten)]
    auth: AuthArgs,
    /// Connections at once [default: what the process can really hold]
    #[arg(long, value_name = "N", value_parser = count)]
    max_connections: Option<u32>,
    /// Limit connections at once from one IPv4 address or IPv6 /64 network; with --workers each worker allows
    /// its share, rounded up [default: off]
    #[arg(long, value_name = "N", value_parser = count_or_off)]
    max_connections_per_ip: Option<OrOff<u32>>,
    /// Drop new connections by chance while too many are not yet through their opening handshake and
    /// authentication: RATE of a hundred at START such connections, growing to all at FULL. START and FULL
    /// are counts or percentages of --max-connections [default: off; with --profile internet 25%:30:50%]
    #[arg(long, value_name = "START:RATE:FULL", value_parser = early_drop_or_off)]
    max_unauthenticated: Option<OrOff<EarlyDropShares>>,
    /// The largest message
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "64MiB")]
    max_message_size: u64,
    /// The largest head of an upgrade request, 1KiB to 64KiB; a larger one is answered with 431
    #[arg(long, value_name = "SIZE", value_parser = header_bytes, default_value = "8KiB")]
    max_header_size: usize,
    /// Limit the memory of half-received messages, unsent responses and the message at hand, of all
    /// connections; with --workers each worker has an equal share, and closes who needs more with 1013
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "256MiB")]
    max_memory: u64,
    /// From the connect to the end of the opening handshake, whatever arrives meanwhile
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    handshake_timeout: Duration,
    /// From the challenge to the whole answer, whatever arrives meanwhile
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    auth_timeout: Duration,
    /// Close a connection that completes no message, or 64 KiB of a long one, for this long [default: off]
    #[arg(long, value_name = "TIME", value_parser = duration_or_off)]
    idle_timeout: Option<OrOff<Duration>>,
    /// Without a byte taken of answers that wait to be sent
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    write_timeout: Duration,
    /// From our last words to the end of a connection
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    close_timeout: Duration,
    /// From the signal to stop to the end of the process
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    drain_timeout: Duration,
    /// Ping a WebSocket that is silent for so long, and give it up after as long again [default: off]
    #[arg(long, value_name = "TIME", value_parser = duration_or_off)]
    ping_interval: Option<OrOff<Duration>>,
    /// Serve only pages of this origin, as in https://page.example (repeatable; others get 403)
    /// [default: any]
    #[arg(long, value_name = "ORIGIN", value_parser = policy::origin)]
    allow_origin: Vec<String>,
    /// Serve only requests for this host name, whatever the port (repeatable; others get 421)
    /// [default: any]
    #[arg(long, value_name = "NAME", value_parser = policy::host)]
    allow_host: Vec<String>,
    /// Take only this subprotocol (repeatable) [default: the first that is offered]
    #[arg(long, value_name = "NAME", value_parser = policy::subprotocol)]
    subprotocol: Vec<String>,
    #[command(flatten)]
    deflate: DeflateArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
    /// What is taken for granted about peers, in socket buffers, keepalive and --max-unauthenticated
    #[arg(long, value_name = "PROFILE", default_value = "bench")]
    profile: Profile,
    /// The congestion control of connections by its name in the kernel, such as cubic or bbr [default: the
    /// system's]
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
    /// Connections that may wait to be accepted; the system may allow fewer [default: 4096]
    #[arg(long, value_name = "N", value_parser = count)]
    backlog: Option<u32>,
    #[command(flatten)]
    workers: WorkerArgs,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ServiceName {
    /// Send every message back (RFC 862)
    Echo,
    /// Send it back behind the local time, as in `[Thu May 10 22:00:19 2018] time`
    Timestamp,
    /// Swallow it (RFC 863)
    Discard,
    /// Send without end until the peer stops reading (RFC 864)
    Flood,
    /// Close right after authentication
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// They mean well: buffers as the kernel tunes them, and it never asks whether a peer is still there
    Bench,
    /// They may be anybody: buffers of a fixed share of the memory that the kernel has for TCP, so that slow
    /// readers cannot exhaust it; peers that are gone or stuck are given up; floods of connects are thinned
    Internet,
}

/// How many processes serve.
#[derive(Debug, Args)]
struct WorkerArgs {
    /// Serve with so many single-threaded processes that share the port. Limits that are counts or sizes
    /// are for all of them together
    #[arg(long, value_name = "N", value_parser = worker_count, default_value = "1")]
    workers: u32,
    /// Keep each process on a processor of its own
    #[arg(long)]
    pin: bool,
    /// Be worker number N of the parent that standard input leads to
    #[arg(long, value_name = "N", hide = true)]
    as_worker: Option<u32>,
}

/// Serves until a signal says stop.
pub(super) fn run(arguments: &ServeArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    let worker = arguments.workers.as_worker;
    logger::init(common.log_format, LevelFilter::Info, common.verbose, common.quiet, worker);
    let signals = signals::receive()?;
    let result = match (worker, arguments.workers.workers) {
        (Some(index), _) => worker::run(arguments, index, signals),
        (None, 1) => serve_alone(arguments, signals),
        (None, workers) => {
            Supervisor::start(arguments, workers, signals).and_then(|mut it| it.run())
        }
    };
    log::logger().flush();
    result
}

fn serve_alone(arguments: &ServeArgs, signals: Signals) -> Result<(), Failure> {
    if arguments.workers.pin {
        worker::pin(0).map_err(|error| Failure::Runtime(format!("--pin: {error}")))?;
    }
    let limits = arguments.limits()?;
    let options = arguments.socket_options(limits.connections_max);
    let tls = arguments.tls.load(&arguments.listen, None)?;
    let mut server = Server::new(arguments, limits, tls, signals)?;
    let mut bound = Vec::new();
    for address in &arguments.listen {
        let open = |acceptor: Option<&_>| SystemListener::bind_all(address, &options, acceptor);
        bound.extend(server.listen(address, open)?);
    }
    announce(&bound);
    let metrics = server.run()?;
    info!(messages = metrics.messages; "stopped after {} connections", metrics.ended_total());
    Ok(())
}

impl ServeArgs {
    /// Lets `--port` take the place of the default address, or stand beside those that were typed.
    pub(super) fn add_port(&mut self, is_listen_typed: bool) {
        let Some(port) = self.port else { return };
        if !is_listen_typed {
            self.listen.clear();
        }
        self.listen.push(Address::at_port(port));
    }

    fn service(&self) -> Box<dyn Service> {
        let service: Box<dyn Service> = match self.service {
            ServiceName::Echo => Box::new(Echo),
            ServiceName::Timestamp => Box::new(Timestamp::new(|| jiff::Zoned::now().datetime())),
            ServiceName::Discard => Box::new(Discard),
            ServiceName::Flood => Box::new(Flood),
            ServiceName::None => Box::new(CloseOnOpen),
        };
        match self.close_after.and_then(|close_after| close_after.0) {
            Some(messages) => Box::new(CloseAfter::new(messages, service)),
            None => service,
        }
    }

    fn config(&self, address: &Address, auth: Option<Auth>) -> Config {
        Config {
            auth,
            limits: proto::Limits {
                message_bytes_max: self.max_message_size,
                head_bytes_max: self.max_header_size,
            },
            policy: Policy {
                path: address.path.clone(),
                origins: self.allow_origin.clone(),
                hosts: self.allow_host.clone(),
                subprotocols: self.subprotocol.clone(),
            },
            deflate: self.deflate.settings(),
            ..Config::new(Role::Server, address.framing)
        }
    }

    fn limits(&self) -> Result<Limits, Failure> {
        let possible = raise_descriptor_limit();
        let workers = self.workers.workers;
        let share = |count: u32| count.div_ceil(workers);
        let wanted = self.max_connections.map_or(possible, |most| u64::from(share(most)));
        if wanted > possible {
            return Err(Failure::Usage(format!(
                "--max-connections {} is more than the {possible} that a process can hold: \
                 {DESCRIPTORS_RESERVED} of its file descriptors are for other things; \
                 raise the hard limit (ulimit -Hn), or the number of --workers, first",
                self.max_connections.unwrap_or_default(),
            )));
        }
        Ok(Limits {
            connections_max: wanted as usize,
            early_drop: self.early_drop(wanted as usize),
            connections_per_address_max: self
                .max_connections_per_ip
                .and_then(|limit| limit.0)
                .map(share),
            memory_bytes_max: address_space::at_most(self.max_memory / u64::from(workers)),
            handshake_timeout: self.handshake_timeout,
            auth_timeout: self.auth_timeout,
            idle_timeout: self.idle_timeout.and_then(|timeout| timeout.0),
            write_timeout: self.write_timeout,
            close_timeout: self.close_timeout,
            drain_timeout: self.drain_timeout,
            ping_interval: self.ping_interval.and_then(|interval| interval.0),
        })
    }

    /// A load test may well make all of its connections before it lets one of them speak, so nothing is
    /// dropped early unless that is asked for.
    fn early_drop(&self, connections_max: usize) -> Option<EarlyDrop> {
        let shares = match (self.max_unauthenticated, self.profile) {
            (Some(OrOff(shares)), _) => shares,
            (None, Profile::Internet) => Some(EarlyDropShares::INTERNET),
            (None, Profile::Bench) => None,
        };
        shares.map(|shares| shares.of(connections_max))
    }

    fn socket_options(&self, connections_max: usize) -> SocketOptions {
        let options = SocketOptions {
            congestion: self.congestion.clone(),
            backlog: self.backlog,
            ..SocketOptions::default()
        };
        match self.profile {
            Profile::Bench => options,
            Profile::Internet => SocketOptions {
                buffer_bytes: Some(internet_buffer_bytes(
                    connections_max * self.workers.workers as usize,
                )),
                user_timeout: Some(USER_TIMEOUT),
                keepalive: Some(Keepalive {
                    idle: KEEPALIVE_IDLE,
                    interval: KEEPALIVE_INTERVAL,
                    probes: KEEPALIVE_PROBES,
                }),
                ..options
            },
        }
    }
}

/// A number of workers: more than there are processors in any machine are a slip of the keys.
fn worker_count(text: &str) -> Result<u32, String> {
    const MOST: u32 = 1024;
    let workers = count(text)?;
    if workers <= MOST { Ok(workers) } else { Err(format!("expected at most {MOST} workers")) }
}

/// An equal share, for each connection and direction, of the memory at which the kernel begins to press
/// TCP: between 4 KiB, where packets no longer fit, and 64 KiB. The kernel doubles what it is asked for.
fn internet_buffer_bytes(connections_max: usize) -> usize {
    const UNKNOWN: usize = 16 * 1024;
    let Ok(text) = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_mem") else { return UNKNOWN };
    let pressure_pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    let Some(pages) = pressure_pages else { return UNKNOWN };
    let page_bytes = rustix::param::page_size();
    let share = usize::saturating_mul(pages, page_bytes) / connections_max.max(1) / 4;
    share.clamp(4 * 1024, 64 * 1024)
}

/// Raises the soft limit to the hard one. Returns how many connections that leaves room for.
fn raise_descriptor_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // If it cannot be raised, the one there is counts.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 30);
    descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(1)
}

/// Prints where it listens: scripts wait for these lines. A full stdout that nobody reads must not
/// keep the server from serving.
fn announce(addresses: &[Address]) {
    let lines: String = addresses.iter().map(|address| format!("listening {address}\n")).collect();
    if !stream::stdout().write_within(lines.as_bytes(), ANNOUNCE_WAIT) {
        warn!("stdout is not being read: could not print 'listening {}'", addresses[0]);
    }
}

//! `halloo serve`: its flags, and the choice between one process and several.

mod address_space;
mod server;
mod slot;
mod supervisor;
mod worker;

use super::args::auth::AuthArgs;
use super::args::deflate::DeflateArgs;
use super::args::early_drop::{EarlyDropShares, early_drop_or_off};
use super::args::heading;
use super::args::policy;
use super::args::tls::TlsServerArgs;
use super::args::values::{
    OrOff, bytes, count, count_or_off, duration, duration_or_off, header_bytes, listen_address,
};
use super::process::descriptors::raise_descriptor_limit;
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
use server::Server;
use signal_hook_mio::v1_0::Signals;
use std::time::Duration;
use supervisor::Supervisor;

/// How long to wait for a slow reader of stdout: 1 s.
const ANNOUNCE_WAIT: Duration = Duration::from_secs(1);

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Listen on these addresses: URLs, HOST:PORT, PORT or :PORT (port 0: any free port)
    ///
    /// ws://, tcp:// and line:// take HOST:PORT, as do wss://, tls:// and line+tls:// with TLS;
    /// ws+unix:, unix: and line+unix: take the path of a Unix socket. HOST:PORT means
    /// ws://HOST:PORT, PORT means ws://127.0.0.1:PORT, and :PORT listens on all interfaces.
    #[arg(value_name = "LISTEN", value_parser = listen_address, default_value = "ws://127.0.0.1:9527")]
    listen: Vec<Address>,
    /// Listen on ws://127.0.0.1:N
    #[arg(short, long, value_name = "N")]
    port: Option<u16>,
    /// Select what the server does with messages
    #[arg(long, value_name = "SERVICE", default_value = "echo")]
    service: ServiceName,
    /// Close each connection after N responses [default: off]
    #[arg(long, value_name = "N", value_parser = count_or_off)]
    close_after: Option<OrOff<u32>>,
    #[command(flatten)]
    auth: AuthArgs,
    /// Limit open connections [default: the descriptor limit minus 32]
    ///
    /// At the limit, clients wait in the accept queue; every 20 ms one is accepted and closed.
    #[arg(long, value_name = "N", value_parser = count, help_heading = heading::LIMITS)]
    max_connections: Option<u32>,
    /// Limit open connections from one IPv4 address or IPv6 /64 network [default: off]
    ///
    /// With --workers each worker allows its share, rounded up.
    #[arg(long, value_name = "N", value_parser = count_or_off, help_heading = heading::LIMITS)]
    max_connections_per_ip: Option<OrOff<u32>>,
    /// Drop new connections at random while many are not yet authenticated [default: off]
    ///
    /// From START connections on that have not completed their opening handshake and
    /// authentication, RATE percent of new ones are dropped, rising to all of them at FULL. START
    /// and FULL are counts or percentages of --max-connections. With --profile internet the default
    /// is 25%:30:50%.
    #[arg(
        long,
        value_name = "START:RATE:FULL",
        value_parser = early_drop_or_off,
        help_heading = heading::LIMITS
    )]
    max_unauthenticated: Option<OrOff<EarlyDropShares>>,
    /// Limit the size of a message
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "64MiB",
        help_heading = heading::LIMITS
    )]
    max_message_size: u64,
    /// Limit the head of an upgrade request, 1KiB to 64KiB; a larger one gets status 431
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = header_bytes,
        default_value = "8KiB",
        help_heading = heading::LIMITS
    )]
    max_header_size: usize,
    /// Limit the memory of all connections: partial messages, unsent output, the current message
    ///
    /// Past three quarters of it, the connection that holds most is ended. A message that needs
    /// more than the rest ends its connection with code 1013. With --workers each worker has an
    /// equal share.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "256MiB",
        help_heading = heading::LIMITS
    )]
    max_memory: u64,
    /// Allow this long from connect to the end of the opening handshake, whatever arrives
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "10s",
        help_heading = heading::LIMITS
    )]
    handshake_timeout: Duration,
    /// Allow this long from the challenge to the complete response, whatever arrives
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "10s",
        help_heading = heading::LIMITS
    )]
    auth_timeout: Duration,
    /// Close a connection without a whole message, or 64 KiB of one, for this long [default: off]
    #[arg(long, value_name = "TIME", value_parser = duration_or_off, help_heading = heading::LIMITS)]
    idle_timeout: Option<OrOff<Duration>>,
    /// Close a connection whose peer has read nothing of its pending output for this long
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "5m",
        help_heading = heading::LIMITS
    )]
    write_timeout: Duration,
    /// Allow this long for the closing handshake
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "5s",
        help_heading = heading::LIMITS
    )]
    close_timeout: Duration,
    /// Allow this long from the first stop signal to the end of the process
    #[arg(
        long,
        value_name = "TIME",
        value_parser = duration,
        default_value = "10s",
        help_heading = heading::LIMITS
    )]
    drain_timeout: Duration,
    /// Ping a WebSocket silent for this long, and drop it after as long again [default: off]
    #[arg(long, value_name = "TIME", value_parser = duration_or_off, help_heading = heading::LIMITS)]
    ping_interval: Option<OrOff<Duration>>,
    /// Allow only pages of this origin (repeatable; others get 403) [default: any]
    ///
    /// An origin has no path, as in https://page.example.
    #[arg(
        long,
        value_name = "ORIGIN",
        value_parser = policy::origin,
        help_heading = heading::CONNECTION
    )]
    allow_origin: Vec<String>,
    /// Allow only this host name, on any port (repeatable; others get 421) [default: any]
    #[arg(long, value_name = "NAME", value_parser = policy::host, help_heading = heading::CONNECTION)]
    allow_host: Vec<String>,
    /// Select only this subprotocol (repeatable) [default: the first one offered]
    #[arg(
        long,
        value_name = "NAME",
        value_parser = policy::subprotocol,
        help_heading = heading::CONNECTION
    )]
    subprotocol: Vec<String>,
    #[command(flatten)]
    deflate: DeflateArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
    /// Tune socket buffers, keepalive and --max-unauthenticated for these peers
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "bench",
        help_heading = heading::CONNECTION
    )]
    profile: Profile,
    /// Use this congestion control of the kernel, such as cubic or bbr [default: the system's]
    #[arg(long, value_name = "NAME", help_heading = heading::CONNECTION)]
    congestion: Option<String>,
    /// Limit the connections that wait to be accepted; the system may allow fewer [default: 4096]
    #[arg(long, value_name = "N", value_parser = count, help_heading = heading::CONNECTION)]
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
    /// Send it back with the local time in front: `[Thu May 10 22:00:19 2018]`
    Timestamp,
    /// Discard it (RFC 863)
    Discard,
    /// Send lines without end, for as long as the peer reads (RFC 864)
    Flood,
    /// Close right after authentication
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// Trusted peers: the kernel sizes the buffers and does not probe for dead peers
    Bench,
    /// Untrusted peers: small fixed buffers, so that slow readers cannot exhaust the kernel's TCP
    /// memory; dead or stuck peers are dropped; floods of connections are thinned
    Internet,
}

/// How many processes serve.
#[derive(Debug, Args)]
#[command(next_help_heading = heading::PROCESSES)]
struct WorkerArgs {
    /// Serve with N single-threaded processes that share each port
    ///
    /// Limits that are counts or sizes apply to all of them together.
    #[arg(long, value_name = "N", value_parser = worker_count, default_value = "1")]
    workers: u32,
    /// Bind each process to a CPU of its own
    #[arg(long)]
    pin: bool,
    /// Run as worker N of the parent process on standard input
    #[arg(long, value_name = "N", hide = true)]
    as_worker: Option<u32>,
}

/// Serves until a signal stops it.
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
    /// Makes `--port` replace the default address, or join the addresses that were typed.
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
        let possible = connections_possible();
        let workers = self.workers.workers;
        let share = |count: u32| count.div_ceil(workers);
        let wanted = self.max_connections.map_or(possible, |most| u64::from(share(most)));
        if wanted > possible {
            return Err(Failure::Usage(format!(
                "--max-connections {} is more than the {possible} that a process can hold: \
                 {DESCRIPTORS_RESERVED} of its file descriptors are reserved; \
                 first raise the hard limit (ulimit -Hn) or the number of --workers",
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

    /// Off by default, because a load test may open all its connections before it sends anything on
    /// them.
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

/// Parses a number of workers. A number above that of any machine's CPUs is a typing error.
fn worker_count(text: &str) -> Result<u32, String> {
    const MOST: u32 = 1024;
    let workers = count(text)?;
    if workers <= MOST { Ok(workers) } else { Err(format!("expected at most {MOST} workers")) }
}

/// A buffer size for each connection and direction: an equal share of the memory at which the
/// kernel's TCP comes under pressure, from 4 KiB, below which packets do not fit, to 64 KiB. The
/// kernel doubles the size that is set.
fn internet_buffer_bytes(connections_max: usize) -> usize {
    const UNKNOWN: usize = 16 * 1024;
    let Ok(text) = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_mem") else { return UNKNOWN };
    let pressure_pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    let Some(pages) = pressure_pages else { return UNKNOWN };
    let page_bytes = rustix::param::page_size();
    let share = usize::saturating_mul(pages, page_bytes) / connections_max.max(1) / 4;
    share.clamp(4 * 1024, 64 * 1024)
}

/// How many connections this process can hold: the descriptor limit, raised as far as possible,
/// minus the reserved descriptors.
fn connections_possible() -> u64 {
    let descriptors = raise_descriptor_limit().unwrap_or(1 << 30);
    descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(1)
}

/// Prints where the server listens: scripts wait for these lines. A full stdout that nobody reads
/// must not keep it from serving.
fn announce(addresses: &[Address]) {
    let lines: String = addresses.iter().map(|address| format!("listening {address}\n")).collect();
    if !stream::stdout().write_within(lines.as_bytes(), ANNOUNCE_WAIT) {
        warn!("stdout is not being read: could not print 'listening {}'", addresses[0]);
    }
}

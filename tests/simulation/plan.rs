//! The decisions of one seed: limits, service, listeners, faults, and the time of the stop.

use crate::random::Random;
use halloo::limits::{CLOSE_ANSWER_WAIT, EarlyDrop, Limits};
use halloo::proto::auth::{Auth, Encoding, Hash, Key};
use halloo::proto::deflate::Settings;
use halloo::proto::handshake::Offer;
use halloo::proto::{Config, Framing, Role};
use std::rc::Rc;
use std::time::Duration;

pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;

/// The service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serving {
    Echo,
    Timestamp,
    Discard,
    /// Echoes this number of messages, then closes.
    CloseAfter(u32),
    /// Sends lines without end.
    Flood,
}

/// The frequency of faults: one in this number of chances, never if 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// Short reads and writes, `WouldBlock`, `Interrupted`.
    pub(crate) calls: u64,
    /// Errors that end a connection.
    pub(crate) breaks: u64,
    /// Errors of accept(2) and of registration.
    pub(crate) accepts: u64,
    /// Spurious, stale and late events; polls that return early.
    pub(crate) events: u64,
    /// The process stalls, at worst for hours.
    pub(crate) stalls: u64,
}

pub(crate) struct Plan {
    pub(crate) limits: Limits,
    /// The size of the reactor's buffer in bytes.
    pub(crate) capacity: usize,
    pub(crate) serving: Serving,
    pub(crate) doors: Vec<Rc<Config>>,
    /// The configuration with which our side connects to servers.
    pub(crate) calls: Vec<Rc<Config>>,
    pub(crate) rates: Rates,
    /// Descriptors available for connections.
    pub(crate) descriptors: usize,
    /// The longest time that bytes are in flight.
    pub(crate) latency: u64,
    pub(crate) clients: usize,
    /// Servers that our side connects to.
    pub(crate) hosts: usize,
    /// Distinct addresses of clients.
    pub(crate) addresses: usize,
    /// The period in which clients arrive.
    pub(crate) arrivals: u64,
    pub(crate) stop_at: Option<u64>,
}

impl Plan {
    pub(crate) fn new(random: &mut Random) -> Self {
        let serving = match random.between(0, 10) {
            0..=5 => Serving::Echo,
            6 | 7 => Serving::Timestamp,
            8 => Serving::CloseAfter(random.between(1, 4) as u32),
            9 => Serving::Discard,
            _ => Serving::Flood,
        };
        let message_bytes_max = random.pick(&[64 << 20, 64 << 20, 200_000, 16_384, 1_000]);
        let doors: Vec<_> = (0..random.between(1, 3))
            .map(|_| Rc::new(config(random, serving, message_bytes_max)))
            .collect();
        // A service that sends unasked does so on every connection.
        let has_calls = serving != Serving::Flood && random.one_in(2);
        let hosts = if has_calls { random.between(1, 6) } else { 0 };
        let calls: Vec<_> = (0..hosts.div_ceil(3))
            .map(|_| {
                let server = config(random, Serving::Echo, message_bytes_max);
                Rc::new(call(random, server))
            })
            .collect();
        let mut configs = doors.iter().chain(&calls);
        let has_heads = configs.any(|config| config.framing == Framing::WebSocket);
        // A head of 8 KiB must fit; without heads the buffer may be as small as an authentication
        // message and a header.
        let capacity = if has_heads { 12 << 10 } else { 256 } + random.between(0, 4096);
        let arrivals = random.pick(&[0, MILLISECOND, 100 * MILLISECOND, 2 * SECOND]);
        Self {
            limits: limits(random),
            capacity,
            serving,
            doors,
            calls,
            rates: rates(random),
            descriptors: if random.one_in(6) { random.between(1, 6) } else { 1000 },
            latency: random.pick(&[1_000, 100_000, MILLISECOND, 50 * MILLISECOND]),
            clients: clients(random, has_calls),
            hosts,
            addresses: random.between(1, 4),
            arrivals,
            stop_at: random.one_in(3).then(|| random.time(0, 2 * arrivals + 200 * MILLISECOND)),
        }
    }

    /// How long the server may wait for the reply to its Close.
    pub(crate) fn close_reply_wait(&self) -> u64 {
        CLOSE_ANSWER_WAIT.min(self.limits.close_timeout / 2).as_nanos() as u64
    }

    /// Whether a connection may be ended for the memory it owns.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.limits.memory_bytes_max < 1 << 20
    }
}

/// The number of clients: rarely so many that more wait than one turn may accept.
fn clients(random: &mut Random, has_calls: bool) -> usize {
    match has_calls {
        true => random.between(0, 6),
        false if random.one_in(200) => random.between(150, 250),
        false => random.between(1, 10),
    }
}

fn config(random: &mut Random, serving: Serving, message_bytes_max: u64) -> Config {
    let framings = [Framing::WebSocket, Framing::WebSocket, Framing::Line, Framing::Raw];
    let mut framing = random.pick(&framings);
    if framing == Framing::Raw && matches!(serving, Serving::Timestamp | Serving::CloseAfter(_)) {
        // One read makes one message: the client cannot know where its messages were split.
        framing = Framing::Line;
    }
    let mut config = Config::new(Role::Server, framing);
    config.limits.message_bytes_max = message_bytes_max;
    config.whole_messages = serving == Serving::Timestamp;
    if cfg!(feature = "deflate") && framing == Framing::WebSocket && !random.one_in(3) {
        config.deflate = Some(Settings {
            context_takeover: random.one_in(2),
            // Hundreds of short lines at once, each of them compressed, would take most of the time
            // of all seeds.
            message_bytes_min: if serving == Serving::Flood {
                100
            } else {
                random.pick(&[1, 100, 1000])
            },
        });
    }
    if random.one_in(3) {
        config.auth = Some(Auth {
            hash: random.pick(&[Hash::Sha256, Hash::Md5]),
            encoding: random.pick(&[Encoding::Raw, Encoding::Hex]),
            keys: vec![Key::new(b"first".to_vec()), Key::new(b"second".to_vec())],
        });
    }
    config
}

/// Turns a server's configuration into one for connecting to that server.
fn call(random: &mut Random, server: Config) -> Config {
    let offer = Offer {
        target: "/chat".into(),
        host: "halloo.test".into(),
        subprotocols: Vec::new(),
        headers: Vec::new(),
    };
    // A WebSocket client is always lent complete messages.
    let whole_messages = server.framing == Framing::WebSocket || random.one_in(2);
    Config { role: Role::Client, whole_messages, offer, ..server }
}

fn limits(random: &mut Random) -> Limits {
    let seconds = |random: &mut Random, most| Duration::from_secs(random.time(1, most));
    Limits {
        connections_max: if random.one_in(6) { random.between(1, 6) } else { 1000 },
        connections_per_address_max: random.one_in(6).then(|| random.between(1, 3) as u32),
        early_drop: random.one_in(6).then(|| early_drop(random)),
        memory_bytes_max: if random.one_in(8) { random.between(500, 40_000) } else { 1 << 30 },
        handshake_timeout: seconds(random, 20),
        auth_timeout: seconds(random, 20),
        idle_timeout: random.one_in(4).then(|| seconds(random, 20)),
        write_timeout: seconds(random, 20),
        close_timeout: seconds(random, 10),
        drain_timeout: seconds(random, 20),
        ping_interval: random.one_in(4).then(|| seconds(random, 20)),
    }
}

fn early_drop(random: &mut Random) -> EarlyDrop {
    let start = random.between(0, 4);
    let percent = random.between(0, 100) as u32;
    EarlyDrop { start, percent, full: start + random.between(0, 4) }
}

fn rates(random: &mut Random) -> Rates {
    match random.between(0, 3) {
        0 => Rates::default(),
        1 => Rates { calls: 4, events: 8, ..Rates::default() },
        2 => Rates { calls: 30, breaks: 0, accepts: 10, events: 10, stalls: 300 },
        _ => Rates { calls: 10, breaks: 150, accepts: 5, events: 10, stalls: 1000 },
    }
}

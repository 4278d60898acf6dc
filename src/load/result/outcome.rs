//! What a run leaves behind: data that is saved as JSON, merged, and rendered. Published as
//! `docs/bench.schema.json`.

use super::Stalls;
use super::histogram::{Histogram, Latency};
use super::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format. It changes when a reader of the old one would misunderstand the new one;
/// new fields alone do not change it.
pub const SCHEMA_VERSION: u32 = 2;

/// The highest percentile that is reported.
pub const PERCENTILE_MAX: f64 = 99.99;

/// See the [module documentation](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was done.
    pub kind: Kind,
    /// The program that measured, and its version.
    pub program: String,
    /// Whether the figures may be believed.
    pub verdict: Verdict,
    /// The name of the limit that was hit, if the verdict is CEILING.
    pub ceiling: Option<String>,
    /// The highest percentile that is not dominated by stalls of the load generator: 50, 90, 99, 99.9 or
    /// 99.99; none if not even the median is.
    pub valid_to: Option<f64>,
    /// Figures that stalls of the load generator may dominate, by their metric's name.
    #[serde(default)]
    pub not_believed: Vec<String>,
    /// The verdict in a sentence: what it rests on, and what would help.
    pub verdict_reason: String,
    /// What else to know, in sentences.
    #[serde(default)]
    pub findings: Vec<String>,
    /// The first message that came back changed, if one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference: Option<Difference>,
    /// The machine that measured.
    pub machine: Environment,
    /// The command, as it was typed.
    pub command: String,
    /// The URL.
    pub target: String,
    /// When the measuring window began: RFC 3339, UTC, with milliseconds.
    pub started_at: String,
    /// How long the window was.
    pub duration_s: f64,
    /// How long it should have been; none if it was to end after a number of messages.
    pub planned_s: Option<f64>,
    /// Whether the run was interrupted.
    #[serde(default)]
    pub interrupted: bool,
    /// How messages were sent.
    pub load: Load,
    /// Counts of connections.
    pub connections: Connections,
    /// How connecting went.
    pub connecting: Connecting,
    /// Counts of messages.
    pub messages: Messages,
    /// Echoes of messages that were due in the window, by its length.
    pub messages_per_second: f64,
    /// Bytes of their payload, by the length of the window.
    pub bytes_per_second: f64,
    /// From when a message was to be sent until its echo was there, in µs.
    pub latency_us: Latency,
    /// From when it really was sent, in µs: what tools say that forget the wait before. The same as
    /// `latency_us` in a closed loop, where a message is to be sent when it is sent.
    pub latency_uncorrected_us: Latency,
    /// Everything that went wrong, by reason, and how often.
    pub errors: BTreeMap<String, u64>,
    /// How the connections that were not ended by us ended, and how many.
    pub endings: BTreeMap<String, u64>,
    /// The cost of our own side.
    pub generator: Generator,
    /// How long the load generator did not run.
    pub stalls: Stalls,
    /// The cost of the server, if it was watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<Server>,
    /// What connections took of memory, if it was looked at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Memory>,
    /// The histograms of the window.
    pub histograms: Histograms,
    /// The window, piece by piece.
    pub intervals: Vec<Interval>,
    /// Of a run that holds connections: each that was lost.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ledger: Vec<Loss>,
    /// Of merged outcomes: how many, otherwise 1.
    pub runs: u32,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Messages were sent, and timed.
    Bench,
    /// Connections were held, and counted.
    Hold,
}

/// How messages were sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Bytes of a message's payload.
    pub message_bytes: u64,
    /// Closed loop: messages of one connection that are on their way at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub depth: Option<u32>,
    /// Open loop: messages to be sent in a second, by all connections together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate: Option<f64>,
    /// Whether every echo was compared with what was sent.
    pub verified: bool,
    /// How long a response was waited for, in s: a message without one is lost.
    pub reply_timeout_s: f64,
    /// The share of messages, 0 to 1, above which lost and corrupted ones make a run LOSSY.
    pub lossy_above: f64,
    /// Whether the event loop polled without sleeping.
    #[serde(default)]
    pub spin: bool,
}

/// A message that came back changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The connection's number, from 0.
    pub connection: u64,
    /// The beginning of what was sent, with unprintable bytes escaped; none if it is not known.
    pub sent: Option<String>,
    /// The beginning of what was received.
    pub received: String,
}

/// The machine that measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The operating system and its version, as `Linux 6.18.5`.
    pub system: String,
    /// The processor's architecture, as `x86_64`.
    pub architecture: String,
    /// The processor's model, if the system says it.
    pub processor: Option<String>,
    /// CPUs that the load generator could use.
    pub cpus: Option<u64>,
    /// Memory of the machine, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Counts of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// That were to be made.
    pub requested: u64,
    /// That were open at some time: connected, shaken hands, authenticated.
    pub established: u64,
    /// That never opened.
    pub failed: u64,
    /// That opened, and ended before we ended them.
    pub lost: u64,
}

/// How connecting went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connecting {
    /// From the first attempt until the last connection was open or given up.
    pub duration_s: f64,
    /// Connections that opened, by that time.
    pub per_second: f64,
    /// From when the connection was due until it was open, in µs.
    pub latency_us: Latency,
    /// The same, in ns.
    pub histogram: Histogram,
    /// The steps of connecting, in their order.
    #[serde(default)]
    pub phases: Vec<ConnectPhase>,
}

/// A step of connecting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectPhase {
    /// `tcp`, `tls`, `upgrade` or `authentication`.
    pub name: String,
    /// How long it took, in µs.
    pub latency_us: Latency,
    /// The same, in ns.
    pub histogram: Histogram,
}

/// Counts of messages. The window has those that were to be sent in it: each is received, perhaps after the
/// window, or lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// That were to be sent in the window, and were sent.
    pub sent: u64,
    /// That got a response, whether it was their echo or corrupted.
    pub received: u64,
    /// Of those, the ones whose response cannot be attributed after a loss: they have no time.
    #[serde(default)]
    pub untimed: u64,
    /// Without a response in time, or when the connection or the run ended.
    pub lost: u64,
    /// That were due in the window and could never be sent.
    #[serde(default)]
    pub unsent: u64,
    /// Echoes that came after the reply timeout: their messages count as lost.
    #[serde(default)]
    pub late: u64,
    /// Echoes of what had been echoed already.
    pub duplicated: u64,
    /// Echoes that came after the echo of a later message.
    pub reordered: u64,
    /// Messages whose response is not what was sent.
    pub corrupted: u64,
    /// Echoes that came as text for binary, or the reverse.
    pub opcode_changed: u64,
    /// Messages that nobody asked for, such as pushes and greetings, since the connections were open.
    #[serde(default)]
    pub unasked: u64,
    /// Echoes that came on another connection than their message was sent on.
    #[serde(default)]
    pub misdelivered: u64,
}

/// The cost of our own side, in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// CPUs kept busy: 1 is one processor, all of the time. The sum of all processes.
    pub cpu: f64,
    /// The busiest process's share of one CPU.
    pub cpu_of_busiest: f64,
    /// Processes that sent.
    pub processes: u32,
    /// The longest turn of the loop, in µs: as late as any message was looked at.
    pub turn_us_max: f64,
    /// Messages sent more than 1,000 µs after they were to be sent although their
    /// connection would have taken them.
    pub late_sends: u64,
}

/// The cost of the server, in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// CPUs kept busy: 1 is one processor, all of the time.
    pub cpu: f64,
    /// CPU time for each message received.
    pub cpu_us_per_message: f64,
    /// The most memory it had resident.
    pub rss_kib: u64,
}

/// What connections took of memory, in KiB for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Of our processes' own.
    pub own_user_kib: f64,
    /// Of the kernel's, for our end; with the server on this machine, for both ends.
    pub kernel_kib: f64,
    /// Whether `kernel_kib` has the server's end too.
    pub both_ends: bool,
    /// Of the server process's own, if it was watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_user_kib: Option<f64>,
}

/// Two histograms of the same messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// From the intended time, in ns.
    pub latency: Histogram,
    /// From the real time; absent if it is the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncorrected: Option<Histogram>,
    /// Messages that were lost or never sent: they took longer than the reply timeout.
    #[serde(default)]
    pub beyond: u64,
}

/// A piece of the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// When it began, after the start of the window.
    pub start_s: f64,
    /// How long it was.
    pub duration_s: f64,
    /// Connections that were open at its end.
    pub connections: u64,
    /// Messages sent.
    pub sent: u64,
    /// Echoes received.
    pub received: u64,
    /// Things that went wrong.
    pub errors: u64,
    /// CPUs that our side kept busy.
    pub cpu: f64,
    /// CPUs that the server kept busy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_cpu: Option<f64>,
    /// What the server had resident, in KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_rss_kib: Option<u64>,
    /// What our processes had resident, in KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub own_rss_kib: Option<u64>,
    /// Times of the echoes received.
    pub histograms: Histograms,
    /// How late beats of the event loop were, in ns.
    #[serde(default)]
    pub stalls: Histogram,
}

/// A connection that was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Its number, from 0; of several processes, those of one after those of another.
    pub connection: u64,
    /// Who ended it.
    pub by: EndedBy,
    /// How: `close 1001`, `FIN`, `RST`, `silence`, or a rule that was broken.
    pub how: String,
    /// When, in seconds after the first attempt to connect.
    pub at_s: f64,
    /// How long it had been open, in seconds.
    pub after_s: f64,
    /// When, in seconds after the window began; none if that was before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_window_s: Option<f64>,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The server said so: a close frame, the end of its output.
    Server,
    /// The transport broke: a reset, a timeout. It may have been the server, or anything on the way.
    Network,
    /// We did, because a rule was broken or nothing came any more.
    Us,
}

impl Histograms {
    /// Counts what another pair has counted.
    pub fn add(&mut self, other: &Self) {
        if self.uncorrected.is_some() || other.uncorrected.is_some() {
            let own = self.uncorrected.get_or_insert_with(|| self.latency.clone());
            own.add(other.uncorrected());
        }
        self.latency.add(&other.latency);
        self.beyond = self.beyond.saturating_add(other.beyond);
    }

    /// Gives back the room for times that did not occur.
    pub fn pack(&mut self) {
        self.latency.pack();
        if let Some(uncorrected) = &mut self.uncorrected {
            uncorrected.pack();
        }
    }

    /// The figures of [`latency`](Self::latency). What is beyond took longer than `reply_timeout_s`.
    pub fn latency_us(&self, reply_timeout_s: f64) -> Latency {
        self.latency.latency_with(self.beyond, reply_timeout_s * 1e6)
    }

    /// The figures of [`uncorrected`](Self::uncorrected), the same way.
    pub fn uncorrected_us(&self, reply_timeout_s: f64) -> Latency {
        self.uncorrected().latency_with(self.beyond, reply_timeout_s * 1e6)
    }

    /// The time in µs that this part of all messages, 0 to 1, did not exceed; none if it lies beyond the reply
    /// timeout, or nothing was counted.
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        self.latency.quantile_with(self.beyond, quantile)
    }

    /// The times from when messages really were sent.
    pub fn uncorrected(&self) -> &Histogram {
        self.uncorrected.as_ref().unwrap_or(&self.latency)
    }
}

impl Outcome {
    /// The verdict with what belongs to it: `VALID to p99`, `CEILING: descriptors`.
    pub fn headline(&self) -> String {
        match (self.verdict, &self.ceiling, self.valid_to) {
            (Verdict::Ceiling, Some(name), _) => format!("{}: {name}", self.verdict),
            (Verdict::Valid, _, Some(percentile)) if percentile < PERCENTILE_MAX => {
                format!("{} to p{percentile}", self.verdict)
            }
            _ => self.verdict.to_string(),
        }
    }

    /// How many things went wrong: errors by reason, connections that were lost, and messages that did not come
    /// back as they should.
    /// Unasked messages are not errors.
    pub fn errors_total(&self) -> u64 {
        let it = self.messages;
        let errors = self.errors.values();
        let counts = [
            it.lost,
            it.unsent,
            it.duplicated,
            it.reordered,
            it.corrupted,
            it.opcode_changed,
            it.misdelivered,
            self.connections.lost,
        ];
        errors.chain(&counts).fold(0, |sum: u64, &count| sum.saturating_add(count))
    }
}

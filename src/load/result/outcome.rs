//! The data that a run produces: saved as JSON, merged, and rendered. Its schema is published as
//! `docs/bench.schema.json`.

use super::Stalls;
use super::end_reason::EndReason;
use super::histogram::{Histogram, Latency};
use super::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format. It changes when a reader of the old version would misunderstand the
/// new one; new fields alone do not change it.
pub const SCHEMA_VERSION: u32 = 2;

/// The highest percentile that is reported.
pub const PERCENTILE_MAX: f64 = 99.99;

/// See the [module documentation](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Whether messages were measured or connections were held.
    pub kind: Kind,
    /// The program that measured, with its version.
    pub program: String,
    /// Whether the figures can be believed.
    pub verdict: Verdict,
    /// The name of the limit that was reached, if the verdict is CEILING.
    pub ceiling: Option<String>,
    /// The highest percentile that is not dominated by stalls of the load generator: 50, 90, 99,
    /// 99.9 or 99.99; `None` if not even the median is.
    pub valid_to: Option<f64>,
    /// Figures that stalls of the load generator may dominate, by metric name.
    #[serde(default)]
    pub not_believed: Vec<String>,
    /// The reason for the verdict, and a remedy, in a sentence.
    pub verdict_reason: String,
    /// Further findings, as sentences.
    #[serde(default)]
    pub findings: Vec<String>,
    /// The first message that came back changed, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub difference: Option<Difference>,
    /// The machine that measured.
    pub machine: Environment,
    /// The command line, without secrets.
    pub command: String,
    /// The URL, without secrets.
    pub target: String,
    /// The start of the measurement window: RFC 3339, UTC, with milliseconds.
    pub started_at: String,
    /// The length of the window.
    pub duration_s: f64,
    /// The planned length of the window; `None` if it was to end after a number of messages.
    pub planned_s: Option<f64>,
    /// Whether the run was interrupted.
    #[serde(default)]
    pub interrupted: bool,
    /// How messages were sent.
    pub load: Load,
    /// Counts of connections.
    pub connections: Connections,
    /// The connect phase.
    pub connecting: Connecting,
    /// Counts of messages.
    pub messages: Messages,
    /// Echoes of messages that were due in the window, divided by its length.
    pub messages_per_second: f64,
    /// Payload bytes of those echoes, divided by the length of the window.
    pub bytes_per_second: f64,
    /// Latency from the intended send time until the echo arrived, in µs.
    pub latency_us: Latency,
    /// Latency from the actual send, in µs, which hides the delay before it (coordinated
    /// omission). In a closed loop it equals `latency_us`, since a message is due when it is sent.
    pub latency_uncorrected_us: Latency,
    /// Errors by reason, with their number.
    pub errors: BTreeMap<EndReason, u64>,
    /// How connections ended that we did not end, with their number.
    pub endings: BTreeMap<EndReason, u64>,
    /// The cost of the load generator.
    pub generator: Generator,
    /// When the load generator was not running.
    pub stalls: Stalls,
    /// The cost of the server, if it was watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<Server>,
    /// Memory per connection, if it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Memory>,
    /// The histograms of the window.
    pub histograms: Histograms,
    /// The window, in intervals.
    pub intervals: Vec<Interval>,
    /// Every lost connection of a hold.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ledger: Vec<Loss>,
    /// The number of runs merged, otherwise 1.
    pub runs: u32,
}

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Messages were sent and timed.
    Bench,
    /// Connections were held and counted.
    Hold,
}

/// How messages were sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Payload bytes of a message.
    pub message_bytes: u64,
    /// Closed loop: messages in flight per connection.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub depth: Option<u32>,
    /// Open loop: messages per second, over all connections.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rate: Option<f64>,
    /// Whether every echo was compared with the message sent.
    pub verified: bool,
    /// The reply timeout, in s: a message without a response by then is lost.
    pub reply_timeout_s: f64,
    /// The share of lost and corrupted messages, 0 to 1, above which a run is LOSSY.
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
    /// The beginning of the message sent, with unprintable bytes escaped; `None` if it is not
    /// known.
    pub sent: Option<String>,
    /// The beginning of the message received, escaped the same way.
    pub received: String,
}

/// The machine that measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The operating system and its version, such as `Linux 6.18.5`.
    pub system: String,
    /// The CPU architecture, such as `x86_64`.
    pub architecture: String,
    /// The CPU model, if the system reports it.
    pub processor: Option<String>,
    /// CPUs that the load generator could use.
    pub cpus: Option<u64>,
    /// Memory of the machine, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Counts of connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Connections to open.
    pub requested: u64,
    /// Connections that were open at some time: connected, upgraded and authenticated.
    pub established: u64,
    /// Connections that never opened.
    pub failed: u64,
    /// Connections that opened, and ended before we ended them.
    pub lost: u64,
}

/// The connect phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connecting {
    /// Time from the first attempt until the last connection was open or had failed, in s.
    pub duration_s: f64,
    /// Connections opened, divided by that time.
    pub per_second: f64,
    /// Time from when a connection was due until it was open, in µs.
    pub latency_us: Latency,
    /// The same, in ns.
    pub histogram: Histogram,
    /// The phases of connecting, in order.
    #[serde(default)]
    pub phases: Vec<ConnectPhase>,
}

/// A phase of connecting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectPhase {
    /// `tcp`, `tls`, `upgrade` or `authentication`.
    pub name: String,
    /// How long it took, in µs.
    pub latency_us: Latency,
    /// The same, in ns.
    pub histogram: Histogram,
}

/// Counts of messages. The window covers the messages that were due in it: each of them is
/// received, perhaps after the window, or lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Messages that were due in the window and were sent.
    pub sent: u64,
    /// Messages that got a response, an echo or a corrupted one.
    pub received: u64,
    /// Messages among them whose response cannot be attributed after a loss: they have no latency.
    #[serde(default)]
    pub untimed: u64,
    /// Messages without a response in time, or before the connection or the run ended.
    pub lost: u64,
    /// Messages that were due in the window and could never be sent.
    #[serde(default)]
    pub unsent: u64,
    /// Echoes that arrived after the reply timeout: their messages count as lost.
    #[serde(default)]
    pub late: u64,
    /// Echoes of messages that had been echoed already.
    pub duplicated: u64,
    /// Echoes that arrived after the echo of a later message.
    pub reordered: u64,
    /// Messages whose response differs from the message sent.
    pub corrupted: u64,
    /// Echoes that arrived as text for binary, or the reverse.
    pub opcode_changed: u64,
    /// Messages that nobody asked for, such as pushes and greetings, since the connections opened.
    #[serde(default)]
    pub unasked: u64,
    /// Echoes that arrived on another connection than their message was sent on.
    #[serde(default)]
    pub misdelivered: u64,
}

/// The cost of the load generator, in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// CPUs kept busy by all processes together: 1 is one core, all of the time.
    pub cpu: f64,
    /// The CPU usage of the busiest process, in cores.
    pub cpu_of_busiest: f64,
    /// Processes that sent messages.
    pub processes: u32,
    /// The longest turn of the event loop, in µs: the most that processing a message may have been
    /// delayed.
    pub turn_us_max: f64,
    /// Messages sent more than 1,000 µs late although their connection would have accepted them.
    pub late_sends: u64,
}

/// The cost of the server, in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// CPUs kept busy: 1 is one core, all of the time.
    pub cpu: f64,
    /// CPU time per message received, in µs.
    pub cpu_us_per_message: f64,
    /// Peak resident memory, in KiB.
    pub rss_kib: u64,
}

/// Memory per connection, in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// User memory of the load generator.
    pub own_user_kib: f64,
    /// Kernel memory of our end or, with the server on this machine, of both ends.
    pub kernel_kib: f64,
    /// Whether `kernel_kib` includes the server's end.
    pub both_ends: bool,
    /// User memory of the server process, if it was watched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_user_kib: Option<f64>,
}

/// The histograms of the same messages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Histograms {
    /// Latency from the intended send time, in ns.
    pub latency: Histogram,
    /// Latency from the actual send, in ns; absent if it is the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uncorrected: Option<Histogram>,
    /// Messages that were lost or never sent: they took longer than the reply timeout.
    #[serde(default)]
    pub beyond: u64,
}

/// An interval of the window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The start, in s after the start of the window.
    pub start_s: f64,
    /// The length, in s.
    pub duration_s: f64,
    /// Connections open at its end.
    pub connections: u64,
    /// Messages sent.
    pub sent: u64,
    /// Echoes received.
    pub received: u64,
    /// Errors.
    pub errors: u64,
    /// CPUs kept busy by the load generator.
    pub cpu: f64,
    /// CPUs kept busy by the server.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_cpu: Option<f64>,
    /// Resident memory of the server, in KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server_rss_kib: Option<u64>,
    /// Resident memory of the load generator, in KiB.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub own_rss_kib: Option<u64>,
    /// Latencies of the echoes received.
    pub histograms: Histograms,
    /// Lateness of the event loop's beats, in ns.
    #[serde(default)]
    pub stalls: Histogram,
}

/// A lost connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Its number, from 0. The connections of several processes are numbered consecutively.
    pub connection: u64,
    /// Who ended it.
    pub by: EndedBy,
    /// How it ended: `close 1001`, `FIN`, `RST`, `silence`, or the rule that was broken.
    pub how: EndReason,
    /// When it ended, in seconds after the first attempt to connect.
    pub at_s: f64,
    /// How long it had been open, in seconds.
    pub after_s: f64,
    /// When it ended, in seconds after the start of the window; `None` if before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub in_window_s: Option<f64>,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndedBy {
    /// The server, by a Close frame or the end of its output.
    Server,
    /// The transport, by a reset or a timeout. The cause may be the server or anything on the path.
    Network,
    /// The load generator, because a rule was broken or the peer fell silent.
    Us,
}

impl Histograms {
    /// Adds the counts of another pair.
    pub fn add(&mut self, other: &Self) {
        if self.uncorrected.is_some() || other.uncorrected.is_some() {
            let own = self.uncorrected.get_or_insert_with(|| self.latency.clone());
            own.add(other.uncorrected());
        }
        self.latency.add(&other.latency);
        self.beyond = self.beyond.saturating_add(other.beyond);
    }

    /// Frees the memory for times that did not occur.
    pub fn pack(&mut self) {
        self.latency.pack();
        if let Some(uncorrected) = &mut self.uncorrected {
            uncorrected.pack();
        }
    }

    /// The figures of [`latency`](Self::latency). Messages beyond the timeout took longer than
    /// `reply_timeout_s`.
    pub fn latency_us(&self, reply_timeout_s: f64) -> Latency {
        self.latency.latency_with(self.beyond, reply_timeout_s * 1e6)
    }

    /// The figures of [`uncorrected`](Self::uncorrected), the same way.
    pub fn uncorrected_us(&self, reply_timeout_s: f64) -> Latency {
        self.uncorrected().latency_with(self.beyond, reply_timeout_s * 1e6)
    }

    /// The time in µs that this share of all messages, 0 to 1, does not exceed; `None` if it lies
    /// beyond the reply timeout, or nothing was recorded.
    pub fn quantile_us(&self, quantile: f64) -> Option<f64> {
        self.latency.quantile_with(self.beyond, quantile)
    }

    /// The latencies from the actual send.
    pub fn uncorrected(&self) -> &Histogram {
        self.uncorrected.as_ref().unwrap_or(&self.latency)
    }
}

impl Outcome {
    /// The verdict with its detail: `VALID to p99`, `CEILING: descriptors`.
    pub fn headline(&self) -> String {
        match (self.verdict, &self.ceiling, self.valid_to) {
            (Verdict::Ceiling, Some(name), _) => format!("{}: {name}", self.verdict),
            (Verdict::Valid, _, Some(percentile)) if percentile < PERCENTILE_MAX => {
                format!("{} to p{percentile}", self.verdict)
            }
            _ => self.verdict.to_string(),
        }
    }

    /// The number of errors: errors by reason, lost connections, and messages that were not echoed
    /// properly. Unasked messages are not errors.
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

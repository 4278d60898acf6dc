//! The workloads.

/// One workload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Workload {
    /// Round trips, as many as possible.
    Load(Load),
    /// Connect, handshake, close.
    Connects { name: &'static str, connections: usize },
    /// Connections that sent one message and are silent since.
    Idle { name: &'static str, connections: usize, bytes: usize },
    /// Quiet clients beside one that floods.
    Fairness { connections: usize },
    /// Clients that send and never read, with quiet ones beside them.
    Slow { connections: usize },
    /// A stop with messages in flight on all connections.
    Drain { connections: usize },
}

/// Messages of one size in a closed loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// Payload of a message.
    pub(crate) bytes: usize,
    pub(crate) connections: usize,
    /// Messages in flight on one connection.
    pub(crate) in_flight: usize,
}

/// Enough to make the server's one-time memory negligible, few enough for the usual limit on
/// descriptors.
const IDLE_CONNECTIONS: usize = 15_000;

/// All workloads, in the order in which they are measured.
pub(crate) const ALL: [Workload; 10] = [
    Workload::Load(Load { name: "W1", bytes: 64, connections: 128, in_flight: 1 }),
    Workload::Load(Load { name: "W2", bytes: 64, connections: 64, in_flight: 32 }),
    Workload::Load(Load { name: "W3", bytes: 16 * 1024, connections: 64, in_flight: 1 }),
    Workload::Load(Load { name: "W4", bytes: 1024 * 1024, connections: 8, in_flight: 1 }),
    Workload::Connects { name: "W5", connections: 10_000 },
    Workload::Idle { name: "W6", connections: IDLE_CONNECTIONS, bytes: 64 },
    Workload::Idle { name: "W7", connections: IDLE_CONNECTIONS, bytes: 64 * 1024 },
    Workload::Fairness { connections: 1_000 },
    Workload::Slow { connections: usize::MAX },
    Workload::Drain { connections: 10_000 },
];

impl Workload {
    /// The short name by which it is chosen.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Load(load) => load.name,
            Self::Connects { name, .. } | Self::Idle { name, .. } => name,
            Self::Fairness { .. } => "FAIR",
            Self::Slow { .. } => "SLOW",
            Self::Drain { .. } => "DRAIN",
        }
    }

    /// Whether it is measured only on request: it is about misbehaving peers or a stop, and may use
    /// every descriptor of this process.
    pub(crate) fn is_special(&self) -> bool {
        matches!(self, Self::Fairness { .. } | Self::Slow { .. } | Self::Drain { .. })
    }

    /// A description of the workload.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Load(Load { bytes, connections, in_flight, .. }) => {
                format!("{} × {connections} connections × {in_flight} in flight", size(*bytes))
            }
            Self::Connects { .. } => "connect, shake hands, close".into(),
            Self::Idle { bytes, .. } => format!("idle after one message of {}", size(*bytes)),
            Self::Fairness { connections } => {
                format!("{connections} clients with a message a second each, beside a flooder")
            }
            Self::Slow { .. } => "clients that send and never read".into(),
            Self::Drain { connections } => {
                format!("a stop with {connections} connections and messages in flight")
            }
        }
    }

    /// The unit of its main figure.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Load(_) => "µs/message",
            Self::Connects { .. } => "µs/connection",
            Self::Idle { .. } | Self::Slow { .. } => "B/connection",
            Self::Fairness { .. } => "× p99 alone",
            Self::Drain { .. } => "answers lost",
        }
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

//! What a run is to do.

use super::sources::Sources;
use std::time::Duration;

/// See the [module documentation](self).
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections of this process.
    pub connections: u32,
    /// The number, in the whole run, of this process's first connection.
    pub first_connection: u32,
    /// Connections that are begun in a second; as many as go if `None`.
    pub connect_rate: Option<f64>,
    /// Connections that are being made at once.
    pub connects_at_once: u32,
    /// Where connections come from; the system chooses if `None`.
    pub sources: Option<Sources>,
    /// What messages are.
    pub content: Content,
    /// When they are sent.
    pub pace: Pace,
    /// Whether every echo is compared with what was sent. Otherwise any message answers the oldest.
    pub verify: bool,
    /// Between the last connection and the window.
    pub warm_up: Duration,
    /// How long the window is.
    pub end: WindowEnd,
    /// How long a connection may take to open, and then to authenticate.
    pub connect_timeout: Duration,
    /// How long an echo is waited for: until then a message is on its way, afterwards it is lost.
    pub reply_timeout: Duration,
    /// Whether a connection whose message is lost is lost itself, and each one lost is written down.
    pub keeps_ledger: bool,
    /// How long the pieces are in which the window is recorded.
    pub interval: Duration,
}

/// What messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// So many bytes, stamped.
    Stamped {
        /// Bytes of the payload, at least 1.
        bytes: usize,
        /// As binary messages, not text.
        binary: bool,
    },
    /// This text, all of them.
    Text(String),
}

/// When messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// A closed loop: each connection has so many messages on their way, and sends the next when an echo
    /// comes.
    Closed {
        /// Messages on their way, at least 1.
        depth: u32,
    },
    /// An open loop: messages are sent when they are due, whatever came back.
    Open {
        /// Messages that are due in a second, by all connections of this process together.
        rate: f64,
    },
}

/// When a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// After this time.
    Time(Duration),
    /// After so many messages of this process, and their echoes.
    Messages(u64),
}

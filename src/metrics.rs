//! The counters of a reactor.

use crate::proto::End;
use std::collections::HashMap;

/// Totals since the reactor started. Every connection is counted once in `opened` and once in
/// `ended`.
#[derive(Debug, Default, Clone)]
pub struct Metrics {
    /// Connections accepted or made.
    pub opened: u64,
    /// Connections that ended, by reason.
    pub ended: HashMap<End, u64>,
    /// Clients accepted and closed at once because there was no room for them.
    pub shed: u64,
    /// Accepts that failed because the client had already closed.
    pub accepts_aborted: u64,
    /// Times that accepting paused for lack of descriptors or memory, or at the connection limit.
    pub accepts_paused: u64,
    /// Events for connections that had already ended.
    pub stale_events: u64,
    /// Complete messages received by connections that have ended.
    pub messages: u64,
    /// Bytes received from peers.
    pub bytes_received: u64,
    /// Bytes sent to peers.
    pub bytes_sent: u64,
}

impl Metrics {
    /// The number of connections that ended, for any reason.
    pub fn ended_total(&self) -> u64 {
        self.ended.values().sum()
    }
}

//! What a reactor counts.

use crate::proto::End;
use std::collections::HashMap;

/// Totals since the reactor began. Every connection is counted in `opened` once, and once in `ended`.
#[derive(Debug, Default, Clone)]
pub struct Metrics {
    /// Connections that were accepted or made.
    pub opened: u64,
    /// Connections that ended, by reason.
    pub ended: HashMap<End, u64>,
    /// Clients turned away unserved because there was no room for them.
    pub shed: u64,
    /// Accepts that failed because the client was gone already.
    pub accepts_aborted: u64,
    /// Times that accepting had to wait: for descriptors, memory or the connection limit.
    pub accepts_paused: u64,
    /// Events for connections that had ended already.
    pub stale_events: u64,
    /// Whole messages received by connections that have ended.
    pub messages: u64,
    /// Bytes received from peers.
    pub bytes_received: u64,
    /// Bytes sent to peers.
    pub bytes_sent: u64,
}

impl Metrics {
    /// All connections that ended, whatever the reason.
    pub fn ended_total(&self) -> u64 {
        self.ended.values().sum()
    }
}

//! All limits of the server in one place, each with its unit, default and reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Size of a reactor's receive buffer in bytes: 256 KiB. With 16 KiB, a message of 16 KiB would
/// cost two more system calls. With 512 KiB, a message of 1 MiB would be 10 % cheaper, but a
/// streamed message could occupy more than 1 MiB.
pub const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;

/// Bytes that a connection may read per turn while a connection with less input is waiting: 64 KiB.
/// The other one then waits a quarter as long as for a full buffer. If all connections have much
/// input, this limit would only cost system calls: a fifth of the cost of a message of 1 MiB.
pub const SHARED_TURN_BYTES: usize = 64 * 1024;

/// Memory that the current connection may use even if [`Limits::memory_bytes_max`] is reached, in
/// bytes: 4 MiB. Like the receive buffer, it exists once, whatever the number of connections. It is
/// twice the output of one batch including its last message, so that only large messages can run
/// out of memory.
pub const BATCH_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of an unfinished message that count as activity: 64 KiB. A smaller amount must not count,
/// or one byte before each deadline would keep a connection open forever.
pub const PROGRESS_BYTES: u64 = 64 * 1024;

/// Connections accepted per turn from all listeners together. 64: enough that accepting is never
/// the bottleneck, few enough that a burst of new connections does not delay the existing ones.
pub const ACCEPTS_PER_TURN: usize = 64;

/// Delay before a listener retries after it found no descriptor for a new connection, unless a
/// connection closes earlier: 20 ms. Service then resumes within 50 ms, whatever freed the
/// descriptor, at negligible load.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Length of the accept queue. 4096, the default maximum of Linux (`somaxconn`).
pub const BACKLOG: u32 = 4096;

/// Valid limits on the head of an upgrade request, in bytes: from 1 KiB, enough for every browser,
/// to 64 KiB, a quarter of the receive buffer. A head must be complete before it is parsed, so a
/// connection owns that much until then; it counts toward its share of
/// [`Limits::memory_bytes_max`]. Default 8 KiB
/// ([`HEAD_BYTES_MAX`](crate::proto::http::HEAD_BYTES_MAX)).
pub const HEAD_BYTES_RANGE: RangeInclusive<usize> = 1024..=64 * 1024;

/// Descriptors that are not available for connections: standard streams, poll, signals, listeners,
/// reserve.
pub const DESCRIPTORS_RESERVED: u64 = 32;

/// How long a server that has sent Close waits for the peer's Close before it shuts down its
/// output: 1 s. That is several round trips on a slow link, and short for a peer that ignores the
/// closing handshake and waits for the end of input. At most half of the close timeout, so that the
/// other half remains for the peer to end its output.
pub const CLOSE_ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How long data may stay unacknowledged, or a peer's window closed, before the kernel drops the
/// connection (`TCP_USER_TIMEOUT`), in the internet profile. 30 s: longer than any network outage
/// worth waiting for. Without it, the kernel retries for a quarter of an hour.
pub const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be silent before the kernel sends keepalive probes, in the internet
/// profile. 60 s: NAT devices forget a silent connection after some minutes, and a peer that lost
/// power holds a connection hardly longer than this.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// Interval between keepalive probes: 10 s, the minimum for a bad mobile link.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Number of keepalive probes: 3, so that one or two lost packets do not end a connection. If
/// [`USER_TIMEOUT`] is set too, Linux drops the connection at the first unacknowledged probe after
/// that timeout (tcp(7)).
pub const KEEPALIVE_PROBES: u32 = 3;

/// Random early drop of new connections, as OpenSSH's `MaxStartups`. During a flood of clients that
/// connect and then send nothing, some of the other clients still get in; a hard limit would lock
/// all of them out.
///
/// A connection counts as *entering* from its accept until its opening handshake and authentication
/// are complete, or it has closed. Connections without either (TCP and line framing without a key)
/// are neither counted nor dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyDrop {
    /// Below this number of entering connections, none is dropped.
    pub start: usize,
    /// The drop rate in percent at `start`; it grows linearly to 100 % at `full`.
    pub percent: u32,
    /// From this number of entering connections, all new ones are dropped.
    pub full: usize,
}

impl EarlyDrop {
    /// The drop rate for new connections in percent, while `entering` connections are entering.
    pub fn percent_at(&self, entering: usize) -> u32 {
        if entering < self.start {
            return 0;
        }
        if entering >= self.full {
            return 100;
        }
        let rest = u64::from(100 - self.percent);
        let grown = rest * (entering - self.start) as u64 / (self.full - self.start) as u64;
        self.percent + grown as u32
    }
}

/// When `start` and `full` of early drop are given as shares of the connection limit, `start` is at
/// least this number and `full` at least twice this number: 100. Fewer connections are not a flood,
/// however low the limit.
pub const EARLY_DROP_START_MIN: usize = 100;

/// A reactor's limits for its peers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of connections. By default, the command line sets it to the descriptor limit
    /// minus [`DESCRIPTORS_RESERVED`].
    pub connections_max: usize,
    /// Maximum number of connections from one IPv4 address or one IPv6 /64 network. Default none:
    /// behind a proxy, all peers share one address.
    pub connections_per_address_max: Option<u32>,
    /// Random early drop while too many connections are unauthenticated. Default none.
    pub early_drop: Option<EarlyDrop>,
    /// Bytes that all connections together may own: partially received messages and unsent output,
    /// including those in TLS. Default 256 MiB. Above three quarters, the connection that owns the
    /// most is ended. The last quarter is reserved for the current message, its decompression and
    /// its output; if that is not enough, the connection is ended.
    pub memory_bytes_max: usize,
    /// Time from the connect to the end of the opening handshake, whatever arrives meanwhile.
    /// Default 10 s: long for any client, short for a client that holds a connection open by
    /// sending a byte now and then.
    pub handshake_timeout: Duration,
    /// Time from the challenge to the complete response, whatever arrives meanwhile. Default 10 s,
    /// for the same reason.
    pub auth_timeout: Duration,
    /// Time without a complete message or [`PROGRESS_BYTES`] more of one. Default none: an idle
    /// connection costs almost nothing.
    pub idle_timeout: Option<Duration>,
    /// Time without any pending output accepted by the kernel. Default 5 min: a peer that has not
    /// read for that long is not going to, and it occupies our memory and the kernel's. The kernel
    /// accepts output in steps of a third of its send buffer, so a shorter timeout would also end
    /// slow readers.
    pub write_timeout: Duration,
    /// Time from our Close or the end of our output to the end of the connection, including
    /// [`CLOSE_ANSWER_WAIT`]. Default 5 s, then the connection is dropped.
    pub close_timeout: Duration,
    /// Time from the request to stop to the end of the process. Default 10 s.
    pub drain_timeout: Duration,
    /// Silence after which a WebSocket is pinged; after the same time again, the connection is
    /// dropped. Default none.
    pub ping_interval: Option<Duration>,
}

impl Limits {
    /// Bytes that connections may own between drives: three quarters of
    /// [`memory_bytes_max`](Self::memory_bytes_max).
    pub fn held_bytes_max(&self) -> usize {
        self.memory_bytes_max - self.memory_bytes_max / 4
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024 - DESCRIPTORS_RESERVED as usize,
            connections_per_address_max: None,
            early_drop: None,
            memory_bytes_max: 256 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(10),
            idle_timeout: None,
            write_timeout: Duration::from_secs(300),
            close_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
            ping_interval: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_rate_grows_linearly() {
        let early_drop = EarlyDrop { start: 10, percent: 30, full: 20 };
        let rates: Vec<u32> = (8..22).map(|entering| early_drop.percent_at(entering)).collect();
        assert_eq!(rates, [0, 0, 30, 37, 44, 51, 58, 65, 72, 79, 86, 93, 100, 100]);
        let sudden = EarlyDrop { start: 10, percent: 0, full: 10 };
        assert_eq!((sudden.percent_at(9), sudden.percent_at(10)), (0, 100));
        let certain = EarlyDrop { start: 0, percent: 100, full: usize::MAX };
        assert_eq!(certain.percent_at(0), 100);
    }
}

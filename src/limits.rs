//! Every bound the server keeps, in one place: unit, default, reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Bytes of the one receive buffer of a reactor. 256 KiB: with 16 KiB a 16 KiB message costs two system
/// calls more. With 512 KiB a message of 1 MiB would be a tenth cheaper, and what passes through could hold
/// more than 1 MiB.
pub const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;

/// Bytes that a connection may read in one turn while one that has less to say waits behind it: 64 KiB. That
/// holds the other up by a quarter of what the whole buffer would. Among connections that all have much to say it would
/// only cost system calls, a fifth of the price of a message of 1 MiB.
pub const SHARED_TURN_BYTES: usize = 64 * 1024;

/// What the connection at hand may need of memory even when [`Limits::memory_bytes_max`] is reached: 4 MiB. Like the
/// buffer it is there once, whatever the number of connections. It is twice what the output of one batch
/// comes to with its last message, so that only large messages can meet with a want of memory.
pub const BATCH_MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// How much more of an unfinished message counts as activity: 64 KiB. Less must not, or one byte before each
/// deadline would keep a connection for ever.
pub const PROGRESS_BYTES: u64 = 64 * 1024;

/// Connections accepted in one turn from all listeners together. 64: enough that accepting is never the
/// bottleneck, few enough that a storm of connects does not make the connected ones wait.
pub const ACCEPTS_PER_TURN: usize = 64;

/// How long a listener that found no descriptor for a new connection waits, unless one closes earlier:
/// 20 ms, so that service resumes within 50 ms whatever freed the descriptor, at no load to speak of.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Connections that may wait to be accepted. 4096, what Linux allows by default (`somaxconn`).
pub const BACKLOG: u32 = 4096;

/// How long a limit on the head of an upgrade request may be, in bytes: 1 KiB, which holds what every browser
/// sends, to 64 KiB, which is a quarter of the receive buffer. A head must be whole before it is looked at, so
/// until then a connection owns as much; that counts toward its share of [`Limits::memory_bytes_max`]. Default
/// 8 KiB ([`HEAD_BYTES_MAX`](crate::proto::http::HEAD_BYTES_MAX)).
pub const HEAD_BYTES_RANGE: RangeInclusive<usize> = 1024..=64 * 1024;

/// Descriptors that are not for connections: standard streams, poll, signals, listeners, reserve.
pub const DESCRIPTORS_RESERVED: u64 = 32;

/// How long a server that said Close waits for the peer's before it ends its output: 1 s, several round trips
/// of a slow line, and short for a peer that does not know closing handshakes and waits for the end. No more
/// than half the close timeout, so that the other half is left for the peer's end.
pub const CLOSE_ANSWER_WAIT: Duration = Duration::from_secs(1);
/// How long data may stay unacknowledged, or a peer that acknowledges may offer no room for more, until the
/// kernel gives a connection up (`TCP_USER_TIMEOUT`), in the internet profile. 30 s: longer than any path is
/// disturbed that is worth waiting for, and without it the kernel goes on for a quarter of an hour.
pub const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may be silent until the kernel asks whether the peer is still there, in the internet
/// profile. 60 s: addresses are translated on the way by devices that forget a silent connection after some
/// minutes, and a peer that lost its power holds a connection no longer than this.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);

/// How long the kernel waits before it asks again: 10 s, as little as a bad mobile link needs.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How often the kernel asks: 3 times, so that one or two lost packets end nothing. Where [`USER_TIMEOUT`]
/// is set too, Linux gives up at the first that stays unanswered once that has passed (tcp(7)).
pub const KEEPALIVE_PROBES: u32 = 3;

/// When connections are dropped by chance. A flood of clients that connect and then say nothing leaves some
/// room for the others so, where a hard limit would lock them all out. OpenSSH's `MaxStartups`.
///
/// A connection that is entering counts from when it is accepted until its opening handshake and authentication are done, or
/// it is gone. Those that have neither, bare TCP and lines without a key, are not counted and not dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyDrop {
    /// Below so many, none is dropped.
    pub start: usize,
    /// How many of a hundred are dropped at `start`; from there it grows evenly up to all at `full`.
    pub percent: u32,
    /// From so many, all are dropped.
    pub full: usize,
}

impl EarlyDrop {
    /// How many of a hundred new connections are dropped while so many are entering.
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

/// The least number of connections that a percentage stands for as the start of early drops, and half of what
/// it stands for as their end: 100. Fewer are no flood, however few there is room for.
pub const EARLY_DROP_START_MIN: usize = 100;

/// What a reactor allows its peers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once. The command line sets it to what the process can really hold.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64 network. Default none: behind a proxy all
    /// peers have one address.
    pub connections_per_address_max: Option<u32>,
    /// When connections are dropped by chance because too many have not been let in yet. Default never.
    pub early_drop: Option<EarlyDrop>,
    /// Bytes that all connections together may own: half-received messages and unsent answers, in TLS too.
    /// Default 256 MiB. When three quarters are passed, the connection that owns most is ended. The last quarter
    /// is for the message at hand, decompressed and answered; one that needs more than is left ends its
    /// connection.
    pub memory_bytes_max: usize,
    /// From the connect to the end of the opening handshake, whatever arrives meanwhile. Default 10 s:
    /// long for any client, short for who holds a connection open with a byte now and then.
    pub handshake_timeout: Duration,
    /// From the challenge to the whole answer, whatever arrives meanwhile. Default 10 s, as above.
    pub auth_timeout: Duration,
    /// Without a complete message, or [`PROGRESS_BYTES`] more of one. Default none: an idle connection costs next to
    /// nothing.
    pub idle_timeout: Option<Duration>,
    /// Without a byte taken of answers that wait to be sent. Default 5 min: a peer that has not read for so
    /// long will not, and holds our memory and the kernel's. It is the kernel that takes, in steps of a third
    /// of its send buffer, so a shorter time would end slow readers too.
    pub write_timeout: Duration,
    /// From our last words to the end, with [`CLOSE_ANSWER_WAIT`] in it. Default 5 s, then the connection is
    /// dropped.
    pub close_timeout: Duration,
    /// From the request to stop to the end of the process. Default 10 s.
    pub drain_timeout: Duration,
    /// How long a WebSocket may be silent until it is pinged, and again until it is given up. Default none.
    pub ping_interval: Option<Duration>,
}

impl Limits {
    /// Bytes that connections may own while none of them is served: three quarters of
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
    fn the_chance_to_be_dropped_grows_evenly() {
        let early_drop = EarlyDrop { start: 10, percent: 30, full: 20 };
        let chances: Vec<u32> = (8..22).map(|entering| early_drop.percent_at(entering)).collect();
        assert_eq!(chances, [0, 0, 30, 37, 44, 51, 58, 65, 72, 79, 86, 93, 100, 100]);
        let sudden = EarlyDrop { start: 10, percent: 0, full: 10 };
        assert_eq!((sudden.percent_at(9), sudden.percent_at(10)), (0, 100));
        let certain = EarlyDrop { start: 0, percent: 100, full: usize::MAX };
        assert_eq!(certain.percent_at(0), 100);
    }
}

//! Every bound the server keeps, in one place: unit, default, reason.

use std::time::Duration;

/// Bytes of the one receive buffer of a reactor. 512 KiB: with 16 KiB a 16 KiB message costs two system
/// calls more, and a message of 1 MiB is a tenth cheaper than with 256 KiB. Only what was read into is
/// memory in use.
pub const RECEIVE_BUFFER_BYTES: usize = 512 * 1024;

/// Connections accepted from one listener in one turn. 64: enough that accepting is never the bottleneck,
/// few enough that a storm of connects does not make the connected ones wait.
pub const ACCEPTS_PER_TURN: usize = 64;

/// How long a listener that found no descriptor for a new connection waits, unless one closes earlier:
/// 20 ms, so that service resumes within 50 ms whatever freed the descriptor, at no load to speak of.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Descriptors that are not for connections: standard streams, poll, signals, listeners, reserve.
pub const DESCRIPTORS_RESERVED: u64 = 32;

/// How long a server that said Close waits for the peer's before it ends its output: 1 s, several round trips
/// of a slow line, and short for a peer that does not know closing handshakes and waits for the end. No more
/// than half the close timeout, so that the other half is left for the peer's end.
pub const CLOSE_ANSWER_WAIT: Duration = Duration::from_secs(1);

/// What a reactor allows its peers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once. The command line sets it to what the process can really hold.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64 network. Default none: behind a proxy all
    /// peers have one address.
    pub connections_per_address_max: Option<u32>,
    /// Heap bytes that all connections together may own: half-received messages and unsent answers.
    /// Default 256 MiB. When it is passed, the connection that owns most is ended.
    pub memory_bytes_max: usize,
    /// From the connect to the end of the opening handshake, whatever arrives meanwhile. Default 10 s:
    /// long for any client, short for who holds a connection open with a byte now and then.
    pub handshake_timeout: Duration,
    /// From the challenge to the whole answer, whatever arrives meanwhile. Default 10 s, as above.
    pub auth_timeout: Duration,
    /// Without any message. Default none: an idle connection costs next to nothing.
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

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024 - DESCRIPTORS_RESERVED as usize,
            connections_per_address_max: None,
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

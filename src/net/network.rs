//! What a reactor needs from the operating system. [`System`](super::System) is the real
//! implementation.

use super::Endpoint;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Readiness, connections and time.
pub trait Network {
    /// A source of incoming connections.
    type Listener;
    /// One connection's transport.
    type Stream: Stream;

    /// Waits for readiness, for at most `timeout`, and passes each change to `report`.
    ///
    /// Readiness is edge-triggered: a reported state is not reported again until it has changed.
    /// Reports may be spurious or stale.
    ///
    /// # Errors
    /// Only when the loop cannot continue. An interrupted wait is a wait without reports.
    fn poll(
        &mut self,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(Readiness),
    ) -> io::Result<()>;

    /// Registers a listener for readiness.
    ///
    /// # Errors
    /// The error of the operating system.
    fn register_listener(&mut self, listener: &mut Self::Listener, token: Token) -> io::Result<()>;

    /// Registers a stream, once and for both directions.
    ///
    /// # Errors
    /// The error of the operating system.
    fn register(&mut self, stream: &mut Self::Stream, token: Token) -> io::Result<()>;

    /// Accepts one waiting connection.
    ///
    /// # Errors
    /// `WouldBlock` when none is waiting; all that accept(2) lists.
    fn accept(&mut self, listener: &mut Self::Listener) -> io::Result<(Self::Stream, Peer)>;

    /// Accepts one waiting connection and closes it, even when no descriptor is left.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    fn shed(&mut self, listener: &mut Self::Listener) -> io::Result<()>;

    /// Begins a connection. It may still fail later: then the first write returns the error.
    ///
    /// # Errors
    /// The error of the operating system.
    fn connect(&mut self, endpoint: &Endpoint) -> io::Result<(Self::Stream, Peer)>;

    /// Monotonic time since some fixed moment.
    fn now(&mut self) -> Duration;

    /// Makes waits end on time, as a load generator needs it, and records when they end. With
    /// `spins` no wait sleeps: the poll returns at once, and uses a whole CPU. This costs two clock
    /// reads for each wait, and a system call for each wait that must end at another time than the
    /// last.
    ///
    /// # Errors
    /// The error of the operating system.
    fn keep_pace(&mut self, _spins: bool) -> io::Result<()> {
        Ok(())
    }

    /// When the last wait ended, by [`now`](Self::now)'s clock; the current time, unless the
    /// network [keeps pace](Self::keep_pace).
    fn awake_since(&mut self) -> Duration {
        self.now()
    }

    /// Sets the source address of later TCP connections; `None` leaves the choice to the system.
    ///
    /// One address has as many connections to one endpoint as there are ports in
    /// `ip_local_port_range`; more addresses have more, and on Linux all of 127.0.0.0/8 is local.
    /// Connecting fails if the address is not local, or not of the endpoint's family.
    fn connect_from(&mut self, _source: Option<IpAddr>) {}

    /// Returns freed memory to the system, as far as possible. Called when a large number of
    /// connections has closed.
    fn trim_memory(&mut self) {}
}

/// A non-blocking byte stream. Dropping it closes it.
pub trait Stream {
    /// Reads available input; 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when no input is available; all that read(2) lists. `InvalidData` with a
    /// [`TlsFailure`](crate::proto::TlsFailure) when the peer broke the transport's own rules:
    /// after that, only call [`shutdown_write`](Self::shutdown_write), and read to the end; the
    /// reads return no data.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes from the parts, in order. Returns the number of bytes written.
    ///
    /// # Errors
    /// `WouldBlock` when nothing can be written; all that write(2) lists.
    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize>;

    /// Ends our output.
    ///
    /// # Errors
    /// All that shutdown(2) lists.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Whether [`shutdown_write`](Self::shutdown_write) still has to send a closing message of the
    /// transport's own, without which the peer would take our end for a truncation.
    fn owes_close_notify(&self) -> bool {
        false
    }

    /// Whether the transport is ready to carry a session. Until then reads advance its handshake,
    /// and return no data.
    fn is_established(&self) -> bool {
        true
    }

    /// Whether input may be waiting although the last read was short: a stream that decrypts cannot
    /// fill every buffer.
    fn may_hold_input(&self) -> bool {
        false
    }

    /// Whether a record of the transport's own is incomplete: the peer is still sending it.
    fn is_inside_record(&self) -> bool {
        false
    }

    /// An upper bound of the memory that the transport holds for input that was not read yet; 0 if
    /// there is none.
    fn held_bytes(&self) -> usize {
        0
    }

    /// An upper bound of the bytes that were accepted by a write and have not been sent; 0 if there
    /// are none.
    fn unsent_bytes_max(&self) -> usize {
        0
    }

    /// Sends what earlier writes have left in the transport.
    ///
    /// # Errors
    /// `WouldBlock` when not all of it can be sent; all that write(2) lists.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The subject of a report: a connection (slot and generation), a listener, or a source of the
/// caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub u64);

impl Token {
    const LISTENER: u64 = 1 << 63;
    const EXTERNAL: u64 = 1 << 62;
    /// The token of the network's own event sources, which are never reported.
    pub(super) const INTERNAL: Self = Self(Self::EXTERNAL | u32::MAX as u64);
    /// Generations are compared in 30 bits: a stale event would have to be a billion connections
    /// old.
    const GENERATION_MASK: u64 = (1 << 30) - 1;

    /// A connection's token.
    pub fn connection(index: u32, generation: u64) -> Self {
        Self((generation & Self::GENERATION_MASK) << 32 | u64::from(index))
    }

    /// A listener's token.
    pub fn listener(index: usize) -> Self {
        Self(Self::LISTENER | index as u64)
    }

    /// A token for a source that the caller registers, such as signals; `number` must be below 32.
    pub fn external(number: u32) -> Self {
        Self(Self::EXTERNAL | u64::from(number))
    }

    /// The subject of this token.
    pub fn subject(self) -> Subject {
        if self.0 & Self::LISTENER != 0 {
            return Subject::Listener((self.0 & !Self::LISTENER) as usize);
        }
        if self.0 & Self::EXTERNAL != 0 {
            return Subject::External((self.0 & !Self::EXTERNAL) as u32);
        }
        Subject::Connection { index: self.0 as u32 }
    }
}

/// See [`Token::subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A connection in this slot, if its token is still the same.
    Connection {
        /// The slot.
        index: u32,
    },
    /// The listener with this index.
    Listener(usize),
    /// A source of the caller's, with this number.
    External(u32),
}

/// A change of readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The subject of the change.
    pub token: Token,
    /// A read may not block.
    pub readable: bool,
    /// A write may not block.
    pub writable: bool,
    /// The peer has ended its output, or the stream is broken: the end of input follows the data.
    pub read_closed: bool,
    /// The input contains an urgent mark (`MSG_OOB`). A read stops there, whatever follows the
    /// mark.
    pub urgent: bool,
}

/// The address of the peer, in 18 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// IPv4 addresses are mapped (RFC 4291 §2.5.5.2).
    address: [u8; 16],
    /// 0, which no connection comes from, means a Unix socket.
    port: u16,
}

impl Peer {
    /// The peer of a Unix socket, which has no name.
    pub const UNIX: Self = Self { address: [0; 16], port: 0 };

    /// The key of a limit per address: the IPv4 address, or the IPv6 /64 network, since that is
    /// what one customer has. `None` for Unix sockets.
    pub fn network(&self) -> Option<[u8; 16]> {
        let mut network = self.address;
        if Ipv6Addr::from(self.address).to_canonical().is_ipv6() {
            network[8..].fill(0);
        }
        self.is_ip().then_some(network)
    }

    fn is_ip(&self) -> bool {
        self.port != 0
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        let mapped = match address.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        Self { address: mapped.octets(), port: address.port() }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_ip() {
            return formatter.write_str("unix");
        }
        SocketAddr::new(Ipv6Addr::from(self.address).to_canonical(), self.port).fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_printed_as_its_address_and_counted_by_its_network() {
        let peer = |text: &str| Peer::from(text.parse::<SocketAddr>().unwrap());
        for text in ["127.0.0.1:9527", "[::1]:9527", "[2001:db8::1]:1"] {
            assert_eq!(peer(text).to_string(), text);
        }
        assert_eq!(peer("[2001:db8::1]:1").network(), peer("[2001:db8::2]:2").network());
        assert_ne!(peer("192.0.2.1:1").network(), peer("192.0.2.2:1").network());
        assert_eq!(Peer::UNIX.network(), None);
    }

    #[test]
    fn a_token_identifies_its_subject() {
        let token = Token::connection(u32::MAX, u64::MAX);
        assert_eq!(token.subject(), Subject::Connection { index: u32::MAX });
        assert_eq!(Token::listener(3).subject(), Subject::Listener(3));
        assert_eq!(Token::external(2).subject(), Subject::External(2));
        assert_ne!(Token::connection(1, 1), Token::connection(1, 2));
    }
}

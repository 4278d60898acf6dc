//! What is to be held: how many connections, between which ends, by how many processes.

use crate::net::Endpoint;
use std::net::{IpAddr, SocketAddr};

/// Bytes of kernel memory for one end of an idle TCP connection: 4,200, of which the socket is 2,520, its inode
/// 864, file and directory entry 390, place in epoll 190. Measured with a million of them; what `/proc` adds is
/// taken back when memory is short. A Unix socket takes less.
const KERNEL_BYTES_PER_END: u64 = 4_200;

/// Bytes of its own memory that a server has for an idle connection: 132, measured with a million.
const SERVER_BYTES: u64 = 132;

/// Bytes of its own memory that a client has: 224, measured by `halloo hold` with 300,000 in 16 processes.
const CLIENT_BYTES: u64 = 224;

/// Bytes of an end's own memory that TLS adds: 12 KiB, measured with idle connections of rustls.
const TLS_BYTES_PER_END: u64 = 12 * 1024;

/// What the kernel takes for a byte that waits in a buffer: 2, since it counts whole packets and their headers.
const KERNEL_BYTES_PER_UNREAD: u64 = 2;

/// What remedies are for when no number of connections was asked for: a million.
const A_MILLION: u64 = 1_000_000;

/// Connections as they are to be held, all idle but for what is unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many connections are wanted; `None` is as many as can be.
    pub connections: Option<u64>,
    /// Processes that share the work at each end, at least 1.
    pub processes: u64,
    /// Addresses that connections come from, at least 1.
    pub sources: u64,
    /// Addresses with ports that they go to, at least 1.
    pub targets: u64,
    /// Where the server is.
    pub place: Place,
    /// Whether each end encrypts.
    pub tls: bool,
    /// Bytes that wait in the kernel's buffers at each end of every connection, at the same time. 0 if they are
    /// idle.
    pub unread_bytes: u64,
}

/// Where the server is, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket, so on this machine, and without ports.
    Unix,
    /// On this machine, which has all of 127.0.0.0/8.
    Loopback4,
    /// On this machine, which has only ::1.
    Loopback6,
    /// On another machine, or on this one by an address of a network.
    Elsewhere,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            connections: None,
            processes: 1,
            sources: 1,
            targets: 1,
            place: Place::Elsewhere,
            tls: false,
            unread_bytes: 0,
        }
    }
}

impl Plan {
    /// The ends of a connection that are on this machine: 1 or 2.
    pub fn ends(&self) -> u64 {
        if self.place == Place::Elsewhere { 1 } else { 2 }
    }

    /// What a connection takes of this machine's memory, in bytes.
    pub fn bytes_per_connection(&self) -> u64 {
        let own = if self.ends() == 2 { CLIENT_BYTES + SERVER_BYTES } else { CLIENT_BYTES };
        let tls = if self.tls { TLS_BYTES_PER_END } else { 0 };
        own + self.ends() * (KERNEL_BYTES_PER_END + tls).saturating_add(self.unread_kernel_bytes())
    }

    /// What the kernel takes for the bytes that wait at one end.
    pub(crate) fn unread_kernel_bytes(&self) -> u64 {
        self.unread_bytes.saturating_mul(KERNEL_BYTES_PER_UNREAD)
    }

    /// How many connections the remedy of a limit that allows so many is for: more than these.
    pub(crate) fn goal(&self, allowed: u64) -> u64 {
        let wanted = self.connections.filter(|&wanted| wanted > allowed);
        wanted.unwrap_or_else(|| A_MILLION.max(allowed.saturating_mul(2)))
    }
}

impl From<&Endpoint> for Place {
    fn from(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Unix(_) => Self::Unix,
            Endpoint::Tcp(address) | Endpoint::Tls(address, _) => address.into(),
        }
    }
}

impl From<&SocketAddr> for Place {
    fn from(address: &SocketAddr) -> Self {
        match address.ip().to_canonical() {
            // To connect to the unspecified address is to connect to this machine.
            ip if !ip.is_loopback() && !ip.is_unspecified() => Self::Elsewhere,
            IpAddr::V4(_) => Self::Loopback4,
            IpAddr::V6(_) => Self::Loopback6,
        }
    }
}

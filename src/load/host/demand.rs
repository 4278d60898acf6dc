//! The demand on this machine: how many connections, between which ends, by how many processes.

use crate::net::Endpoint;
use std::net::{IpAddr, SocketAddr};

/// Bytes of kernel memory for one end of an idle TCP connection: 4,200, of which the socket takes
/// 2,520, its inode 864, file and directory entry 390, and its epoll entry 190. Measured with a
/// million connections; what reading `/proc` adds is reclaimed when memory is short. A Unix socket
/// takes less.
const KERNEL_BYTES_PER_END: u64 = 4_200;

/// Bytes of user memory that a server needs per idle connection: 132, measured with a million
/// connections.
const SERVER_BYTES: u64 = 132;

/// Bytes of user memory that a client needs per connection: 224, measured with `halloo hold` and
/// 300,000 connections in 16 processes.
const CLIENT_BYTES: u64 = 224;

/// Bytes of user memory that TLS adds per end: 12 KiB, measured with idle connections of rustls.
const TLS_BYTES_PER_END: u64 = 12 * 1024;

/// Bytes of kernel memory per unread byte in a buffer: 2, since the kernel counts whole packets
/// with their headers.
const KERNEL_BYTES_PER_UNREAD: u64 = 2;

/// The number of connections that remedies aim for if none was requested: a million.
const DEFAULT_GOAL: u64 = 1_000_000;

/// The connections to hold. All are idle except for their unread data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Connections to hold; `None` for as many as possible.
    pub connections: Option<u64>,
    /// Processes that share the connections at each end, at least 1.
    pub processes: u64,
    /// Source addresses, at least 1.
    pub sources: u64,
    /// Target addresses with ports, at least 1.
    pub targets: u64,
    /// Where the server is.
    pub place: Place,
    /// Whether the connections use TLS.
    pub tls: bool,
    /// Unread bytes in the kernel's buffers at each end of every connection, all at the same time.
    /// 0 for idle connections.
    pub unread_bytes: u64,
}

/// Where the server is, seen from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket: on this machine, without ports.
    Unix,
    /// The IPv4 loopback of this machine: all of 127.0.0.0/8.
    Loopback4,
    /// The IPv6 loopback of this machine: ::1 only.
    Loopback6,
    /// On another machine, or on this one under a network address.
    Elsewhere,
}

impl Default for Demand {
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

impl Demand {
    /// How many ends of each connection are on this machine: 1 or 2.
    pub fn ends(&self) -> u64 {
        if self.place == Place::Elsewhere { 1 } else { 2 }
    }

    /// Memory of this machine per connection, in bytes.
    pub fn bytes_per_connection(&self) -> u64 {
        let own = if self.ends() == 2 { CLIENT_BYTES + SERVER_BYTES } else { CLIENT_BYTES };
        let tls = if self.tls { TLS_BYTES_PER_END } else { 0 };
        own + self.ends() * (KERNEL_BYTES_PER_END + tls).saturating_add(self.unread_kernel_bytes())
    }

    /// Kernel memory for the unread bytes at one end, in bytes.
    pub(crate) fn unread_kernel_bytes(&self) -> u64 {
        self.unread_bytes.saturating_mul(KERNEL_BYTES_PER_UNREAD)
    }

    /// The number of connections that a remedy should make possible, given a limit that allows
    /// `allowed`. Always more than `allowed`.
    pub(crate) fn goal(&self, allowed: u64) -> u64 {
        let wanted = self.connections.filter(|&wanted| wanted > allowed);
        wanted.unwrap_or_else(|| DEFAULT_GOAL.max(allowed.saturating_mul(2)))
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
            // Connecting to the unspecified address reaches this machine.
            ip if !ip.is_loopback() && !ip.is_unspecified() => Self::Elsewhere,
            IpAddr::V4(_) => Self::Loopback4,
            IpAddr::V6(_) => Self::Loopback6,
        }
    }
}

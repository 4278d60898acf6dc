//! Socket options that differ from the system's defaults.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// Options of a listener. Accepted connections inherit them, so they cost no system call per
/// connection.
///
/// The default leaves every setting to the system.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    /// The size of the kernel's buffer for each connection and direction, in bytes; the kernel
    /// doubles it. `None` leaves the size to the kernel's autotuning.
    pub buffer_bytes: Option<usize>,
    /// How long sent data may stay unacknowledged, or a zero window closed (`TCP_USER_TIMEOUT`, RFC
    /// 5482). `None` leaves the limit to the kernel's retransmission count.
    pub user_timeout: Option<Duration>,
    /// Whether and when the kernel probes a silent peer. `None` disables probes.
    pub keepalive: Option<Keepalive>,
    /// The kernel's name of the congestion control, such as `cubic` or `bbr`. `None` leaves the
    /// choice to the system.
    pub congestion: Option<String>,
    /// The length of the accept queue; the system may allow less. `None` is
    /// [`BACKLOG`](crate::limits::BACKLOG).
    pub backlog: Option<u32>,
    /// Whether other listeners may bind the same port and share its connections (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Whether a listener on `::` leaves IPv4 to another listener (`IPV6_V6ONLY`).
    pub only_v6: bool,
}

/// TCP keepalive (RFC 9293 §3.8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe; whole seconds.
    pub idle: Duration,
    /// Time between two probes; whole seconds.
    pub interval: Duration,
    /// The number of unanswered probes after which the connection is dropped.
    pub probes: u32,
}

impl SocketOptions {
    /// Applies the options to a TCP socket.
    pub(in crate::net) fn apply(&self, socket: &Socket) -> io::Result<()> {
        // Small responses are sent at once: no further output follows that they could wait for.
        socket.set_tcp_nodelay(true)?;
        if let Some(bytes) = self.buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(keepalive) = self.keepalive {
            let Keepalive { idle, interval, probes } = keepalive;
            let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval);
            socket.set_tcp_keepalive(&keepalive.with_retries(probes))?;
        }
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(congestion) = &self.congestion {
            socket.set_tcp_congestion(congestion.as_bytes()).map_err(|error| {
                let what =
                    format!("the congestion control '{congestion}' is not available: {error}");
                io::Error::new(error.kind(), what)
            })?;
        }
        #[cfg(target_os = "linux")]
        if self.user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }
}

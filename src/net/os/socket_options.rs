//! What sockets are told beyond the system's defaults.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// Options of a listener. The connections that it accepts inherit them, so they cost no system call for each.
///
/// By default everything is as the system has it.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    /// The size of the kernel's buffer for each connection and direction, in bytes; the kernel doubles it.
    /// `None` leaves it to the kernel's autotuning.
    pub buffer_bytes: Option<usize>,
    /// How long what was sent may stay unacknowledged, or a zero window closed (`TCP_USER_TIMEOUT`, RFC
    /// 5482). `None` is what retransmissions take to be given up.
    pub user_timeout: Option<Duration>,
    /// Whether and when the kernel asks if a silent peer is still there. `None` is never.
    pub keepalive: Option<Keepalive>,
    /// The congestion control by its name in the kernel, such as `cubic` or `bbr`. `None` leaves it to the
    /// system.
    pub congestion: Option<String>,
    /// Connections that may wait to be accepted; the system may allow fewer. `None` is
    /// [`BACKLOG`](crate::limits::BACKLOG).
    pub backlog: Option<u32>,
    /// Whether other listeners may have the same port, and share its connections (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// Whether a listener on `::` leaves IPv4 to another one (`IPV6_V6ONLY`).
    pub only_v6: bool,
}

/// TCP keepalive (RFC 9293 §3.8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence until the first probe; whole seconds.
    pub idle: Duration,
    /// From one probe to the next; whole seconds.
    pub interval: Duration,
    /// Probes without an answer until the connection is given up.
    pub probes: u32,
}

impl SocketOptions {
    /// Sets them on a TCP socket.
    pub(in crate::net) fn apply(&self, socket: &Socket) -> io::Result<()> {
        // Small answers leave at once: nothing follows that they could wait for.
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
                    format!("the congestion control '{congestion}' is not to be had: {error}");
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

//! The accept queue of one listener on this machine: its length and its limit (sock_diag(7)).
//!
//! A connection that finds the queue full is dropped, and its client retries after a second. The
//! kernel counts these drops over all listeners together; only sock_diag shows which queue was
//! full.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// The state of an accept queue at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AcceptQueue {
    /// Connections waiting to be accepted.
    pub waiting: u32,
    /// The most that may wait: the listener's backlog, capped by `net.core.somaxconn`.
    pub limit: u32,
}

impl AcceptQueue {
    /// Whether the next connection is dropped. Linux lets one more connection wait than the limit.
    pub fn is_full(self) -> bool {
        self.waiting > self.limit
    }
}

/// Watches the accept queue of the listener that receives the connections to a local address.
#[derive(Debug)]
pub struct QueueWatch {
    socket: OwnedFd,
    target: SocketAddr,
    /// The fullest state seen so far.
    fullest: Option<AcceptQueue>,
}

impl QueueWatch {
    /// Watches the listener of this address.
    ///
    /// # Errors
    /// The error of the operating system; `Unsupported` on systems other than Linux.
    pub fn new(target: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: diag::open()?, target, fullest: None })
    }

    /// Reads the queue and keeps the fullest state seen.
    pub fn read(&mut self) -> Option<AcceptQueue> {
        let now = self.queue_now();
        let fill = |queue: &AcceptQueue| i64::from(queue.waiting) - i64::from(queue.limit);
        self.fullest = [self.fullest, now].into_iter().flatten().max_by_key(fill);
        now
    }

    /// The fullest state seen; `None` if this machine has no such listener.
    pub fn fullest(&self) -> Option<AcceptQueue> {
        self.fullest
    }

    fn queue_now(&self) -> Option<AcceptQueue> {
        let families: &[u8] = match self.target.is_ipv4() {
            // A listener on the IPv6 wildcard address may accept IPv4 connections too.
            true => &[diag::INET, diag::INET6],
            false => &[diag::INET6],
        };
        families.iter().find_map(|&family| {
            // One family may be unavailable, or sock_diag as a whole, for example in a sandbox.
            let listeners = diag::listeners(&self.socket, family, self.target.port());
            serving(&listeners.unwrap_or_default(), self.target.ip())
        })
    }
}

/// A listener as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listener {
    address: IpAddr,
    queue: AcceptQueue,
}

/// The queue that a connection to this address joins: that of a listener on exactly this address,
/// else that of a wildcard listener. If several share the port with `SO_REUSEPORT`, the fullest of
/// them.
fn serving(listeners: &[Listener], target: IpAddr) -> Option<AcceptQueue> {
    let target = target.to_canonical();
    let rank = |listener: &Listener| match listener.address.to_canonical() {
        address if address == target => 3,
        // An IPv4 connection prefers an IPv4 listener to a dual-stack one.
        address if address.is_unspecified() && address.is_ipv4() == target.is_ipv4() => 2,
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => 1,
        _ => 0,
    };
    let best = listeners.iter().map(rank).max().filter(|&best| best > 0)?;
    let queues = listeners.iter().filter(|it| rank(it) == best).map(|it| it.queue);
    queues.max_by_key(|queue| i64::from(queue.waiting) - i64::from(queue.limit))
}

#[cfg(target_os = "linux")]
mod diag {
    use super::{AcceptQueue, Listener};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    };
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::os::fd::OwnedFd;

    /// `AF_INET` and `AF_INET6`.
    pub(super) const INET: u8 = 2;
    pub(super) const INET6: u8 = 10;

    const PROTOCOL_TCP: u8 = 6;
    /// The bit of the state `TCP_LISTEN`.
    const LISTENING: u32 = 1 << 10;
    /// Netlink message types: an error, the end of a dump, and the request and reply of sock_diag.
    const ERROR: u16 = 2;
    const DONE: u16 = 3;
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST | NLM_F_DUMP`.
    const DUMP: u16 = 0x301;

    const HEADER_BYTES: usize = 16;
    const REQUEST_BYTES: usize = HEADER_BYTES + 56;
    /// Bytes of `struct inet_diag_msg` up to the end of `idiag_wqueue`.
    const REPLY_BYTES: usize = 64;
    /// The most bytes of one netlink reply: 32 KiB.
    const REPLIES_BYTES_MAX: usize = 32 * 1024;
    /// Replies read for one sample: 64, for more listeners than ever share a port.
    const REPLIES_MAX: usize = 64;

    pub(super) fn open() -> io::Result<OwnedFd> {
        let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
        Ok(socket_with(family, kind, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?)
    }

    /// The listeners of a family on this port.
    pub(super) fn listeners(socket: &OwnedFd, family: u8, port: u16) -> io::Result<Vec<Listener>> {
        send(socket, &request(family, port), SendFlags::empty())?;
        let mut found = Vec::new();
        let mut replies = vec![0; REPLIES_BYTES_MAX];
        for _ in 0..REPLIES_MAX {
            // The kernel replies before the request returns, so there is nothing to wait for.
            let (count, _) = recv(socket, &mut replies[..], RecvFlags::DONTWAIT)?;
            if !read_reply(&replies[..count], &mut found) {
                break;
            }
        }
        Ok(found)
    }

    fn request(family: u8, port: u16) -> [u8; REQUEST_BYTES] {
        let mut request = [0; REQUEST_BYTES];
        request[..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
        request[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
        let body = &mut request[HEADER_BYTES..];
        (body[0], body[1]) = (family, PROTOCOL_TCP);
        body[4..8].copy_from_slice(&LISTENING.to_ne_bytes());
        // Only listeners on this port: the source port is the first field of the socket identity.
        body[8..10].copy_from_slice(&port.to_be_bytes());
        request
    }

    /// Appends the listeners of a reply to `found`. Returns whether another reply follows.
    pub(super) fn read_reply(mut reply: &[u8], found: &mut Vec<Listener>) -> bool {
        while let Some(header) = reply.first_chunk::<HEADER_BYTES>() {
            let length = number(header, 0) as usize;
            let kind = u16::from_ne_bytes([header[4], header[5]]);
            if kind == DONE || kind == ERROR || length < HEADER_BYTES || length > reply.len() {
                return false;
            }
            if let (BY_FAMILY, Some(body)) =
                (kind, reply[HEADER_BYTES..length].first_chunk::<REPLY_BYTES>())
            {
                found.push(listener(body));
            }
            // Messages are aligned to four bytes.
            reply = &reply[length.next_multiple_of(4).min(reply.len())..];
        }
        true
    }

    fn listener(body: &[u8; REPLY_BYTES]) -> Listener {
        let source = body[8..24].first_chunk::<16>().copied().unwrap_or_default();
        let address = match body[0] {
            INET => IpAddr::V4(Ipv4Addr::new(source[0], source[1], source[2], source[3])),
            _ => IpAddr::V6(Ipv6Addr::from(source)),
        };
        let queue = AcceptQueue { waiting: number(body, 56), limit: number(body, 60) };
        Listener { address, queue }
    }

    fn number(bytes: &[u8], at: usize) -> u32 {
        bytes[at..].first_chunk().map_or(0, |chunk| u32::from_ne_bytes(*chunk))
    }
}

/// Other systems have no sock_diag.
#[cfg(not(target_os = "linux"))]
mod diag {
    use super::Listener;
    use std::io;
    use std::os::fd::OwnedFd;

    pub(super) const INET: u8 = 0;
    pub(super) const INET6: u8 = 1;

    pub(super) fn open() -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn listeners(_: &OwnedFd, _: u8, _: u16) -> io::Result<Vec<Listener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::net::TcpStream;

    fn listening(address: &str, backlog: i32) -> (Socket, SocketAddr) {
        let address: SocketAddr = address.parse().expect("an address");
        let socket =
            Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.bind(&address.into()).expect("a free port");
        socket.listen(backlog).expect("it is bound");
        let address = socket.local_addr().expect("it is bound").as_socket().expect("an address");
        (socket, address)
    }

    #[test]
    fn the_watch_sees_a_queue_fill_up() {
        let (_listener, address) = listening("127.0.0.1:0", 2);
        let mut watch = QueueWatch::new(address).unwrap();
        let mut clients = Vec::new();
        for waiting in 0..=3 {
            let queue = watch.read().unwrap();
            assert_eq!(queue, AcceptQueue { waiting, limit: 2 });
            assert_eq!(queue.is_full(), waiting == 3);
            if waiting < 3 {
                clients.push(TcpStream::connect(address).unwrap());
            }
        }
        assert_eq!(watch.fullest(), Some(AcceptQueue { waiting: 3, limit: 2 }));
    }

    #[test]
    fn without_a_listener_there_is_no_queue() {
        let (listener, address) = listening("127.0.0.1:0", 2);
        drop(listener);
        let mut watch = QueueWatch::new(address).unwrap();
        assert_eq!((watch.read(), watch.fullest()), (None, None));
    }

    #[test]
    fn the_queue_belongs_to_the_listener_that_accepts_the_connection() {
        let listener = |address: &str, waiting| Listener {
            address: address.parse().unwrap(),
            queue: AcceptQueue { waiting, limit: 4 },
        };
        let target = "127.0.0.1".parse().unwrap();
        let waiting = |listeners: &[Listener]| serving(listeners, target).map(|it| it.waiting);
        let (exact, any, both) =
            (listener("127.0.0.1", 1), listener("0.0.0.0", 2), listener("::", 3));
        assert_eq!(waiting(&[any, exact, both]), Some(1));
        assert_eq!(waiting(&[both, any]), Some(2));
        assert_eq!(waiting(&[both]), Some(3));
        assert_eq!(waiting(&[exact, listener("127.0.0.1", 5)]), Some(5), "one of several is full");
        assert_eq!(waiting(&[listener("127.0.0.2", 9), listener("::1", 9)]), None);
    }

    #[test]
    fn a_truncated_reply_ends_the_list() {
        let mut found = Vec::new();
        for length in [0, 3, 15, 16, 400] {
            let mut reply = vec![0; 20];
            reply[..4].copy_from_slice(&u32::to_ne_bytes(length));
            assert_eq!(diag::read_reply(&reply, &mut found), length == 16, "{length}");
        }
        assert_eq!(found, []);
    }
}

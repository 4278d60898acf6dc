//! Listening sockets: TCP, with or without TLS, and Unix.

use super::socket_file::{SocketFile, remove_if_dead};
use super::socket_options::SocketOptions;
use super::stream::SystemStream;
use super::tls::Acceptor;
use crate::limits::BACKLOG;
use crate::net::address::{Address, Endpoint, Location};
use crate::net::network::Peer;
use mio::net::{TcpListener, UnixListener};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The number of ports to try until one is free at every address of a name: 16. Two in a row are
/// rarely taken.
const PORT_ATTEMPTS_MAX: u32 = 16;

/// A bound socket that accepts connections.
#[derive(Debug)]
pub enum SystemListener {
    /// TCP, and the TLS acceptor if connections use TLS.
    Tcp(TcpListener, Option<Acceptor>),
    /// A Unix socket, and the file to remove before it closes, if this process created it.
    Unix(Option<SocketFile>, UnixListener),
}

impl SystemListener {
    /// Binds and listens. Returns the address with the port that was actually bound.
    ///
    /// The options apply to TCP; Unix sockets have none of them.
    ///
    /// With an `acceptor`, connections begin with TLS. An address whose transport is TLS needs one.
    ///
    /// # Errors
    /// The error of the operating system; if the name has several addresses, that of the last one.
    pub fn bind(
        address: &Address,
        options: &SocketOptions,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<(Self, Address)> {
        let mut last_error = no_address();
        for endpoint in address.resolve()? {
            match Self::bind_to(&endpoint, options, acceptor) {
                Ok((listener, location)) => {
                    return Ok((listener, Address { location, ..address.clone() }));
                }
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    /// Binds as [`bind`](Self::bind) does, but on each address of the name that this machine has,
    /// with one port for all of them if the port is 0. Returns at least one listener.
    ///
    /// # Errors
    /// The error of the operating system if an address of this machine cannot be bound, or if the
    /// name has no address of this machine.
    pub fn bind_all(
        address: &Address,
        options: &SocketOptions,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<Vec<(Self, Address)>> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for endpoint in address.resolve()? {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        let several = endpoints.len() > 1;
        let options = SocketOptions { only_v6: options.only_v6 || several, ..options.clone() };
        let is_any_port = matches!(address.location, Location::Tcp(_, 0));
        let attempts = if several && is_any_port { PORT_ATTEMPTS_MAX } else { 1 };
        let mut attempt = 1;
        loop {
            match bind_each(address, &endpoints, &options, acceptor) {
                // A port that is free at one address may be taken at another.
                Err(error) if error.kind() == ErrorKind::AddrInUse && attempt < attempts => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Lets other listeners bind the same port and share its connections from now on
    /// (`SO_REUSEPORT`). Until then nothing else can bind it: bind with this listener first, and
    /// then share the port.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn share_port(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener, _) => SockRef::from(listener).set_reuse_port(true),
            Self::Unix(..) => Ok(()),
        }
    }

    fn bind_to(
        endpoint: &Endpoint,
        options: &SocketOptions,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<(Self, Location)> {
        match endpoint {
            Endpoint::Tcp(address) | Endpoint::Tls(address, _) => {
                let listener = bind_tcp(*address, options)?;
                let location = Location::bound(listener.local_addr()?);
                Ok((Self::Tcp(TcpListener::from_std(listener), acceptor.cloned()), location))
            }
            Endpoint::Unix(path) => {
                remove_if_dead(path)?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile::new(path)?;
                Ok((Self::Unix(Some(file), listener), Location::Unix(path.clone())))
            }
        }
    }

    /// Takes over a listening socket that another process has bound to `address`. That process also
    /// removes the file of a Unix socket.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn from_fd(
        descriptor: OwnedFd,
        address: &Address,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<Self> {
        Ok(match address.location {
            Location::Tcp(..) => {
                let listener = std::net::TcpListener::from(descriptor);
                listener.set_nonblocking(true)?;
                Self::Tcp(TcpListener::from_std(listener), acceptor.cloned())
            }
            Location::Unix(_) => {
                let listener = std::os::unix::net::UnixListener::from(descriptor);
                listener.set_nonblocking(true)?;
                Self::Unix(None, UnixListener::from_std(listener))
            }
        })
    }

    pub(in crate::net) fn accept(&self) -> io::Result<(SystemStream, Peer)> {
        match self {
            Self::Tcp(listener, acceptor) => {
                let (stream, address) = listener.accept()?;
                let stream = match acceptor {
                    None => SystemStream::Tcp(stream),
                    Some(acceptor) => SystemStream::Tls(Box::new(acceptor.accept(stream)?)),
                };
                Ok((stream, address.into()))
            }
            Self::Unix(_, listener) => {
                let (stream, _) = listener.accept()?;
                Ok((SystemStream::Unix(stream), Peer::UNIX))
            }
        }
    }

    pub(in crate::net) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Tcp(listener, _) => listener,
            Self::Unix(_, listener) => listener,
        }
    }
}

impl AsFd for SystemListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener, _) => listener.as_fd(),
            Self::Unix(_, listener) => listener.as_fd(),
        }
    }
}

/// Binds each endpoint that is an address of this machine; all use the port of the first one.
fn bind_each(
    address: &Address,
    endpoints: &[Endpoint],
    options: &SocketOptions,
    acceptor: Option<&Acceptor>,
) -> io::Result<Vec<(SystemListener, Address)>> {
    let mut bound: Vec<(SystemListener, Address)> = Vec::new();
    let mut last_error = no_address();
    for endpoint in endpoints {
        let mut endpoint = endpoint.clone();
        if let Endpoint::Tcp(socket_address) | Endpoint::Tls(socket_address, _) = &mut endpoint
            && let Some((_, Address { location: Location::Tcp(_, port), .. })) = bound.first()
        {
            socket_address.set_port(*port);
        }
        match SystemListener::bind_to(&endpoint, options, acceptor) {
            Ok((listener, location)) => {
                bound.push((listener, Address { location, ..address.clone() }));
            }
            Err(error) if is_not_local(&error) => last_error = error,
            Err(error) => return Err(error),
        }
    }
    if bound.is_empty() { Err(last_error) } else { Ok(bound) }
}

/// Whether an address cannot be bound because this machine lacks it, or lacks its address family.
fn is_not_local(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

fn no_address() -> io::Error {
    io::Error::new(ErrorKind::NotFound, "the name has no address")
}

fn bind_tcp(address: SocketAddr, options: &SocketOptions) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A restarted server must not wait for the connections of its predecessor.
    socket.set_reuse_address(true)?;
    options.apply(&socket)?;
    if address.is_ipv6() && options.only_v6 {
        socket.set_only_v6(true)?;
    } else if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` means every address of this machine, whatever the system's bindv6only setting.
        socket.set_only_v6(false)?;
    }
    socket.bind(&SockAddr::from(address))?;
    let backlog = options.backlog.unwrap_or(BACKLOG);
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Keepalive;
    use mio::net::TcpStream;
    use std::time::Duration;

    /// Both ends of one connection that a listener with these options has accepted.
    fn accepted(options: &SocketOptions) -> (std::net::TcpStream, TcpStream) {
        let url = "tcp://127.0.0.1:0".parse().unwrap();
        let (listener, bound) = SystemListener::bind(&url, options, None).unwrap();
        let Endpoint::Tcp(address) = bound.resolve().unwrap().remove(0) else { unreachable!() };
        let client = std::net::TcpStream::connect(address).unwrap();
        for _ in 0..1_000 {
            match listener.accept() {
                Ok((SystemStream::Tcp(stream), _)) => return (client, stream),
                Ok(_) => unreachable!(),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        panic!("a connected client can be accepted");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not support these socket options")]
    fn accepted_connections_inherit_the_options() {
        let keepalive = Keepalive {
            idle: Duration::from_secs(61),
            interval: Duration::from_secs(11),
            probes: 4,
        };
        let user_timeout = Some(Duration::from_secs(31));
        let options = SocketOptions {
            buffer_bytes: Some(8 * 1024),
            user_timeout,
            keepalive: Some(keepalive),
            congestion: Some("reno".into()),
            ..SocketOptions::default()
        };
        let (_client, stream) = accepted(&options);
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), keepalive.idle);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), keepalive.interval);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), keepalive.probes);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), user_timeout);
        #[cfg(target_os = "linux")]
        assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
        // Linux doubles the requested size.
        assert!((8 * 1024..=16 * 1024).contains(&socket.send_buffer_size().unwrap()));
        assert!((8 * 1024..=16 * 1024).contains(&socket.recv_buffer_size().unwrap()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not support these socket options")]
    fn by_default_the_system_defaults_are_kept() {
        let (client, stream) = accepted(&SocketOptions::default());
        let (socket, ordinary) = (SockRef::from(&stream), SockRef::from(&client));
        assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), ordinary.tcp_user_timeout().unwrap());
        assert_eq!(socket.keepalive().unwrap(), ordinary.keepalive().unwrap());
    }
}

//! Listening sockets: TCP, with or without TLS, and Unix.

use super::address::{Address, Endpoint, Location};
use super::network::Peer;
use super::socket_options::SocketOptions;
use super::stream::SystemStream;
use super::tls::Acceptor;
use crate::limits::BACKLOG;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A bound socket that accepts connections.
#[derive(Debug)]
pub enum SystemListener {
    /// TCP, and what makes TLS of it.
    Tcp(TcpListener, Option<Acceptor>),
    /// A Unix socket, and the file to remove when it closes, if that is ours to do.
    Unix(UnixListener, Option<SocketFile>),
}

impl SystemListener {
    /// Binds and listens. Returns the address with the port that was really bound.
    ///
    /// The options are for TCP; Unix sockets have none of them.
    ///
    /// With an `acceptor`, which an address whose transport is TLS needs, connections begin with TLS.
    ///
    /// # Errors
    /// What the operating system says; if the name has several addresses, of the last one.
    pub fn bind(
        address: &Address,
        options: &SocketOptions,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<(Self, Address)> {
        let mut last_error = io::Error::new(ErrorKind::NotFound, "the name has no address");
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
                let file = Some(SocketFile(path.clone()));
                Ok((Self::Unix(listener, file), Location::Unix(path.clone())))
            }
        }
    }

    /// Takes over a listening socket that another process has bound to `address`, and which it removes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn adopt(
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
                Self::Unix(UnixListener::from_std(listener), None)
            }
        })
    }

    pub(super) fn accept(&self) -> io::Result<(SystemStream, Peer)> {
        match self {
            Self::Tcp(listener, acceptor) => {
                let (stream, address) = listener.accept()?;
                let stream = match acceptor {
                    None => SystemStream::Tcp(stream),
                    Some(acceptor) => SystemStream::Tls(Box::new(acceptor.accept(stream)?)),
                };
                Ok((stream, address.into()))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                Ok((SystemStream::Unix(stream), Peer::UNIX))
            }
        }
    }

    pub(super) fn source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Self::Tcp(listener, _) => listener,
            Self::Unix(listener, _) => listener,
        }
    }
}

impl AsFd for SystemListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener, _) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        }
    }
}

/// Removes the file of a Unix socket when its listener goes.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If somebody else removed it there is nothing left to do.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bind_tcp(address: SocketAddr, options: &SocketOptions) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A server that is started again must not wait for the connections of its predecessor.
    socket.set_reuse_address(true)?;
    options.apply(&socket)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` is every address of this machine, whatever the system's bindv6only says.
        socket.set_only_v6(false)?;
    }
    socket.bind(&SockAddr::from(address))?;
    let backlog = options.backlog.unwrap_or(BACKLOG);
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Removes a socket file that nobody listens on any more, as a killed server leaves it.
fn remove_if_dead(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Keepalive;
    use mio::net::TcpStream;
    use socket2::SockRef;
    use std::time::Duration;

    /// One connection that a listener with these options has accepted, behind both ends of it.
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
        panic!("a client that has connected is there to be accepted");
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not have these options of a socket")]
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
        // Linux doubles what it is asked for.
        assert!((8 * 1024..=16 * 1024).contains(&socket.send_buffer_size().unwrap()));
        assert!((8 * 1024..=16 * 1024).contains(&socket.recv_buffer_size().unwrap()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not have these options of a socket")]
    fn by_default_they_are_as_the_system_has_them() {
        let (client, stream) = accepted(&SocketOptions::default());
        let (socket, ordinary) = (SockRef::from(&stream), SockRef::from(&client));
        assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), ordinary.tcp_user_timeout().unwrap());
        assert_eq!(socket.keepalive().unwrap(), ordinary.keepalive().unwrap());
    }
}

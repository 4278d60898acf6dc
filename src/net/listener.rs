//! Listening sockets: TCP, with or without TLS, and Unix.

use super::address::{Address, Endpoint, Location};
use super::network::Peer;
use super::stream::SystemStream;
use super::tls::Acceptor;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Connections that may wait to be accepted. 4096, what Linux allows by default (`somaxconn`).
const BACKLOG: i32 = 4096;

/// A bound socket that accepts connections.
#[derive(Debug)]
pub enum SystemListener {
    /// TCP, and what makes TLS of it.
    Tcp(TcpListener, Option<Acceptor>),
    /// A Unix socket, and the file to remove when it closes.
    Unix(UnixListener, SocketFile),
}

impl SystemListener {
    /// Binds and listens. Returns the address with the port that was really bound.
    ///
    /// `buffer_bytes` fixes the size of the kernel's buffers of each connection and direction; `None`
    /// leaves it to the kernel's autotuning.
    ///
    /// With an `acceptor`, which an address whose transport is TLS needs, connections begin with TLS.
    ///
    /// # Errors
    /// What the operating system says; if the name has several addresses, of the last one.
    pub fn bind(
        address: &Address,
        buffer_bytes: Option<usize>,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<(Self, Address)> {
        let mut last_error = io::Error::new(ErrorKind::NotFound, "the name has no address");
        for endpoint in address.resolve()? {
            match Self::bind_to(&endpoint, buffer_bytes, acceptor) {
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
        buffer_bytes: Option<usize>,
        acceptor: Option<&Acceptor>,
    ) -> io::Result<(Self, Location)> {
        match endpoint {
            Endpoint::Tcp(address) | Endpoint::Tls(address, _) => {
                let listener = bind_tcp(*address, buffer_bytes)?;
                let location = Location::bound(listener.local_addr()?);
                Ok((Self::Tcp(TcpListener::from_std(listener), acceptor.cloned()), location))
            }
            Endpoint::Unix(path) => {
                remove_if_dead(path)?;
                let listener = UnixListener::bind(path)?;
                let file = SocketFile(path.clone());
                Ok((Self::Unix(listener, file), Location::Unix(path.clone())))
            }
        }
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

/// Removes the file of a Unix socket when its listener goes.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If somebody else removed it there is nothing left to do.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bind_tcp(address: SocketAddr, buffer_bytes: Option<usize>) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // A server that is started again must not wait for the connections of its predecessor.
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit the options of the listener: no system call for each connection.
    socket.set_tcp_nodelay(true)?;
    if let Some(bytes) = buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
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

//! The real network: mio on the operating system's sockets.

use super::listener::SystemListener;
use super::stream::SystemStream;
use super::timer::Pacer;
use super::tls::Connector;
use crate::net::Endpoint;
use crate::net::network::{Network, Peer, Readiness, Token};
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Waker};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The number of events taken from the kernel in one poll: 1024, 12 KiB.
const EVENTS_PER_POLL: usize = 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct System {
    poll: Poll,
    events: Events,
    /// A descriptor that can be closed to accept, and so to reject, one more client.
    reserve: Option<File>,
    /// Makes connections to TLS servers.
    connector: Option<Connector>,
    /// The source address of TCP connections; the system chooses one if `None`.
    source: Option<IpAddr>,
    /// Makes waits exact, if that was requested.
    pacer: Option<Pacer>,
    start: Instant,
}

impl System {
    /// Creates a poll without sources.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            reserve: Some(open_reserve()?),
            connector: None,
            source: None,
            pacer: None,
            start: Instant::now(),
        })
    }

    /// Sets the connector for connections to TLS servers.
    pub fn set_connector(&mut self, connector: Connector) {
        self.connector = Some(connector);
    }

    /// Registers a source of the caller's for reading; its readiness is reported with this number.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn register_external(
        &mut self,
        source: &mut impl mio::event::Source,
        number: u32,
    ) -> io::Result<()> {
        let token = mio_token(Token::external(number));
        self.poll.registry().register(source, token, Interest::READABLE)
    }

    /// Makes a waker for another thread: each wake is reported as the readiness of this external
    /// number. A poll may have one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn waker(&self, number: u32) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), mio_token(Token::external(number)))
    }
}

impl Network for System {
    type Listener = SystemListener;
    type Stream = SystemStream;

    fn poll(
        &mut self,
        timeout: Option<Duration>,
        report: &mut dyn FnMut(Readiness),
    ) -> io::Result<()> {
        let timeout = match &mut self.pacer {
            Some(pacer) => pacer.begin_wait(timeout),
            None => timeout,
        };
        let polled = self.poll.poll(&mut self.events, timeout);
        if let Some(pacer) = &mut self.pacer {
            pacer.end_wait();
        }
        match polled {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let events = self.events.iter().filter(|event| event.token() != mio_token(Token::INTERNAL));
        for event in events {
            report(Readiness {
                token: Token(event.token().0 as u64),
                // Errors are hints: the next read or write reports the actual one.
                readable: event.is_readable() || event.is_error(),
                writable: event.is_writable() || event.is_error(),
                read_closed: event.is_read_closed(),
                urgent: is_urgent(event),
            });
        }
        Ok(())
    }

    fn register_listener(&mut self, listener: &mut SystemListener, token: Token) -> io::Result<()> {
        self.poll.registry().register(listener.source(), mio_token(token), Interest::READABLE)
    }

    fn register(&mut self, stream: &mut SystemStream, token: Token) -> io::Result<()> {
        self.poll.registry().register(stream.source(), mio_token(token), INTEREST)
    }

    fn accept(&mut self, listener: &mut SystemListener) -> io::Result<(SystemStream, Peer)> {
        listener.accept()
    }

    fn shed(&mut self, listener: &mut SystemListener) -> io::Result<()> {
        self.reserve = None;
        let result = listener.accept().map(drop);
        self.reserve = open_reserve().ok();
        result
    }

    fn connect(&mut self, endpoint: &Endpoint) -> io::Result<(SystemStream, Peer)> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let stream = connect_tcp(*address, self.source)?;
                Ok((SystemStream::Tcp(stream), (*address).into()))
            }
            Endpoint::Tls(address, name) => {
                let Some(connector) = &self.connector else {
                    return Err(io::Error::new(ErrorKind::Unsupported, "TLS is not set up"));
                };
                let stream = connector.connect(connect_tcp(*address, self.source)?, name)?;
                Ok((SystemStream::Tls(Box::new(stream)), (*address).into()))
            }
            Endpoint::Unix(path) => {
                Ok((SystemStream::Unix(UnixStream::connect(path)?), Peer::UNIX))
            }
        }
    }

    fn now(&mut self) -> Duration {
        self.start.elapsed()
    }

    fn connect_from(&mut self, source: Option<IpAddr>) {
        self.source = source;
    }

    fn keep_pace(&mut self, spins: bool) -> io::Result<()> {
        let token = mio_token(Token::INTERNAL);
        self.pacer = Some(Pacer::new(self.poll.registry(), token, spins)?);
        Ok(())
    }

    fn awake_since(&mut self) -> Duration {
        match &self.pacer {
            Some(pacer) => pacer.awake_since().saturating_duration_since(self.start),
            None => self.now(),
        }
    }

    fn trim_memory(&mut self) {
        #[cfg(target_env = "gnu")]
        super::heap::trim();
    }
}

fn connect_tcp(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let stream = match source {
        None => TcpStream::connect(address)?,
        Some(source) => connect_tcp_from(source, address)?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn connect_tcp_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    choose_port_late(&socket)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    match socket.connect(&address.into()) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INPROGRESS) => {}
        other => other?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// Makes connect(2) choose the port, for its destination, instead of bind(2). A port that bind
/// chose is unavailable to every other connection of the machine for which the system chooses a
/// port, whatever its address.
///
/// ip(7): "IP_BIND_ADDRESS_NO_PORT: Inform the kernel to not reserve an ephemeral port when using
/// bind(2) with a port number of 0."
#[cfg(target_os = "linux")]
fn choose_port_late(socket: &Socket) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
    Ok(setsockopt(socket, IpBindAddressNoPort, &true)?)
}

#[cfg(not(target_os = "linux"))]
fn choose_port_late(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// The events that a stream is registered for: readable, writable and, where the system reports it,
/// an urgent mark.
#[cfg(target_os = "linux")]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);

#[cfg(not(target_os = "linux"))]
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Whether the input contains an urgent mark. epoll_ctl(2): "EPOLLPRI: There is an exceptional
/// condition on the file descriptor"; for a socket that is out-of-band data (tcp(7)).
#[cfg(target_os = "linux")]
fn is_urgent(event: &mio::event::Event) -> bool {
    event.is_priority()
}

/// Other systems do not report it: assume that there may be one at any time.
#[cfg(not(target_os = "linux"))]
fn is_urgent(_event: &mio::event::Event) -> bool {
    true
}

fn mio_token(token: Token) -> mio::Token {
    mio::Token(token.0 as usize)
}

fn open_reserve() -> io::Result<File> {
    File::open("/dev/null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{getsockopt, sockopt::IpBindAddressNoPort};
    use std::net::{Ipv4Addr, TcpListener};

    /// A system with a source address, and an endpoint to connect to.
    fn system_and_listener(source: Option<IpAddr>) -> (System, TcpListener, Endpoint) {
        let mut system = System::new().expect("a poll");
        system.connect_from(source);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let endpoint = Endpoint::Tcp(listener.local_addr().expect("it is bound"));
        (system, listener, endpoint)
    }

    #[test]
    fn connections_use_the_configured_source_address() {
        let source = IpAddr::from([127, 1, 2, 3]);
        let (mut system, listener, endpoint) = system_and_listener(Some(source));
        let (stream, _) = system.connect(&endpoint).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), source);
        let SystemStream::Tcp(stream) = stream else { unreachable!() };
        assert!(stream.nodelay().unwrap() && getsockopt(&stream, IpBindAddressNoPort).unwrap());
        system.connect_from(None);
        let _stream = system.connect(&endpoint).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
    }

    #[test]
    fn a_non_local_source_or_one_of_another_family_is_an_error() {
        for source in ["::1", "192.0.2.1"] {
            let (mut system, _listener, endpoint) =
                system_and_listener(Some(source.parse().unwrap()));
            assert!(system.connect(&endpoint).is_err(), "{source}");
        }
    }
}

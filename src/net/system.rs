//! The real network: mio on the operating system's sockets.

use super::Endpoint;
use super::listener::SystemListener;
use super::network::{Network, Peer, Readiness, Token};
use super::stream::SystemStream;
use super::tls::Connector;
use mio::net::{TcpStream, UnixStream};
use mio::{Events, Interest, Poll};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Events taken from the kernel in one poll: 1024, 12 KiB.
const EVENTS_PER_POLL: usize = 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct System {
    poll: Poll,
    events: Events,
    /// A descriptor that can be given up to accept, and so to turn away, one client more.
    reserve: Option<File>,
    /// How connections to TLS servers are made.
    connector: Option<Connector>,
    start: Instant,
}

impl System {
    /// A poll without sources.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_PER_POLL),
            reserve: Some(open_reserve()?),
            connector: None,
            start: Instant::now(),
        })
    }

    /// Says how connections to TLS servers are made.
    pub fn set_connector(&mut self, connector: Connector) {
        self.connector = Some(connector);
    }

    /// Registers something of the caller's for reading; its readiness comes as this number.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn register_external(
        &mut self,
        source: &mut impl mio::event::Source,
        number: u32,
    ) -> io::Result<()> {
        let token = mio_token(Token::external(number));
        self.poll.registry().register(source, token, Interest::READABLE)
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
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            report(Readiness {
                token: Token(event.token().0 as u64),
                // Errors are hints: what to do about them, the next read or write says.
                readable: event.is_readable() || event.is_error(),
                writable: event.is_writable() || event.is_error(),
                read_closed: event.is_read_closed(),
            });
        }
        Ok(())
    }

    fn register_listener(&mut self, listener: &mut SystemListener, token: Token) -> io::Result<()> {
        self.poll.registry().register(listener.source(), mio_token(token), Interest::READABLE)
    }

    fn register(&mut self, stream: &mut SystemStream, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream.source(), mio_token(token), both)
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
                Ok((SystemStream::Tcp(connect_tcp(*address)?), (*address).into()))
            }
            Endpoint::Tls(address, name) => {
                let Some(connector) = &self.connector else {
                    return Err(io::Error::new(ErrorKind::Unsupported, "TLS is not set up"));
                };
                let stream = connector.connect(connect_tcp(*address)?, name)?;
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
}

fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn mio_token(token: Token) -> mio::Token {
    mio::Token(token.0 as usize)
}

fn open_reserve() -> io::Result<File> {
    File::open("/dev/null")
}

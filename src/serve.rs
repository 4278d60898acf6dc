//! An echo server in the calling process: [`serve()`], and [`Server`] for everything that is not a
//! default.
//!
//! The server runs in a thread of its own, the only one that this crate starts. It installs no
//! signal handler, panic hook or logger, and changes no resource limit: these belong to the
//! program. What it logs goes to the [`log`] facade.

use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::metrics::Metrics;
use crate::net::address::AddressError;
use crate::net::os::listener::SystemListener;
use crate::net::os::random;
use crate::net::os::tls::Acceptor;
use crate::net::{Address, Reactor, SocketOptions, System};
use crate::proto::auth::{Auth, Key};
use crate::proto::deflate::Settings;
use crate::proto::handshake::Policy;
use crate::proto::{Batch, Config, Framing, Role};
use crate::service::{Echo, Service};
use mio::Waker;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::net::address::Location;
#[cfg(feature = "tls")]
use crate::net::os::tls::Identity;
#[cfg(feature = "tls")]
use zeroize::Zeroizing;

/// How long [`Handle::stop`] waits for clients to close: 1 s, where the program waits 10 s. The
/// clients of a server in a test are often in the thread that stops it, and cannot close meanwhile.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Smaller messages are sent uncompressed, as the program does by default: 128 bytes.
const DEFLATE_BYTES_MIN: usize = 128;

/// The number of the waker among the reactor's external sources. No other source is registered.
const STOP: u32 = 0;

/// Echoes at `address` until the handle is stopped or dropped.
///
/// The address is a URL as `halloo serve` takes it: `ws://`, `tcp://` or `line://` with
/// `HOST:PORT`, or `ws+unix:`, `unix:` or `line+unix:` with a path. With port 0 the system chooses
/// one, which [`Handle::url`] contains.
///
/// ```
/// let server = halloo::serve("ws://127.0.0.1:0")?;
/// assert!(server.url().starts_with("ws://127.0.0.1:"));
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`Server::start`].
pub fn serve(address: impl AsRef<str>) -> io::Result<Handle> {
    Server::new(address).start()
}

/// A server that has not started.
///
/// ```
/// use halloo::service::Discard;
///
/// let server = halloo::Server::new("line://127.0.0.1:0")
///     .auth_key(b"secret")
///     .service(Discard)
///     .start()?;
/// let metrics = server.stop()?;
/// assert_eq!(metrics.messages, 0);
/// # std::io::Result::Ok(())
/// ```
#[must_use = "a server serves once it is started"]
pub struct Server {
    address: Result<Address, AddressError>,
    service: Box<dyn Service + Send>,
    limits: Limits,
    socket_options: SocketOptions,
    /// Framing and path are set from the address when it starts.
    config: Config,
    #[cfg(feature = "tls")]
    certificate: Option<Certificate>,
}

/// The source of a server's certificate.
#[cfg(feature = "tls")]
enum Certificate {
    SelfSigned,
    Pem { chain: Vec<u8>, key: Zeroizing<Vec<u8>> },
}

impl Server {
    /// An echo server at `address` with the [default limits](Limits::default), except that it
    /// [drains](DRAIN_TIMEOUT) for 1 s.
    pub fn new(address: impl AsRef<str>) -> Self {
        let deflate = Settings { context_takeover: false, message_bytes_min: DEFLATE_BYTES_MIN };
        Self {
            address: address.as_ref().parse(),
            service: Box::new(Echo),
            limits: Limits { drain_timeout: DRAIN_TIMEOUT, ..Limits::default() },
            socket_options: SocketOptions::default(),
            config: Config {
                deflate: cfg!(feature = "deflate").then_some(deflate),
                ..Config::new(Role::Server, Framing::WebSocket)
            },
            #[cfg(feature = "tls")]
            certificate: None,
        }
    }

    /// Processes messages with this service instead of [`Echo`].
    pub fn service(mut self, service: impl Service + Send + 'static) -> Self {
        self.service = Box::new(service);
        self
    }

    /// Demands that clients prove that they know this key (HMAC-SHA-256 challenge-response, raw on
    /// the wire: [`proto::auth`](crate::proto::auth)). With several keys, any of them will do.
    pub fn auth_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        let auth = self.config.auth.get_or_insert_with(Auth::without_keys);
        auth.keys.push(Key::new(key.into()));
        self
    }

    /// Sets the limits for peers.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the options of the listening socket.
    pub fn socket_options(mut self, options: SocketOptions) -> Self {
        self.socket_options = options;
        self
    }

    /// Changes what sessions are configured with: message size, origins, subprotocols, compression,
    /// hash and encoding of the authentication. Role, framing and path follow from the address.
    pub fn configure(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// Presents a new certificate, which the server signs itself, to clients of an address with
    /// TLS. [`Handle::certificate`] returns it.
    #[cfg(feature = "tls")]
    pub fn tls_self_signed(mut self) -> Self {
        self.certificate = Some(Certificate::SelfSigned);
        self
    }

    /// Presents this certificate, PEM, followed by the chain up to an authority that clients know,
    /// to clients of an address with TLS. `key` is its private key, PEM.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let key = Zeroizing::new(key.into());
        self.certificate = Some(Certificate::Pem { chain: chain.into(), key });
        self
    }

    /// Starts the thread, which listens and serves. When this returns, clients can connect.
    ///
    /// # Errors
    /// `InvalidInput` if the address is not one, or demands TLS and there is no usable certificate;
    /// otherwise what the operating system reports.
    pub fn start(self) -> io::Result<Handle> {
        let address = self.address.clone().map_err(invalid)?;
        let tls = self.tls_for(&address)?;
        let certificate = tls.certificate();
        let ends_at_once = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&ends_at_once);
        let (sender, receiver) = sync_channel(1);
        let serve = move || self.run(&address, &tls, &sender, &ends);
        let thread = thread::Builder::new().name("halloo".into()).spawn(serve)?;
        match receiver.recv() {
            Ok(Started { url, waker }) => {
                Ok(Handle { url, certificate, waker, ends_at_once, thread: Some(thread) })
            }
            // The thread has ended before it served.
            Err(_) => Err(join(thread).err().unwrap_or_else(|| io::ErrorKind::Other.into())),
        }
    }

    #[cfg(feature = "tls")]
    fn tls_for(&self, address: &Address) -> io::Result<Tls> {
        let failure = |why: String| invalid(format!("certificate and key {why}"));
        let (identity, certificate) = match &self.certificate {
            _ if !address.tls => return Ok(Tls(None)),
            None => {
                return Err(invalid(format!("{address} needs `tls` or `tls_self_signed`")));
            }
            Some(Certificate::Pem { chain, key }) => {
                let text = String::from_utf8_lossy(chain).into_owned();
                (Identity::from_pem(chain, key).map_err(failure)?, text)
            }
            Some(Certificate::SelfSigned) => {
                let made = Identity::self_signed(certificate_names([address])).map_err(failure)?;
                let pem = made.pem.as_bytes();
                let identity = Identity::from_pem(pem, pem).map_err(failure)?;
                (identity, certificate_of(&made.pem))
            }
        };
        Ok(Tls(Some((identity, certificate))))
    }

    #[cfg(not(feature = "tls"))]
    fn tls_for(&self, address: &Address) -> io::Result<Tls> {
        match address.tls {
            true => Err(invalid(format!("{address}: this build has no TLS support"))),
            false => Ok(Tls),
        }
    }

    /// The thread: listens, tells `started` where, and serves until it is woken.
    fn run(
        self,
        address: &Address,
        tls: &Tls,
        started: &SyncSender<Started>,
        ends_at_once: &AtomicBool,
    ) -> io::Result<Metrics> {
        let network = System::new()?;
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let policy = Policy { path: address.path.clone(), ..self.config.policy };
        let (role, framing) = (Role::Server, address.framing);
        let config = Rc::new(Config { role, framing, policy, ..self.config });
        let mut reactor = Reactor::new(network, self.service, self.limits, batch);
        let waker = reactor.network_mut().waker(STOP)?;
        let acceptor = tls.acceptor(framing)?;
        let bound = SystemListener::bind_all(address, &self.socket_options, acceptor.as_ref())?;
        let url = bound[0].1.to_string();
        for (listener, _) in bound {
            reactor.listen(listener, Rc::clone(&config))?;
        }
        // The one who starts the server waits for this.
        let _ = started.send(Started { url, waker });
        while !reactor.is_drained() {
            let mut is_woken = false;
            reactor.turn(None, &mut |number| is_woken |= number == STOP)?;
            if is_woken {
                reactor.drain();
            }
            if is_woken && ends_at_once.load(Ordering::Acquire) {
                // One more turn answers what was received, and tells clients that this is the end.
                reactor.turn(Some(Duration::ZERO), &mut |_| {})?;
                break;
            }
        }
        Ok(reactor.metrics().clone())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("address", &self.address)
            .field("limits", &self.limits)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// What the thread reports once it listens.
struct Started {
    url: String,
    waker: Waker,
}

/// A server that serves. Dropping it stops the server at once; [`stop`](Self::stop) drains it.
#[derive(Debug)]
pub struct Handle {
    url: String,
    certificate: Option<String>,
    waker: Waker,
    ends_at_once: Arc<AtomicBool>,
    /// `None` once it was joined.
    thread: Option<JoinHandle<io::Result<Metrics>>>,
}

impl Handle {
    /// Where the server listens, with the real port. For a name with several addresses, such as
    /// `localhost`, it is the first of them.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate that the server presents, PEM, for clients to trust; `None` without TLS.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Stops accepting, answers every message that was received whole, closes each connection, and
    /// returns what was counted. Waits for clients to close their side, at most for the limit
    /// [`drain_timeout`](Limits::drain_timeout).
    ///
    /// # Errors
    /// What polling reported, if that ended the server before.
    ///
    /// # Panics
    /// If the service has panicked and ended the server, with its panic.
    pub fn stop(mut self) -> io::Result<Metrics> {
        self.waker.wake()?;
        match self.thread.take() {
            Some(thread) => join(thread),
            None => Ok(Metrics::default()),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.ends_at_once.store(true, Ordering::Release);
        if self.waker.wake().is_ok() {
            // How it ended is for `stop` to tell.
            let _ = thread.join();
        }
    }
}

fn join(thread: JoinHandle<io::Result<Metrics>>) -> io::Result<Metrics> {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// What a server presents, and its certificate as PEM; `None` for an address without TLS.
#[cfg(feature = "tls")]
struct Tls(Option<(Identity, String)>);

#[cfg(feature = "tls")]
impl Tls {
    fn certificate(&self) -> Option<String> {
        self.0.as_ref().map(|(_, certificate)| certificate.clone())
    }

    fn acceptor(&self, framing: Framing) -> io::Result<Option<Acceptor>> {
        let Some((identity, _)) = &self.0 else { return Ok(None) };
        Acceptor::new(framing, identity, None).map(Some).map_err(invalid)
    }
}

/// What a server presents in a build without TLS.
#[cfg(not(feature = "tls"))]
struct Tls;

#[cfg(not(feature = "tls"))]
impl Tls {
    fn certificate(&self) -> Option<String> {
        None
    }

    fn acceptor(&self, _framing: Framing) -> io::Result<Option<Acceptor>> {
        Ok(None)
    }
}

/// The names under which these addresses can be reached on this machine.
#[cfg(feature = "tls")]
pub(crate) fn certificate_names<'a>(
    addresses: impl IntoIterator<Item = &'a Address>,
) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(String::from).into();
    for address in addresses {
        if let Location::Tcp(host, _) = &address.location
            && !host.is_empty()
            && !names.contains(host)
        {
            names.push(host.clone());
        }
    }
    names
}

/// The certificate of a PEM text that continues with its key.
#[cfg(feature = "tls")]
fn certificate_of(pem: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----\n";
    pem.find(END).map_or(String::new(), |start| pem[..start + END.len()].to_owned())
}

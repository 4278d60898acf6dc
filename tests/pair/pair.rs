//! A client and a server, connected by a pipe in each direction that delivers in chunks.

use crate::endpoint::Endpoint;
use crate::wire;
use halloo::proto::auth::Auth;
use halloo::proto::deflate::Settings;
use halloo::proto::{Config, Framing, Limits, Role, Stage};
use halloo::service::{Discard, Echo, Service};

/// The chunk sizes in which bytes arrive: every split inside a header, odd sizes, and all at once.
/// Miri is about a thousand times slower, so it tests one of each kind.
pub(crate) const CHUNKS: &[usize] =
    if cfg!(miri) { &[1, 7, usize::MAX] } else { &[1, 2, 3, 7, 64, 1000, usize::MAX] };

/// The buffer sizes: smaller and larger than the long messages of these tests.
pub(crate) const CAPACITIES: [usize; 2] =
    if cfg!(miri) { [10 * 1024, 32 * 1024] } else { [16 * 1024, 512 * 1024] };

/// A length that exceeds the smaller buffer, and one that exceeds both.
pub(crate) const BEYOND_ONE: usize = if cfg!(miri) { 11_000 } else { 70_000 };
pub(crate) const BEYOND_BOTH: usize = if cfg!(miri) { 33_000 } else { 600_000 };

/// The number of random inputs for each property.
pub(crate) const TRIES: u32 = if cfg!(miri) { 2 } else { 500 };

/// The parameters of a connection.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) framing: Framing,
    pub(crate) chunk: usize,
    pub(crate) capacity: usize,
    pub(crate) message_bytes_max: u64,
    pub(crate) auth: Option<Auth>,
    /// The client's authentication, if it differs from the server's.
    pub(crate) client_auth: Option<Auth>,
    /// The server's service.
    pub(crate) service: fn() -> Box<dyn Service>,
    pub(crate) client_service: fn() -> Box<dyn Service>,
    /// Whether the client assembles whole messages, as a client that echoes must.
    pub(crate) client_takes_whole: bool,
    pub(crate) deflate: Option<Settings>,
}

impl Setup {
    /// An echo server whose input arrives at once.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            chunk: usize::MAX,
            capacity: CAPACITIES[0],
            message_bytes_max: Limits::default().message_bytes_max,
            auth: None,
            client_auth: None,
            service: || Box::new(Echo),
            client_service: || Box::new(Discard),
            client_takes_whole: false,
            deflate: None,
        }
    }

    /// This setup with every chunk size and every buffer size.
    pub(crate) fn everywhere(&self) -> impl Iterator<Item = Self> {
        let with = move |capacity| {
            CHUNKS.iter().map(move |&chunk| Self { chunk, capacity, ..self.clone() })
        };
        CAPACITIES.into_iter().flat_map(with)
    }

    /// As [`everywhere`](Self::everywhere), for messages of hundreds of kilobytes: Miri delivers
    /// them in one piece only.
    pub(crate) fn everywhere_in_bulk(&self) -> impl Iterator<Item = Self> {
        self.everywhere().filter(|setup| !cfg!(miri) || setup.chunk == usize::MAX)
    }

    /// Both sides, before anything is sent.
    pub(crate) fn silent_pair(&self) -> Pair {
        let mut client = self.config(Role::Client);
        client.offer.target = "/".into();
        client.offer.host = "halloo.test".into();
        client.whole_messages = self.client_takes_whole;
        client.auth = self.client_auth.clone().or_else(|| self.auth.clone());
        Pair {
            client: Endpoint::new(client, (self.client_service)(), self.capacity),
            server: self.silent_server(),
            chunk: self.chunk,
        }
    }

    /// Both sides, open.
    pub(crate) fn pair(&self) -> Pair {
        let mut pair = self.silent_pair();
        pair.start();
        assert_eq!(pair.client.stage(), Stage::Open);
        assert_eq!(pair.server.stage(), Stage::Open);
        pair
    }

    /// A server alone, before any input.
    pub(crate) fn silent_server(&self) -> Endpoint {
        let service = (self.service)();
        let mut config = self.config(Role::Server);
        config.whole_messages = service.needs().whole_messages;
        Endpoint::new(config, service, self.capacity)
    }

    /// A server alone, after the opening handshake.
    pub(crate) fn server(&self) -> Endpoint {
        let mut server = self.silent_server();
        server.start();
        if self.framing == Framing::WebSocket {
            server.receive(wire::REQUEST, self.chunk);
        }
        server
    }

    /// A server alone that has received these bytes after the opening handshake.
    pub(crate) fn server_given(&self, bytes: &[u8]) -> Endpoint {
        let mut server = self.server();
        server.receive(bytes, self.chunk);
        server
    }

    fn config(&self, role: Role) -> Config {
        let mut config = Config::new(role, self.framing);
        config.limits.message_bytes_max = self.message_bytes_max;
        config.auth = self.auth.clone();
        config.deflate = self.deflate;
        config
    }
}

pub(crate) struct Pair {
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
    chunk: usize,
}

impl Pair {
    /// Starts both sides and delivers until neither has more to send.
    pub(crate) fn start(&mut self) {
        self.client.start();
        self.server.start();
        self.run();
    }

    /// Delivers in both directions until neither side has more to send.
    pub(crate) fn run(&mut self) {
        loop {
            let to_server = self.client.take_output();
            let to_client = self.server.take_output();
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.server.receive(&to_server, self.chunk);
            self.client.receive(&to_client, self.chunk);
        }
    }

    pub(crate) fn assert_idle(&self) {
        self.client.assert_idle();
        self.server.assert_idle();
    }
}

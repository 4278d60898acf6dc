//! Addresses: framing and transport in one URL, such as `ws://127.0.0.1:9527/chat` or
//! `line+unix:/run/x`, and the short forms `HOST:PORT`, `PORT` and `:PORT`.

mod parse;

use crate::proto::handshake::Offer;
use crate::proto::http::RESPONSE_HEAD_BYTES_MAX;
use crate::proto::{Config, Framing, Limits, Role};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The schemes, as error messages list them.
const SCHEMES: &str =
    "ws://, wss://, tcp://, tls://, line://, line+tls://, ws+unix:, unix:, line+unix:";

/// A parsed address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How bytes become messages.
    pub framing: Framing,
    /// Where to connect to, or where to listen.
    pub location: Location,
    /// Whether TLS lies between TCP and the framing.
    pub tls: bool,
    /// Path and query of a WebSocket URL, if it has any.
    pub path: Option<String>,
    /// `user:password` of a WebSocket URL, percent-decoded, if it has any. Never printed.
    pub userinfo: Option<Userinfo>,
}

/// A user and password: a secret, which `Debug` does not print either.
#[derive(Clone, PartialEq, Eq)]
pub struct Userinfo(Zeroizing<Vec<u8>>);

/// A location as written in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A host, by name or address and without brackets, and a port. An empty host means every
    /// address of this machine to listen on, and `localhost` to connect to.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A location as the operating system needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// An IP address and a port, and the name that the server's certificate must be valid for.
    Tls(SocketAddr, String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why a text is not an address, as a sentence that suggests a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(String);

impl Address {
    /// Whether a word on the command line is meant as an address: it has `://` or the scheme of a
    /// Unix socket, ends in `:DIGITS`, or is a port.
    pub fn is_meant_by(word: &str) -> bool {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let has_scheme = word.contains("://")
            || word
                .split_once(':')
                .is_some_and(|(scheme, _)| parse::unix_framing(scheme).is_some());
        has_scheme
            || word.rsplit_once(':').is_some_and(|(_, port)| is_number(port))
            || (is_number(word) && word.parse::<u16>().is_ok())
    }

    /// `ws://127.0.0.1:PORT`.
    pub fn at_port(port: u16) -> Self {
        let location = Location::Tcp(Ipv4Addr::LOCALHOST.to_string(), port);
        Self { framing: Framing::WebSocket, location, tls: false, path: None, userinfo: None }
    }

    /// Resolves the name to endpoints, in the resolver's order. Without a host, returns one
    /// endpoint that stands for every address of this machine, IPv6 and IPv4.
    ///
    /// # Errors
    /// The error of the resolver.
    pub fn resolve(&self) -> io::Result<Vec<Endpoint>> {
        match &self.location {
            Location::Unix(path) => Ok(vec![Endpoint::Unix(path.clone())]),
            Location::Tcp(host, port) => {
                let addresses = match host.as_str() {
                    "" => vec![SocketAddr::new(unspecified(), *port)],
                    host => (host, *port).to_socket_addrs()?.collect(),
                };
                let endpoint = |address| match self.tls {
                    true => Endpoint::Tls(address, without_zone(host).into()),
                    false => Endpoint::Tcp(address),
                };
                Ok(addresses.into_iter().map(endpoint).collect())
            }
        }
    }

    /// Turns a server's address into a client's: an empty host becomes `localhost`.
    #[must_use]
    pub fn to_connect_to(mut self) -> Self {
        if let Location::Tcp(host, _) = &mut self.location
            && host.is_empty()
        {
            *host = "localhost".into();
        }
        self
    }

    /// The configuration of a client's sessions with the server at this address: framing, request
    /// target, `Host`, and the user of the URL in an `Authorization` field.
    pub fn client_config(&self) -> Config {
        let authorization =
            |userinfo: &Userinfo| ("Authorization".into(), userinfo.authorization());
        Config {
            offer: Offer {
                target: self.path.clone().unwrap_or_else(|| "/".into()),
                host: self.host_field(),
                subprotocols: Vec::new(),
                headers: self.userinfo.iter().map(authorization).collect(),
            },
            limits: Limits { head_bytes_max: RESPONSE_HEAD_BYTES_MAX, ..Limits::default() },
            ..Config::new(Role::Client, self.framing)
        }
    }

    /// The value of a `Host` field for this address (RFC 9110 §7.2), without the scheme's default
    /// port.
    pub fn host_field(&self) -> String {
        match &self.location {
            Location::Tcp(host, port) if *port == web_port(self.tls) => {
                bracketed(without_zone(host))
            }
            Location::Tcp(host, port) => format!("{}:{port}", bracketed(without_zone(host))),
            Location::Unix(_) => "localhost".into(),
        }
    }
}

impl Userinfo {
    /// The value of an `Authorization` field (RFC 7617 §2).
    pub fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(&*self.0))
    }
}

impl fmt::Debug for Userinfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Userinfo(***)")
    }
}

/// Every address of this machine: IPv6, which includes IPv4, unless this kernel has no IPv6.
fn unspecified() -> IpAddr {
    match socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The host without the zone of an IPv6 address. RFC 6874 §1: a zone has meaning on this machine
/// only, and "Such URIs SHOULD NOT appear outside": neither `Host` nor a certificate contains one.
fn without_zone(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if host.contains(':') => address,
        _ => host,
    }
}

/// The default port of a WebSocket URL (RFC 6455 §3).
fn web_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.into() }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.framing, self.tls) {
            (Framing::WebSocket, false) => "ws",
            (Framing::WebSocket, true) => "wss",
            (Framing::Raw, false) => "tcp",
            (Framing::Raw, true) => "tls",
            (Framing::Line, false) => "line",
            (Framing::Line, true) => "line+tls",
        };
        match (&self.location, self.framing) {
            (Location::Unix(path), Framing::Raw) => write!(formatter, "unix:{}", path.display()),
            (Location::Unix(path), _) => write!(formatter, "{scheme}+unix:{}", path.display()),
            (Location::Tcp(host, port), _) => {
                let path = self.path.as_deref().unwrap_or_default();
                // RFC 6874 §2: the '%' before a zone is itself encoded, and so is unambiguous.
                let host = match without_zone(host) == host {
                    true => bracketed(host),
                    false => bracketed(&host.replacen('%', "%25", 1)),
                };
                write!(formatter, "{scheme}://{host}:{port}{path}")
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Tls(address, _) => address.fmt(formatter),
            Self::Unix(path) => path.display().fmt(formatter),
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl Location {
    /// The location of a bound socket, with its actual port.
    pub fn bound(address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V4(ip) => Self::Tcp(ip.to_string(), address.port()),
            IpAddr::V6(ip) => Self::Tcp(ip.to_string(), address.port()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_printed_as_it_was_written() {
        for text in [
            "ws://127.0.0.1:9527",
            "ws://localhost:80/chat?room=1",
            "tcp://[::1]:0",
            "line://example.org:7",
            "wss://example.org:443/chat",
            "tls://[::1]:1",
            "line+tls://localhost:8443",
            "unix:/run/halloo.sock",
            "ws+unix:/run/halloo.sock",
            "line+unix:halloo.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("ws://a".parse::<Address>().unwrap().host_field(), "a");
        assert_eq!("wss://a".parse::<Address>().unwrap().host_field(), "a");
        assert_eq!("wss://a:80".parse::<Address>().unwrap().host_field(), "a:80");
        assert_eq!("ws://[::1]:9527/".parse::<Address>().unwrap().host_field(), "[::1]:9527");
        let unix = "unix:///run/x".parse::<Address>().unwrap();
        assert_eq!(unix.location, Location::Unix("/run/x".into()));
        let slashes = "unix:////run/x".parse::<Address>().unwrap();
        assert_eq!(slashes.location, Location::Unix("/run/x".into()));
    }

    #[test]
    fn short_forms_and_schemes_in_any_case() {
        for (short, long) in [
            ("9527", "ws://127.0.0.1:9527"),
            ("0", "ws://127.0.0.1:0"),
            (":9527", "ws://:9527"),
            ("localhost:9527", "ws://localhost:9527"),
            ("[::1]:9527", "ws://[::1]:9527"),
            ("WS://a:1", "ws://a:1"),
            ("Tcp://a:1", "tcp://a:1"),
            ("LINE+TLS://a:1", "line+tls://a:1"),
            ("Ws+Unix:/run/x", "ws+unix:/run/x"),
            ("tcp://:9527", "tcp://:9527"),
        ] {
            assert!(Address::is_meant_by(short), "{short}");
            assert_eq!(short.parse::<Address>().unwrap().to_string(), long);
        }
        for word in ["srve", "man", "version", "localhost", "65536", "a:b", "a:", "", "127.0.0.1"] {
            assert!(!Address::is_meant_by(word), "{word}");
        }
    }

    #[test]
    fn an_empty_host_means_every_address_to_listen_on_and_localhost_to_connect_to() {
        let any: Address = ":0".parse().unwrap();
        let [Endpoint::Tcp(address)] = any.resolve().unwrap()[..] else { panic!("one endpoint") };
        assert!(address.ip().is_unspecified());
        assert_eq!(any.to_connect_to().to_string(), "ws://localhost:0");
    }

    #[test]
    fn a_zone_stays_on_this_machine() {
        for text in ["wss://[fe80::1%lo]:1", "wss://[fe80::1%25lo]:1"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.host_field(), "[fe80::1]:1");
            assert_eq!(address.to_string(), "wss://[fe80::1%25lo]:1");
            if let Ok(endpoints) = address.resolve() {
                let [Endpoint::Tls(SocketAddr::V6(at), name)] = &endpoints[..] else { panic!() };
                assert_eq!((name.as_str(), at.scope_id() > 0), ("fe80::1", true));
            }
        }
    }

    #[test]
    fn a_password_is_decoded_and_never_printed() {
        let address: Address = "ws://me:p%40ss@a:1/x".parse().unwrap();
        assert_eq!(
            (address.to_string(), address.host_field()),
            ("ws://a:1/x".into(), "a:1".into())
        );
        let userinfo = address.userinfo.as_ref().unwrap();
        assert_eq!(userinfo.authorization(), "Basic bWU6cEBzcw==");
        assert!(!format!("{address:?}").contains("ss@"), "{address:?}");
    }
}

//! Addresses: framing and transport in one URL, such as `ws://127.0.0.1:9527/chat` or `line+unix:/run/x`, and the
//! short forms `HOST:PORT`, `PORT` and `:PORT`.

use crate::proto::Framing;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The schemes, as a message lists them.
const SCHEMES: &str =
    "ws://, wss://, tcp://, tls://, line://, line+tls://, ws+unix:, unix:, line+unix:";

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How bytes become messages.
    pub framing: Framing,
    /// Where the other side is, or where to listen.
    pub location: Location,
    /// Whether TLS goes between TCP and the framing.
    pub tls: bool,
    /// Path and query of a WebSocket URL, if it has any.
    pub path: Option<String>,
    /// `user:password` of a WebSocket URL, percent-decoded, if it has any. Never shown.
    pub userinfo: Option<Userinfo>,
}

/// A user and password: a secret, which `Debug` does not print either.
#[derive(Clone, PartialEq, Eq)]
pub struct Userinfo(Zeroizing<Vec<u8>>);

/// A place as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A host, by name or address and without brackets, and a port. Without a host it is every address of this
    /// machine to listen on, and `localhost` to connect to.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A place as the operating system takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The same, and the name that the server's certificate must be for.
    Tls(SocketAddr, String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Why a URL is none, in a sentence that says what would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(String);

impl Address {
    /// Whether a word on the command line is meant as an address: it has `://` or the scheme of a Unix socket, ends
    /// in `:DIGITS`, or is a port.
    pub fn is_meant_by(word: &str) -> bool {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let has_scheme = word.contains("://")
            || word.split_once(':').is_some_and(|(scheme, _)| unix_framing(scheme).is_some());
        has_scheme
            || word.rsplit_once(':').is_some_and(|(_, port)| is_number(port))
            || (is_number(word) && word.parse::<u16>().is_ok())
    }

    /// `ws://127.0.0.1:PORT`.
    pub fn at_port(port: u16) -> Self {
        let location = Location::Tcp(Ipv4Addr::LOCALHOST.to_string(), port);
        Self { framing: Framing::WebSocket, location, tls: false, path: None, userinfo: None }
    }

    /// The endpoints the name stands for, in the resolver's order. Without a host, one that stands for every
    /// address of this machine, IPv6 and IPv4.
    ///
    /// # Errors
    /// What the resolver says.
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

    /// The same as a client's: without a host it is this machine.
    #[must_use]
    pub fn to_connect_to(mut self) -> Self {
        if let Location::Tcp(host, _) = &mut self.location
            && host.is_empty()
        {
            *host = "localhost".into();
        }
        self
    }

    /// The value of a `Host` field for this address (RFC 9110 §7.2): the scheme's own port is left out.
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

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some((scheme, path)) = text.split_once(':')
            && let Some(framing) = unix_framing(scheme)
        {
            return parse_unix(framing, path, text);
        }
        let Some((scheme, rest)) = text.split_once("://") else { return parse_short(text) };
        let scheme = &*scheme.to_ascii_lowercase();
        let (framing, tls) = match scheme {
            "ws" => (Framing::WebSocket, false),
            "wss" => (Framing::WebSocket, true),
            "tcp" => (Framing::Raw, false),
            "tls" => (Framing::Raw, true),
            "line" => (Framing::Line, false),
            "line+tls" => (Framing::Line, true),
            _ => return Err(unknown_scheme(scheme, rest)),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = parse_path(framing, path, text)?;
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(parse_userinfo(framing, userinfo)?), authority),
            None => (None, authority),
        };
        let default_port = (framing == Framing::WebSocket).then_some(web_port(tls));
        let (host, port) = parse_authority(scheme, authority, default_port, text)?;
        Ok(Self { framing, location: Location::Tcp(host, port), tls, path, userinfo })
    }
}

/// `PORT`, `:PORT` and `HOST:PORT`, all of them WebSocket.
fn parse_short(text: &str) -> Result<Address, AddressError> {
    if !Address::is_meant_by(text) {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return Err(AddressError(match text {
            _ if is_number => format!("'{text}' is not a port: ports go from 0 to 65535"),
            _ => format!(
                "'{text}' is not an address: write HOST:PORT, PORT, or a URL such as ws://127.0.0.1:9527; the \
                 schemes are {SCHEMES}"
            ),
        }));
    }
    match text.contains(':') {
        true => format!("ws://{text}").parse(),
        // It is a port, or it would not be meant as an address.
        false => Ok(Address::at_port(text.parse().unwrap_or_default())),
    }
}

fn unknown_scheme(scheme: &str, rest: &str) -> AddressError {
    AddressError(match scheme {
        "http" => format!("'http' is not a scheme of halloo: did you mean ws://{rest}?"),
        "https" => format!("'https' is not a scheme of halloo: did you mean wss://{rest}?"),
        _ => format!("'{scheme}' is not a scheme: one of {SCHEMES}"),
    })
}

fn parse_userinfo(framing: Framing, userinfo: &str) -> Result<Userinfo, AddressError> {
    if framing != Framing::WebSocket {
        return Err(AddressError(
            "a user name before the host becomes Basic authorization, which only ws:// and wss:// have"
                .into(),
        ));
    }
    let decoded = percent_decoded(userinfo).ok_or_else(|| {
        AddressError("the user name or password before the host is not percent-encoded".into())
    })?;
    let has_control = decoded.iter().any(u8::is_ascii_control);
    if has_control || !decoded.contains(&b':') {
        return Err(AddressError(
            "what stands before '@' is user:password, without control characters".into(),
        ));
    }
    Ok(Userinfo(decoded))
}

/// RFC 3986 §2.1: pct-encoded = "%" HEXDIG HEXDIG
fn percent_decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            byte => byte,
        });
    }
    Some(decoded)
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

/// Every address of this machine: IPv6, which takes IPv4 along, unless this kernel is without it.
fn unspecified() -> IpAddr {
    match socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

/// The host without the zone of an IPv6 address. RFC 6874 §1: a zone has meaning on this machine only, and
/// "Such URIs SHOULD NOT appear outside": neither `Host` nor a certificate has one.
fn without_zone(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if host.contains(':') => address,
        _ => host,
    }
}

fn unix_framing(scheme: &str) -> Option<Framing> {
    match &*scheme.to_ascii_lowercase() {
        "ws+unix" => Some(Framing::WebSocket),
        "unix" => Some(Framing::Raw),
        "line+unix" => Some(Framing::Line),
        _ => None,
    }
}

fn parse_unix(framing: Framing, path: &str, text: &str) -> Result<Address, AddressError> {
    let named = path.trim_start_matches('/');
    // `unix://x` is x; any other slashes in front say that the path is absolute, and one says it.
    let path = match path.len() - named.len() {
        0 | 2 => named,
        slashes => &path[slashes - 1..],
    };
    if named.is_empty() {
        return Err(AddressError(format!("'{text}' has no path, as in unix:/run/halloo.sock")));
    }
    let location = Location::Unix(path.into());
    Ok(Address { framing, location, tls: false, path: None, userinfo: None })
}

fn parse_path(framing: Framing, path: &str, text: &str) -> Result<Option<String>, AddressError> {
    // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be
    // used on these URIs."
    if path.contains('#') {
        return Err(AddressError(format!(
            "'{text}' has a fragment ('#'), which means nothing here"
        )));
    }
    if let Some(bad) = path.chars().find(|&character| !character.is_ascii_graphic()) {
        return Err(AddressError(format!("'{text}' has {bad:?} in its path: percent-encode it")));
    }
    match path {
        "" | "/" => Ok(None),
        _ if framing != Framing::WebSocket => {
            Err(AddressError(format!("'{text}' has a path, which only ws:// and wss:// take")))
        }
        _ if path.starts_with('?') => Ok(Some(format!("/{path}"))),
        _ => Ok(Some(path.into())),
    }
}

fn parse_authority(
    scheme: &str,
    authority: &str,
    default_port: Option<u16>,
    text: &str,
) -> Result<(String, u16), AddressError> {
    let mut zoned = String::new();
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').unwrap_or((rest, "no closing bracket"));
            // RFC 6874 §2: a URI writes the '%' before a zone as "%25". People write it as it is.
            zoned.push_str(&host.replacen("%25", "%", 1));
            let host = zoned.as_str();
            let is_zone = host.split_once('%').is_none_or(|(_, zone)| is_zone(zone));
            if without_zone(host).parse::<Ipv6Addr>().is_err()
                || !is_zone
                || !(port.is_empty() || port.starts_with(':'))
            {
                let message = format!("'{text}' has no IPv6 address in its brackets");
                return Err(AddressError(message));
            }
            (host, port.strip_prefix(':'))
        }
        None if authority.matches(':').count() > 1 => {
            // `::1:9527` is itself an address, but whoever writes it means a port at its end.
            let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "PORT"));
            let (host, port) = if host.parse::<Ipv6Addr>().is_ok() {
                (host, port)
            } else if authority.parse::<Ipv6Addr>().is_ok() {
                (authority, "PORT")
            } else {
                return Err(AddressError(format!("'{text}' has more than one port")));
            };
            return Err(AddressError(format!(
                "'{text}' has an IPv6 address without brackets: write {scheme}://[{host}]:{port}"
            )));
        }
        None => {
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
        }
    };
    if host.is_empty() && port.is_none_or(str::is_empty) {
        return Err(AddressError(format!("'{text}' has no host, as in {scheme}://127.0.0.1:9527")));
    }
    if host.chars().any(|character| character.is_whitespace() || character.is_control()) {
        return Err(AddressError(format!(
            "{text:?} has a blank or a control character in its host"
        )));
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit())),
        None => default_port,
    };
    let missing = || AddressError(format!("'{text}' needs a port from 0 to 65535 after its host"));
    Ok((host.into(), port.ok_or_else(missing)?))
}

/// Whether this is the name or the number of a network interface.
fn is_zone(zone: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte);
    !zone.is_empty() && zone.bytes().all(is_plain)
}

/// The port that a WebSocket URL means without naming one (RFC 6455 §3).
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
                write!(formatter, "{scheme}://{}:{port}{path}", bracketed(host))
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
    /// The same host with the port that was really bound.
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
    fn what_is_written_is_shown_again() {
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
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (text, part) in [
            ("localhost", "write HOST:PORT"),
            ("srve", "not an address"),
            ("", "not an address"),
            ("65536", "not a port"),
            ("http://a:1", "did you mean ws://a:1?"),
            ("HTTPS://a/b", "did you mean wss://a/b?"),
            ("gopher://a:1", "'gopher' is not a scheme"),
            ("tcp://a", "needs a port"),
            ("tcp://a:", "needs a port"),
            ("tcp://a:65536", "needs a port"),
            ("tcp://a:+1", "needs a port"),
            ("ws://", "has no host"),
            ("tcp://:", "has no host"),
            ("tcp://:x", "needs a port"),
            ("ws://::1:9527", "write ws://[::1]:9527"),
            ("tcp://2001:db8::1:80", "without brackets"),
            ("ws://127.0.0.1:80:90", "more than one port"),
            ("ws://[::1:9527", "no IPv6 address in its brackets"),
            ("ws://[::1]9527", "no IPv6 address in its brackets"),
            ("ws://[a]:9527", "no IPv6 address in its brackets"),
            ("ws://[fe80::1%]:9527", "no IPv6 address in its brackets"),
            ("ws://[fe80::1%a b]:9527", "no IPv6 address in its brackets"),
            ("::1:9527", "write ws://[::1]:9527"),
            ("ws://u@a:1", "user:password"),
            ("ws://u:%zz@a:1", "percent-encoded"),
            ("ws://u:a%0ab@a:1", "control characters"),
            ("tcp://u:p@a:1", "only ws:// and wss:// have"),
            ("ws://a:1/#x", "has a fragment"),
            ("ws://a:1/a b", "percent-encode"),
            ("tcp://a:1/x", "only ws:// and wss:// take"),
            ("unix:", "has no path"),
            ("unix:///", "has no path"),
            ("ws://a\r\nX:1", "control character in its host"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
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
    fn no_host_is_every_address_to_listen_on_and_this_machine_to_connect_to() {
        let any: Address = ":0".parse().unwrap();
        let [Endpoint::Tcp(address)] = any.resolve().unwrap()[..] else { panic!("one endpoint") };
        assert!(address.ip().is_unspecified());
        assert_eq!(any.to_connect_to().to_string(), "ws://localhost:0");
    }

    #[test]
    fn a_zone_is_for_this_machine_and_nobody_else() {
        for text in ["wss://[fe80::1%lo]:1", "wss://[fe80::1%25lo]:1"] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.host_field(), "[fe80::1]:1");
            assert_eq!(address.to_string(), "wss://[fe80::1%lo]:1");
            if let Ok(endpoints) = address.resolve() {
                let [Endpoint::Tls(SocketAddr::V6(at), name)] = &endpoints[..] else { panic!() };
                assert_eq!((name.as_str(), at.scope_id() > 0), ("fe80::1", true));
            }
        }
    }

    #[test]
    fn a_password_is_decoded_and_not_shown() {
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

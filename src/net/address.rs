//! Addresses: framing and transport in one URL, such as `ws://127.0.0.1:9527/chat` or `line+unix:/run/x`.

use crate::proto::Framing;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

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
}

/// A place as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A host, by name or address and without brackets, and a port.
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
    /// The endpoints the name stands for, in the resolver's order.
    ///
    /// # Errors
    /// What the resolver says.
    pub fn resolve(&self) -> io::Result<Vec<Endpoint>> {
        match &self.location {
            Location::Unix(path) => Ok(vec![Endpoint::Unix(path.clone())]),
            Location::Tcp(host, port) => {
                let addresses = (host.as_str(), *port).to_socket_addrs()?;
                let endpoint = |address| match self.tls {
                    true => Endpoint::Tls(address, host.clone()),
                    false => Endpoint::Tcp(address),
                };
                Ok(addresses.map(endpoint).collect())
            }
        }
    }

    /// The value of a `Host` field for this address (RFC 9110 §7.2): the scheme's own port is left out.
    pub fn host_field(&self) -> String {
        match &self.location {
            Location::Tcp(host, port) if *port == web_port(self.tls) => bracketed(host),
            Location::Tcp(host, port) => format!("{}:{port}", bracketed(host)),
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
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(AddressError(format!(
                "'{text}' has no scheme: one of {SCHEMES} as in ws://{}",
                if text.contains(':') { text } else { "127.0.0.1:9527" }
            )));
        };
        let (framing, tls) = match scheme {
            "ws" => (Framing::WebSocket, false),
            "wss" => (Framing::WebSocket, true),
            "tcp" => (Framing::Raw, false),
            "tls" => (Framing::Raw, true),
            "line" => (Framing::Line, false),
            "line+tls" => (Framing::Line, true),
            _ => {
                let message = format!("'{scheme}' is not a scheme: one of {SCHEMES}");
                return Err(AddressError(message));
            }
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let path = parse_path(framing, path, text)?;
        let default_port = (framing == Framing::WebSocket).then_some(web_port(tls));
        let (host, port) = parse_authority(scheme, authority, default_port, text)?;
        Ok(Self { framing, location: Location::Tcp(host, port), tls, path })
    }
}

fn unix_framing(scheme: &str) -> Option<Framing> {
    match scheme {
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
    Ok(Address { framing, location: Location::Unix(path.into()), tls: false, path: None })
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
    if authority.contains('@') {
        return Err(AddressError(format!("'{text}' has a user name, which nothing here uses")));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').unwrap_or((rest, "no closing bracket"));
            if host.parse::<Ipv6Addr>().is_err() || !(port.is_empty() || port.starts_with(':')) {
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
    if host.is_empty() {
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
            ("127.0.0.1:9527", "as in ws://127.0.0.1:9527"),
            ("localhost", "has no scheme"),
            ("http://a:1", "'http' is not a scheme"),
            ("tcp://a", "needs a port"),
            ("tcp://a:", "needs a port"),
            ("tcp://a:65536", "needs a port"),
            ("tcp://a:+1", "needs a port"),
            ("ws://:9527", "has no host"),
            ("ws://::1:9527", "write ws://[::1]:9527"),
            ("tcp://2001:db8::1:80", "without brackets"),
            ("ws://127.0.0.1:80:90", "more than one port"),
            ("ws://[::1:9527", "no IPv6 address in its brackets"),
            ("ws://[::1]9527", "no IPv6 address in its brackets"),
            ("ws://[a]:9527", "no IPv6 address in its brackets"),
            ("ws://u@a:1", "has a user name"),
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
}

//! Parses addresses, and explains what is wrong with an invalid one.

use super::{Address, AddressError, Location, SCHEMES, Userinfo, web_port, without_zone};
use crate::proto::Framing;
use std::net::Ipv6Addr;
use std::str::FromStr;
use zeroize::Zeroizing;

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
    if text.contains('@') {
        return Err(AddressError(
            "a user and password need a URL, as in ws://user:password@127.0.0.1:9527".into(),
        ));
    }
    match text.contains(':') {
        true => format!("ws://{text}").parse(),
        // This is a port: anything else is rejected above.
        false => Ok(Address::at_port(text.parse().unwrap_or_default())),
    }
}

fn unknown_scheme(scheme: &str, rest: &str) -> AddressError {
    AddressError(match scheme {
        "http" => format!("'http' is not a scheme of halloo: did you mean ws://{rest}?"),
        "https" => format!("'https' is not a scheme of halloo: did you mean wss://{rest}?"),
        _ => format!("'{scheme}' is not a scheme: use one of {SCHEMES}"),
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
            "the part before '@' must be user:password, without control characters".into(),
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

pub(super) fn unix_framing(scheme: &str) -> Option<Framing> {
    match &*scheme.to_ascii_lowercase() {
        "ws+unix" => Some(Framing::WebSocket),
        "unix" => Some(Framing::Raw),
        "line+unix" => Some(Framing::Line),
        _ => None,
    }
}

fn parse_unix(framing: Framing, path: &str, text: &str) -> Result<Address, AddressError> {
    let named = path.trim_start_matches('/');
    // `unix://x` is x; any other number of slashes means an absolute path, which needs only one.
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
    // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST
    // NOT be used on these URIs."
    if path.contains('#') {
        return Err(AddressError(format!(
            "'{text}' has a fragment ('#'), which an address must not have"
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
            // RFC 6874 §2: a URI writes the '%' before a zone as "%25". Users often write it
            // unencoded.
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
            // `::1:9527` is itself an address, but a user who writes it means a port at its end.
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
            "{text:?} has whitespace or a control character in its host"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_problem_and_a_fix() {
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
            ("u:p@a:1", "need a URL"),
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
}

//! The values of `--allow-origin`, `--allow-host` and `--subprotocol`. A value that no request can
//! match is refused, since a server with only such values would reject every client.

use crate::proto::handshake::host_name;
use crate::proto::http::is_token;
use std::net::Ipv6Addr;

/// Parses an origin as browsers send it: `https://page.example`, `http://[::1]:8080`, `null`.
pub(in crate::cli) fn origin(text: &str) -> Result<String, String> {
    // RFC 6454 §7.1, and the origin of a page that was opened from a file.
    if text == "null" || text == "file://" {
        return Ok(text.into());
    }
    let wanted = |what: &str| format!("{what}: expected an origin such as https://page.example");
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(wanted("it has no scheme"));
    };
    if !is_scheme(scheme) {
        return Err(wanted("its scheme is not valid"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !path.is_empty() {
        return Err(format!("an origin has no path: write {scheme}://{authority}"));
    }
    let (host, port) = split_port(authority);
    if !is_browser_host(host) {
        return Err(wanted("its host is not one that a browser sends"));
    }
    let Some(port) = port else { return Ok(text.into()) };
    match port.parse::<u16>() {
        // RFC 6454 §6.2 omits the port where it is the scheme's default.
        Ok(number) if own_port(scheme) == Some(number) => Err(format!(
            "browsers omit the default port {number} of {scheme}: write {scheme}://{host}"
        )),
        Ok(number) if number.to_string() == port => Ok(text.into()),
        _ => Err(wanted("its port is not a number from 0 to 65535")),
    }
}

/// Parses a name as it appears in `Host`, without a port: `localhost`, `echo.example`, `[::1]`.
pub(in crate::cli) fn host(text: &str) -> Result<String, String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("an IPv6 address needs brackets: write [{text}]"));
    }
    let name = host_name(text.as_bytes()).and_then(|name| std::str::from_utf8(name).ok());
    match name {
        Some(name) if name == text && name != "*" => Ok(text.into()),
        Some(name) if name != text => Err(format!("a host is allowed on every port: write {name}")),
        _ => Err("expected a host name such as echo.example, 127.0.0.1 or [::1]".into()),
    }
}

/// Parses a subprotocol. RFC 6455 §4.1: "non-empty strings with characters in the range U+0021 to
/// U+007E not including separator characters".
pub(in crate::cli) fn subprotocol(text: &str) -> Result<String, String> {
    let message = "a subprotocol is letters, digits and !#$%&'*+-.^_`|~";
    is_token(text.as_bytes()).then(|| text.into()).ok_or_else(|| message.into())
}

/// RFC 3986 §3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
}

/// The host, and the port if there is one.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[after_brackets..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_brackets + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

/// Whether a browser can send this host: an ASCII name (others are sent as punycode), or an
/// address in its canonical form.
fn is_browser_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let canonical = address.parse::<Ipv6Addr>().map(|address| url_form(&address));
        return canonical.is_ok_and(|canonical| canonical.eq_ignore_ascii_case(address));
    }
    !host.is_empty() && host.chars().all(|it| it.is_ascii_alphanumeric() || "-._~".contains(it))
}

/// The address as browsers write it: without the dotted form that Rust uses for mapped IPv4
/// addresses.
fn url_form(address: &Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = address.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        None => address.to_string(),
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_browsers_send() {
        for text in [
            "https://page.example",
            "HTTPS://Page.Example",
            "https://page.example.",
            "http://page.example:443",
            "https://page.example:8443",
            "http://127.0.0.1:8080",
            "http://[::1]",
            "http://[::1]:8080",
            "http://[::ffff:7f00:1]",
            "https://xn--bcher-kva.example",
            "chrome-extension://abcdefghijklmnop",
            "null",
            "file://",
        ] {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn origins_that_no_browser_sends() {
        for (text, part) in [
            ("https://x/", "write https://x"),
            ("https://x/chat?a#b", "write https://x"),
            ("https://x:443", "write https://x"),
            ("HTTPS://x:443", "write HTTPS://x"),
            ("http://[::1]:80", "write http://[::1]"),
            ("x.example", "no scheme"),
            ("//x.example", "no scheme"),
            ("https:x", "no scheme"),
            ("", "no scheme"),
            ("*", "no scheme"),
            ("https://", "its host"),
            ("https://*.x.example", "its host"),
            ("https://user@x", "its host"),
            ("https://bücher.example", "its host"),
            ("https://a b", "its host"),
            ("https://x.example,https://y.example", "write https://x.example,https:"),
            ("http://::1", "its host"),
            ("http://[0:0:0:0:0:0:0:1]", "its host"),
            ("http://[::1", "its host"),
            ("https://x:", "its port"),
            ("https://x:08443", "its port"),
            ("https://x:65536", "its port"),
            ("https://x:+1", "its port"),
            ("1http://x", "its scheme"),
            (" https://x", "its scheme"),
        ] {
            let error = origin(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn hosts_that_a_request_can_and_cannot_name() {
        for text in ["localhost", "Echo.Example", "127.0.0.1", "0.0.0.0", "[::1]", "a_b", "x."] {
            assert_eq!(host(text).as_deref(), Ok(text));
        }
        for (text, part) in [
            ("a:9527", "write a"),
            ("a:", "write a"),
            ("[::1]:9527", "write [::1]"),
            ("::1", "write [::1]"),
            ("http://a", "expected a host name"),
            ("a/", "expected a host name"),
            ("u@a", "expected a host name"),
            ("a b", "expected a host name"),
            ("bücher.example", "expected a host name"),
            ("[a]", "expected a host name"),
            ("a:b", "expected a host name"),
            ("*", "expected a host name"),
            ("", "expected a host name"),
        ] {
            let error = host(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}

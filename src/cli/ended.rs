//! The error for a connection that ended while it was needed: the cause, and a hint.

use super::redact;
use super::terminal::printable;
use crate::net::Address;
use crate::net::address::Location;
use crate::proto::response::Response;
use crate::proto::{CloseCode, End, Error, Framing, TlsFailure};
use std::time::Duration;

/// How many characters of a text from the server are shown: 200.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// What is known about how a connection ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) end: End,
    /// The opening handshake and authentication had succeeded.
    pub(super) was_open: bool,
    /// A message had arrived.
    pub(super) has_response: bool,
    /// The upgrade request had been sent.
    pub(super) was_requested: bool,
    /// The response to the upgrade request, as far as it arrived.
    pub(super) response: &'a [u8],
    /// The reason in the server's Close frame.
    pub(super) reason: &'a str,
}

impl Default for Ended<'_> {
    fn default() -> Self {
        Self {
            end: End::Peer,
            was_open: false,
            has_response: false,
            was_requested: true,
            response: &[],
            reason: "",
        }
    }
}

impl Ended<'_> {
    /// The cause of the end of the connection to `address`, and a hint where there is one.
    pub(super) fn explain(&self, address: &Address, has_key: bool, timeout: Duration) -> String {
        let url = shown_url(address);
        if !self.was_open
            && let Some(sentence) = self.never_open(address, timeout)
        {
            return sentence;
        }
        const CHECK_KEY: &str = "check the key, --auth-hash and --auth-encoding";
        match self.end {
            End::Failed(Error::AuthTimeout) => {
                format!("{url} sent no challenge within {timeout:?}")
            }
            End::Failed(Error::AuthTruncated) => {
                format!("{url} ended the connection before its challenge was complete")
            }
            End::Peer | End::Reset if has_key && !self.has_response => format!(
                "{url} ended the connection without a reply: if it should reply, {CHECK_KEY}"
            ),
            End::Peer => format!("{url} ended the connection without a reply"),
            End::PeerWithCode(CloseCode::POLICY_VIOLATION) if has_key => {
                format!("{url} closed with code 1008{}: {CHECK_KEY}", self.reason())
            }
            End::PeerWithCode(code) => format!("{url} closed with code {code}{}", self.reason()),
            end => format!("{url}: {end}"),
        }
    }

    /// The reason in the server's Close frame, in the form that follows its code.
    pub(super) fn reason(&self) -> String {
        match self.reason {
            "" => String::new(),
            reason => format!(" ({})", shown(reason.as_bytes())),
        }
    }

    fn never_open(&self, address: &Address, timeout: Duration) -> Option<String> {
        let url = shown_url(address);
        let other = other_scheme(address);
        let maybe_other = match (&other, address.tls) {
            (Some(other), true) => format!("; if it does not speak TLS: {other}"),
            (Some(other), false) if address.framing == Framing::WebSocket => {
                format!("; if it speaks TLS: {other}")
            }
            _ => String::new(),
        };
        if !address.tls
            && let (true, Some(other)) = (speaks_tls(self.response), &other)
        {
            return Some(format!("{url} speaks TLS: use {other}"));
        }
        let is_silent = self.response.is_empty();
        Some(match self.end {
            End::Refused | End::TimedOut | End::Transport => {
                format!("cannot connect to {url}: {}", self.end)
            }
            End::Failed(Error::HandshakeTimeout) if !self.was_requested => {
                format!(
                    "cannot connect to {url}: not connected within {timeout:?}{}",
                    match address.tls {
                        true => maybe_other,
                        false => String::new(),
                    }
                )
            }
            End::Failed(Error::HandshakeTimeout) if address.framing == Framing::WebSocket => {
                format!("{url} did not respond to the upgrade request within {timeout:?}")
            }
            End::Failed(Error::HandshakeTimeout) => {
                format!("cannot connect to {url}: not connected within {timeout:?}")
            }
            End::Failed(Error::HandshakeTruncated) | End::Peer | End::Reset | End::BrokenPipe
                if is_silent && (address.tls || address.framing == Framing::WebSocket) =>
            {
                format!("{url} ended the connection in the opening handshake{maybe_other}")
            }
            End::Failed(Error::HandshakeTruncated) => {
                format!("{url} ended the connection in the opening handshake")
            }
            End::Failed(error @ Error::UpgradeRefused(_)) if !is_silent => {
                format!("{url}: {error}{}", self.refusal())
            }
            End::Tls(TlsFailure::NotTls) => {
                format!(
                    "{url}: {}{}",
                    self.end,
                    other.map(|it| format!(": use {it}")).unwrap_or_default()
                )
            }
            End::Tls(TlsFailure::UnknownIssuer) => format!(
                "{url}: {}: trust its authority with --cacert, or accept it with --insecure",
                self.end
            ),
            End::Tls(TlsFailure::WrongSignature) => {
                format!("{url}: {}: the --cacert file may be older than the certificate", self.end)
            }
            _ => return None,
        })
    }

    /// What the response says after its status code.
    fn refusal(&self) -> String {
        let response = Response::read(self.response);
        let mut words = String::new();
        if !response.reason.is_empty() {
            words += &format!(" {}", shown(response.reason));
        }
        if let Some(location) = response.location {
            words += &format!(", Location: {}", shown(location));
        }
        if let Some(line) = response.first_line {
            words += &format!(": {}", shown(line));
        }
        words
    }
}

/// Whether this is a TLS server's response to a client that does not speak TLS: an alert, or a page
/// that says so in plain text, as those of nginx and Go do.
pub(super) fn speaks_tls(response: &[u8]) -> bool {
    // RFC 8446 §5.1: a record of type 21 (alert), with a version and a length of two bytes.
    let is_alert = matches!(response, [21, 3, 0..=4, 0, 2, 1 | 2, _, ..]);
    let is_http_400 = Response::read(response).status == 400;
    is_alert || (is_http_400 && memchr::memmem::find(response, b"HTTPS ").is_some())
}

/// The same URL with TLS if it has none, and without it otherwise.
fn other_scheme(address: &Address) -> Option<String> {
    let is_tcp = matches!(address.location, Location::Tcp(..));
    is_tcp.then(|| shown_url(&Address { tls: !address.tls, ..address.clone() }))
}

/// The URL with its secrets masked.
fn shown_url(address: &Address) -> String {
    redact::url(&address.to_string())
}

/// A server's text, escaped for a terminal and truncated.
fn shown(text: &[u8]) -> String {
    let line = printable::line(text);
    match line.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(url: &str, ended: &Ended<'_>) -> String {
        ended.explain(&url.parse().unwrap(), false, Duration::from_millis(500))
    }

    #[test]
    fn a_refusal_shows_status_reason_location_and_first_line() {
        let response = b"HTTP/1.1 302 Found\r\nLocation: ws://b/\x1b[31m\r\n\r\nover there\r\nmore";
        let end = End::Failed(Error::UpgradeRefused(302));
        let sentence = explain("ws://a:1", &Ended { end, response, ..Ended::default() });
        assert_eq!(
            sentence,
            "ws://a:1: the server refused the upgrade with HTTP status 302 Found, \
             Location: ws://b/\\u{1b}[31m: over there"
        );
    }

    #[test]
    fn the_scheme_with_or_without_tls_is_suggested() {
        let nginx = b"HTTP/1.1 400 Bad Request\r\n\r\n<html>sent to HTTPS port</html>";
        for response in [&b"\x15\x03\x03\0\x02\x02\x32"[..], nginx] {
            let end = End::Failed(Error::ResponseMalformed);
            let sentence = explain("ws://a:1/x", &Ended { end, response, ..Ended::default() });
            assert_eq!(sentence, "ws://a:1/x speaks TLS: use wss://a:1/x");
        }
        for (url, end, other) in [
            ("ws://a:1", End::Reset, "wss://a:1"),
            ("ws://a:1", End::Peer, "wss://a:1"),
            ("wss://a:1", End::Tls(TlsFailure::NotTls), "ws://a:1"),
            ("tls://a:1", End::Peer, "tcp://a:1"),
            ("line+tls://a:1", End::Tls(TlsFailure::NotTls), "line://a:1"),
        ] {
            let sentence = explain(url, &Ended { end, ..Ended::default() });
            assert!(sentence.contains(other), "{sentence}");
        }
    }

    #[test]
    fn a_close_is_shown_with_code_and_reason() {
        let end = End::PeerWithCode(CloseCode(1011));
        let ended = Ended { end, was_open: true, reason: "on\u{7} fire", ..Ended::default() };
        assert_eq!(explain("ws://a:1", &ended), "ws://a:1 closed with code 1011 (on\\u{7} fire)");
    }
}

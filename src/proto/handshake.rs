//! The opening handshake (RFC 6455 §4) in both roles.

use super::deflate::{Agreement, Settings, negotiation};
use super::error::Error;
use super::http::{Head, is_token, skip_empty_line};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3: the string appended to the key before hashing.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Decodes a key. RFC 4648 §3.5 lets a decoder reject pad bits that are not zero, but the example
/// in RFC 6455 §4.1, "AQIDBAUGBwgJCgsMDQ4PEC==", has such bits, so a server must accept them.
const KEY_DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Bytes of the nonce in `Sec-WebSocket-Key` (RFC 6455 §4.1).
pub const NONCE_BYTES: usize = 16;

/// The upgrade requests that a server accepts. By default, every well-formed one.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The only path that is served; `None` serves any. Queries are not compared.
    pub path: Option<String>,
    /// The only origins that are served; an empty list serves any. A request without `Origin` does
    /// not come from a web page and is always served.
    pub origins: Vec<String>,
    /// The only host names that are served, without ports; an empty list serves any.
    pub hosts: Vec<String>,
    /// The only subprotocols that are selected. If empty, the first offered one is selected.
    pub subprotocols: Vec<String>,
}

/// A client's upgrade request.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// The request target, such as `/chat?room=1`.
    pub target: String,
    /// The value of `Host`.
    pub host: String,
    /// Subprotocols, in order of preference.
    pub subprotocols: Vec<String>,
    /// Additional header fields. Names must be tokens; values must not contain CR or LF.
    pub headers: Vec<(String, String)>,
}

/// Accepts a complete request head; returns the 101 response and the negotiated compression.
///
/// # Errors
/// The rule of RFC 9112, RFC 6455 §4.2.1 or the policy that the request breaks.
pub fn accept(
    head: &[u8],
    policy: &Policy,
    deflate: Option<Settings>,
) -> Result<(Vec<u8>, Agreement), Error> {
    let head = Head::parse_request(head)?;
    check_no_body(&head)?;
    check_host(&head, policy)?;
    check_target(head.target, policy)?;
    check_upgrade(&head)?;
    check_origin(&head, policy)?;
    let key = check_key(&head)?;
    let subprotocol = choose_subprotocol(&head, policy)?;
    let (agreement, extension) = negotiation::accept(&head, deflate)?.unzip();

    let mut response = Vec::with_capacity(192);
    if head.lists("Expect", "100-continue") {
        // RFC 9110 §7.8: "If a server receives both an Upgrade and an Expect header field with the
        // "100-continue" expectation (Section 10.1.1), the server MUST send a 100 (Continue)
        // response before sending a 101 (Switching Protocols) response."
        response.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    response.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    response.extend_from_slice(accept_value(key).as_bytes());
    if let Some(subprotocol) = subprotocol {
        response.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        response.extend_from_slice(subprotocol);
    }
    if let Some(extension) = extension {
        response.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
        response.extend_from_slice(extension.as_bytes());
    }
    response.extend_from_slice(b"\r\n\r\n");
    Ok((response, agreement.unwrap_or_default()))
}

/// The HTTP response that rejects an upgrade request. `received` is the request as far as it
/// arrived. The connection closes after this response.
pub fn refusal(error: Error, received: &[u8]) -> Vec<u8> {
    let status = error.http_status();
    let (phrase, extra) = match status {
        403 => ("Forbidden", ""),
        404 => ("Not Found", ""),
        405 => ("Method Not Allowed", "Allow: GET\r\n"),
        408 => ("Request Timeout", ""),
        421 => ("Misdirected Request", ""),
        // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response";
        // RFC 6455 §4.4: the response lists the versions that the server supports.
        426 => ("Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        431 => ("Request Header Fields Too Large", ""),
        503 => ("Service Unavailable", "Retry-After: 1\r\n"),
        505 => ("HTTP Version Not Supported", ""),
        _ => ("Bad Request", ""),
    };
    // RFC 9110 §7.8: a sender of Upgrade must list it in Connection.
    let connection = if status == 426 { "close, Upgrade" } else { "close" };
    let reason = error.reason();
    let length = reason.len() + 1;
    // RFC 9110 §9.3.2: "The HEAD method is identical to GET except that the server MUST NOT send
    // content in the response."
    let is_head = skip_empty_line(received).starts_with(b"HEAD ");
    let content = if is_head { String::new() } else { format!("{reason}\n") };
    format!(
        "HTTP/1.1 {status} {phrase}\r\nConnection: {connection}\r\n{extra}\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\n\r\n{content}"
    )
    .into_bytes()
}

/// A client's upgrade request. An additional field of the offer replaces our field of the same
/// name.
pub fn request(offer: &Offer, nonce: [u8; NONCE_BYTES], deflate: Option<Settings>) -> Vec<u8> {
    let subprotocols = (!offer.subprotocols.is_empty()).then(|| offer.subprotocols.join(", "));
    let ours = [
        ("Host", Some(offer.host.clone())),
        ("Upgrade", Some("websocket".into())),
        ("Connection", Some("Upgrade".into())),
        ("Sec-WebSocket-Key", Some(STANDARD.encode(nonce))),
        ("Sec-WebSocket-Version", Some("13".into())),
        ("Sec-WebSocket-Protocol", subprotocols),
        ("Sec-WebSocket-Extensions", deflate.map(|settings| negotiation::offer(settings).into())),
    ];
    let mut request = format!("GET {} HTTP/1.1\r\n", offer.target);
    for (name, value) in ours {
        if let Some(value) = value.filter(|_| offer.given(name).next().is_none()) {
            request += &format!("{name}: {value}\r\n");
        }
    }
    for (name, value) in &offer.headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    request.into_bytes()
}

impl Offer {
    /// The values of the additional fields of this name.
    fn given(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_named = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_named).map(|field| field.1.as_str())
    }

    /// Whether the request offers this subprotocol.
    fn offers_subprotocol(&self, value: &[u8]) -> bool {
        const NAME: &str = "Sec-WebSocket-Protocol";
        let mut given =
            self.given(NAME).flat_map(|value| value.split(',')).map(str::trim).peekable();
        match given.peek() {
            Some(_) => given.any(|name| name.as_bytes() == value),
            None => self.subprotocols.iter().any(|name| name.as_bytes() == value),
        }
    }

    /// The compression that the request offers. None if an additional `Sec-WebSocket-Extensions`
    /// field does not list it.
    fn offers_deflate(&self, deflate: Option<Settings>) -> Option<Settings> {
        let mut given = self.given("Sec-WebSocket-Extensions").peekable();
        let is_offered =
            given.peek().is_none() || given.any(|value| value.contains("permessage-deflate"));
        deflate.filter(|_| is_offered)
    }
}

/// Checks a server's response to [`request`] (RFC 6455 §4.1, the numbered list at its end). The
/// response must be final, not [interim](super::response::is_interim).
///
/// # Errors
/// The step of that list that fails.
pub fn verify(
    head: &[u8],
    offer: &Offer,
    nonce: [u8; NONCE_BYTES],
    deflate: Option<Settings>,
) -> Result<Agreement, Error> {
    let head = Head::parse_response(head)?;
    if head.status != 101 {
        return Err(Error::UpgradeRefused(head.status));
    }
    if !head.lists("Upgrade", "websocket") || !head.lists("Connection", "upgrade") {
        return Err(Error::UpgradeNotConfirmed);
    }
    let key = offer.given("Sec-WebSocket-Key").next();
    let key = key.map_or_else(|| STANDARD.encode(nonce), str::to_owned);
    let expected = accept_value(key.as_bytes());
    if head.only_value("Sec-WebSocket-Accept") != Some(expected.as_bytes()) {
        return Err(Error::AcceptMismatch);
    }
    let agreement = negotiation::confirm(&head, offer.offers_deflate(deflate))?;
    let mut chosen = head.values("Sec-WebSocket-Protocol");
    match (chosen.next(), chosen.next()) {
        (None, _) => Ok(agreement),
        (Some(value), None) if offer.offers_subprotocol(value) => Ok(agreement),
        _ => Err(Error::SubprotocolNotOffered),
    }
}

/// RFC 6455 §4.2.2: "base64-encode (see Section 4 of RFC4648) this SHA-1 hash" of key and GUID.
fn accept_value(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// An upgrade request has no body. An announced body could hide a second request.
fn check_no_body(head: &Head<'_>) -> Result<(), Error> {
    let has_length = head.values("Content-Length").any(|value| value != b"0");
    let has_coding = head.values("Transfer-Encoding").next().is_some();
    if has_length || has_coding { Err(Error::RequestHasBody) } else { Ok(()) }
}

/// RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
/// request message that lacks a Host header field and to any request message that contains more
/// than one Host header field line or a Host header field with an invalid field value."
fn check_host(head: &Head<'_>, policy: &Policy) -> Result<(), Error> {
    let value = head.only_value("Host").ok_or(Error::HostInvalid)?;
    let name = host_name(value).ok_or(Error::HostInvalid)?;
    let is_served = policy.hosts.is_empty()
        || policy.hosts.iter().any(|host| host.as_bytes().eq_ignore_ascii_case(name));
    if is_served { Ok(()) } else { Err(Error::HostRefused) }
}

/// The host without its port, if the value is `uri-host [ ":" port ]` (RFC 9110 §7.2).
pub(crate) fn host_name(value: &[u8]) -> Option<&[u8]> {
    let (name, port) = match value {
        [b'[', ..] => {
            let end = value.iter().position(|&byte| byte == b']')?;
            std::str::from_utf8(&value[1..end]).ok()?.parse::<core::net::Ipv6Addr>().ok()?;
            value.split_at(end + 1)
        }
        _ => {
            let end = value.iter().position(|&byte| byte == b':').unwrap_or(value.len());
            // RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims )
            let is_name =
                |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
            let name = &value[..end];
            if name.is_empty() || !name.iter().all(is_name) {
                return None;
            }
            value.split_at(end)
        }
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => {
            digits.is_empty()
                || std::str::from_utf8(digits).ok()?.parse::<u16>().is_ok()
                    && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    is_port.then_some(name)
}

/// RFC 9112 §3.2: accepts origin-form and absolute-form, which "a server MUST accept".
fn check_target(target: &str, policy: &Policy) -> Result<(), Error> {
    let path_and_query = match target.split_once("://") {
        _ if target.starts_with('/') => target,
        Some((scheme, rest)) if is_web_scheme(scheme) => {
            rest.find(['/', '?']).map_or("/", |start| &rest[start..])
        }
        _ => return Err(Error::RequestMalformed),
    };
    if path_and_query.contains('#') {
        return Err(Error::RequestMalformed);
    }
    let path = path_and_query.split('?').next().unwrap_or_default();
    match &policy.path {
        Some(served) if served != path => Err(Error::PathNotServed),
        _ => Ok(()),
    }
}

/// RFC 3986 §3.1: "Although schemes are case-insensitive, the canonical form is lowercase".
fn is_web_scheme(scheme: &str) -> bool {
    ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// RFC 6455 §4.2.1, items 3, 4 and 6.
fn check_upgrade(head: &Head<'_>) -> Result<(), Error> {
    if !head.lists("Upgrade", "websocket") {
        return Err(Error::UpgradeMissing);
    }
    if !head.lists("Connection", "upgrade") {
        return Err(Error::ConnectionNotUpgrade);
    }
    if head.only_value("Sec-WebSocket-Version") != Some(b"13") {
        return Err(Error::WebSocketVersion);
    }
    Ok(())
}

fn check_origin(head: &Head<'_>, policy: &Policy) -> Result<(), Error> {
    let mut origins = head.values("Origin");
    if policy.origins.is_empty() {
        return Ok(());
    }
    let is_listed = |origin: &[u8]| {
        policy.origins.iter().any(|listed| listed.as_bytes().eq_ignore_ascii_case(origin))
    };
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if is_listed(origin) => Ok(()),
        _ => Err(Error::OriginRefused),
    }
}

/// RFC 6455 §4.2.1, item 5: "a base64-encoded value that, when decoded, is 16 bytes in length".
fn check_key<'a>(head: &Head<'a>) -> Result<&'a [u8], Error> {
    let key = head.only_value("Sec-WebSocket-Key").ok_or(Error::KeyInvalid)?;
    let mut nonce = [0; NONCE_BYTES + 2];
    match KEY_DECODER.decode_slice(key, &mut nonce) {
        Ok(NONCE_BYTES) => Ok(key),
        _ => Err(Error::KeyInvalid),
    }
}

/// RFC 6455 §4.2.2: the value is "derived from the client's handshake", or there is none.
fn choose_subprotocol<'a>(head: &Head<'a>, policy: &Policy) -> Result<Option<&'a [u8]>, Error> {
    if !head.list("Sec-WebSocket-Protocol").all(is_token) {
        return Err(Error::SubprotocolInvalid);
    }
    let is_taken = |offered: &&[u8]| {
        policy.subprotocols.is_empty()
            || policy.subprotocols.iter().any(|name| name.as_bytes() == *offered)
    };
    Ok(head.list("Sec-WebSocket-Protocol").find(is_taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    fn respond(request: &str) -> Result<String, Error> {
        let response = accept(request.as_bytes(), &Policy::default(), None)?.0;
        Ok(String::from_utf8(response).unwrap())
    }

    #[test]
    fn the_example_of_section_1_3() {
        let response = respond(GOOD).unwrap();
        assert!(response.starts_with("HTTP/1.1 101 "));
        assert!(response.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }

    #[test]
    fn each_broken_rule_has_its_error() {
        let cases = [
            ("GET /chat", "POST /chat", Error::MethodNotGet),
            ("HTTP/1.1", "HTTP/1.0", Error::HttpVersion),
            ("HTTP/1.1", "HTTP/2.0", Error::HttpVersion),
            ("/chat", "chat", Error::RequestMalformed),
            ("/chat", "/chat#top", Error::RequestMalformed),
            ("/chat", "/a b", Error::RequestMalformed),
            ("/chat", "ftp://a/", Error::RequestMalformed),
            ("Host: a\r\n", "", Error::HostInvalid),
            ("Host: a\r\n", "Host: a\r\nHost: a\r\n", Error::HostInvalid),
            ("Host: a", "Host:", Error::HostInvalid),
            ("Host: a", "Host: a b", Error::HostInvalid),
            ("Host: a", "Host: a:b", Error::HostInvalid),
            ("Host: a", "Host: a:65536", Error::HostInvalid),
            ("Host: a", "Host: a:+80", Error::HostInvalid),
            ("Host: a", "Host: u@a", Error::HostInvalid),
            ("Host: a", "Host: [::1", Error::HostInvalid),
            ("Host: a", "Host: a\r\nContent-Length: 5", Error::RequestHasBody),
            ("Host: a", "Host: a\r\nTransfer-Encoding: chunked", Error::RequestHasBody),
            ("Upgrade: websocket\r\n", "", Error::UpgradeMissing),
            ("Upgrade: websocket", "Upgrade: h2c", Error::UpgradeMissing),
            ("keep-alive, Upgrade", "keep-alive", Error::ConnectionNotUpgrade),
            ("Version: 13", "Version: 8", Error::WebSocketVersion),
            ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", Error::KeyInvalid),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", Error::KeyInvalid),
            ("Host: a", "Host: a\r\nSec-WebSocket-Protocol: a b", Error::SubprotocolInvalid),
            ("Host: a", "Host: a\r\n folded", Error::RequestMalformed),
            ("Host: a", "Host : a", Error::RequestMalformed),
        ];
        for (from, to, error) in cases {
            assert!(GOOD.contains(from), "{from}");
            assert_eq!(respond(&GOOD.replacen(from, to, 1)), Err(error), "{to}");
        }
    }

    #[test]
    fn unusual_but_valid_requests_are_accepted() {
        let cases = [
            ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
            ("Host: a", "Host:\ta:9527\t"),
            ("Host: a", "Host: [::1]:9527"),
            ("Host: a", "Host: a\r\nContent-Length: 0"),
            ("/chat", "http://a/chat?room=1"),
            ("/chat", "WS://a/"),
            ("/chat", "Https://a"),
            // RFC 6455 §4.1: the key whose bytes are 1 to 16.
            ("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR=="),
            ("GET", "\r\nGET"),
            ("Connection: keep-alive, Upgrade", "Connection: a,,b\r\nConnection:UPGRADE"),
        ];
        for (from, to) in cases {
            assert!(respond(&GOOD.replacen(from, to, 1)).is_ok(), "{to}");
        }
    }

    #[test]
    fn the_policy_restricts_path_host_origin_and_subprotocol() {
        let policy = Policy {
            path: Some("/chat".into()),
            origins: vec!["https://page.example".into()],
            hosts: vec!["a".into()],
            subprotocols: vec!["v2".into()],
        };
        let with =
            |from: &str, to: &str| accept(GOOD.replacen(from, to, 1).as_bytes(), &policy, None);
        assert!(with("", "").is_ok());
        assert!(with("/chat", "/chat?a").is_ok());
        assert_eq!(with("/chat", "/other"), Err(Error::PathNotServed));
        assert_eq!(with("Host: a", "Host: evil.example"), Err(Error::HostRefused));
        assert!(with("Host: a", "Host: A\r\nOrigin: https://page.example").is_ok());
        assert_eq!(with("Host: a", "Host: a\r\nOrigin: null"), Err(Error::OriginRefused));
        let offered = with("Host: a", "Host: a\r\nSec-WebSocket-Protocol: v1, v2").unwrap();
        assert!(
            String::from_utf8(offered.0).unwrap().contains("\r\nSec-WebSocket-Protocol: v2\r\n")
        );
    }

    #[test]
    fn a_client_accepts_unusual_but_valid_responses_only() {
        let nonce = *b"the sample nonce";
        let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade:websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
            WebSocket-Location: ws://127.0.0.1:9527\r\n\r\n";
        let offer = Offer { subprotocols: vec!["v1".into()], ..Offer::default() };
        let with = |from: &str, to: &str| {
            verify(good.replacen(from, to, 1).as_bytes(), &offer, nonce, None).map(drop)
        };
        assert_eq!(with("", ""), Ok(()));
        assert_eq!(with("101", "200"), Err(Error::UpgradeRefused(200)));
        assert_eq!(with("s3p", "S3p"), Err(Error::AcceptMismatch));
        assert_eq!(with("Upgrade:websocket", "Upgrade: x"), Err(Error::UpgradeNotConfirmed));
        let extension = with("WebSocket-Location: ", "Sec-WebSocket-Extensions: x\r\nX: ");
        assert_eq!(extension, Err(Error::ExtensionNotOffered));
        assert_eq!(with("WebSocket-Location: ", "Sec-WebSocket-Protocol: v1\r\nX: "), Ok(()));
        let subprotocol = with("WebSocket-Location: ", "Sec-WebSocket-Protocol: v2\r\nX: ");
        assert_eq!(subprotocol, Err(Error::SubprotocolNotOffered));
        assert_eq!(with("HTTP/1.1", "ICY"), Err(Error::ResponseMalformed));
    }

    #[test]
    fn our_server_accepts_our_request() {
        let offer = Offer {
            target: "/a?b".into(),
            host: "[::1]:9527".into(),
            subprotocols: vec!["v1".into(), "v2".into()],
            headers: vec![("Origin".into(), "http://a".into())],
        };
        for settings in [None, Some(false), Some(true)] {
            let settings = settings
                .map(|context_takeover| Settings { context_takeover, message_bytes_min: 0 });
            let request = request(&offer, [9; 16], settings);
            let (response, agreement) = accept(&request, &Policy::default(), settings).unwrap();
            assert_eq!(verify(&response, &offer, [9; 16], settings), Ok(agreement));
            assert_eq!(agreement.is_on(), settings.is_some());
        }
    }

    #[test]
    fn a_refusal_closes_and_has_the_required_fields() {
        let refused = |error| String::from_utf8(refusal(error, b"GET ")).unwrap();
        assert!(refused(Error::MethodNotGet).contains("\r\nAllow: GET\r\n"));
        let upgrade = refused(Error::WebSocketVersion);
        assert!(upgrade.starts_with("HTTP/1.1 426 "));
        assert!(upgrade.contains("\r\nSec-WebSocket-Version: 13\r\n"));
        assert!(upgrade.contains("\r\nConnection: close"));
    }

    #[test]
    fn a_refusal_of_head_has_a_content_length_but_no_content() {
        let get = refusal(Error::UpgradeMissing, b"GET / HTTP/1.1\r\n\r\n");
        let body = get.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        for head in [&b"HEAD / HTTP/1.1\r\n\r\n"[..], b"\r\nHEAD / HTTP/1.1\r\n\r\n"] {
            assert_eq!(refusal(Error::UpgradeMissing, head), get[..body]);
        }
    }

    #[test]
    fn expect_100_continue_gets_a_100_before_the_101() {
        let response = respond(&GOOD.replacen("Host: a", "Host: a\r\nExpect: 100-continue", 1));
        assert!(response.unwrap().starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 "));
    }

    #[test]
    fn an_additional_field_replaces_ours_of_the_same_name() {
        let shared = Settings { context_takeover: false, message_bytes_min: 0 };
        let fields = [
            ("host", "virtual.example"),
            ("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC=="),
            ("Sec-WebSocket-Protocol", "x, v7"),
            ("sec-websocket-extensions", "x-other"),
            ("Cookie", "a"),
            ("Cookie", "b"),
        ];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let offer = Offer {
            target: "/".into(),
            host: "a".into(),
            subprotocols: vec!["v1".into()],
            headers: fields.map(own).into(),
        };
        let request = request(&offer, [9; 16], Some(shared));
        let text = String::from_utf8(request.clone()).unwrap().to_lowercase();
        for (name, value) in fields {
            let count = text.matches(&format!("\r\n{}:", name.to_lowercase())).count();
            assert_eq!(count, if name == "Cookie" { 2 } else { 1 }, "{text}");
            assert!(text.contains(&format!(": {}\r\n", value.to_lowercase())), "{text}");
        }
        let policy = Policy { subprotocols: vec!["v7".into()], ..Policy::default() };
        let (response, _) = accept(&request, &policy, Some(shared)).unwrap();
        assert!(verify(&response, &offer, [9; 16], Some(shared)).is_ok());
        let extended = String::from_utf8(response).unwrap().replacen(
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            1,
        );
        let verified = verify(extended.as_bytes(), &offer, [9; 16], Some(shared));
        assert_eq!(verified, Err(Error::ExtensionNotOffered));
    }
}

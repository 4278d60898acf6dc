//! The opening handshake (RFC 6455 §4) between two sessions, and with peers that break its rules.

use crate::journal::Event::{Open, Text};
use crate::pair::Setup;
use crate::wire::{self, Frame, PING, PONG, TEXT};
use halloo::proto::http::HEAD_BYTES_MAX;
use halloo::proto::{Error, Framing, Stage};

/// A replacement in a valid request, the error that it causes, and the status of the response.
const REFUSED: [(&str, &str, Error, u16); 22] = [
    ("GET /", "POST /", Error::MethodNotGet, 405),
    ("HTTP/1.1", "HTTP/1.0", Error::HttpVersion, 505),
    ("HTTP/1.1", "HTTP/2.0", Error::HttpVersion, 505),
    ("GET / HTTP/1.1", "hello", Error::RequestMalformed, 400),
    ("GET / ", "GET /#top ", Error::RequestMalformed, 400),
    ("GET / ", "GET /a b ", Error::RequestMalformed, 400),
    ("GET / HTTP/1.1", "GET / HTTP/1.1 HTTP/1.1", Error::RequestMalformed, 400),
    ("\r\n", "\n", Error::RequestMalformed, 400),
    ("Host: halloo.test", "Host: a\rb", Error::RequestMalformed, 400),
    ("Host: halloo.test", "Host: a\0b", Error::RequestMalformed, 400),
    ("Host: halloo.test", "Host: a\r\n b", Error::RequestMalformed, 400),
    ("Host: halloo.test\r\n", "", Error::HostInvalid, 400),
    ("Host: halloo.test", "Host: a\r\nHost: a", Error::HostInvalid, 400),
    ("Host: halloo.test", "Host: a\r\nContent-Length: 1", Error::RequestHasBody, 400),
    ("Host: halloo.test", "Host: a\r\nTransfer-Encoding: x", Error::RequestHasBody, 400),
    ("Upgrade: websocket\r\n", "", Error::UpgradeMissing, 426),
    ("Connection: Upgrade", "Connection: close", Error::ConnectionNotUpgrade, 400),
    ("Version: 13", "Version: 8", Error::WebSocketVersion, 426),
    ("Sec-WebSocket-Version: 13\r\n", "", Error::WebSocketVersion, 426),
    ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", Error::KeyInvalid, 400),
    ("Host: halloo.test", "Host: a\r\nSec-WebSocket-Protocol: a b", Error::SubprotocolInvalid, 400),
    ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", Error::KeyInvalid, 400),
];

/// A valid request with one replacement.
fn request_with(from: &str, to: &str) -> Vec<u8> {
    let request = std::str::from_utf8(wire::REQUEST).expect("a request is ASCII");
    assert!(request.contains(from), "{from}");
    request.replacen(from, to, 1).into_bytes()
}

/// The server's response to a valid request, with one replacement.
fn response_with(request: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut server = Setup::new(Framing::WebSocket).silent_server();
    server.receive_at_once(request);
    let response = String::from_utf8(server.take_output()).expect("a response is ASCII");
    assert!(response.contains(from), "{from} in {response}");
    response.replacen(from, to, 1).into_bytes()
}

#[test]
fn two_sessions_open_without_further_output() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let pair = setup.pair();
        assert_eq!(pair.client.events(), [Open]);
        assert_eq!(pair.server.events(), [Open]);
        assert_eq!(wire::after_head(pair.client.output()), b"");
        assert_eq!(wire::after_head(pair.server.output()), b"");
        pair.assert_idle();
    }
}

#[test]
fn line_and_raw_framings_open_without_output() {
    for framing in [Framing::Line, Framing::Raw] {
        let pair = Setup::new(framing).pair();
        assert_eq!((pair.client.events(), pair.server.events()), (vec![Open], vec![Open]));
        assert_eq!((pair.client.output(), pair.server.output()), (&b""[..], &b""[..]));
        pair.assert_idle();
    }
}

#[test]
fn frames_in_the_segment_of_the_request_are_echoed() {
    let bytes =
        [wire::REQUEST, &wire::masked(TEXT, b"early"), &wire::masked(PING, b"bird")].concat();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.silent_server();
        server.receive(&bytes, setup.chunk);
        assert_eq!(server.events(), [Open, Text("early")]);
        assert_eq!(server.frames(), [Frame::new(TEXT, b"early"), Frame::new(PONG, b"bird")]);
        server.assert_idle();
    }
}

#[test]
fn frames_in_the_segment_of_the_response_are_received() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.silent_pair();
        pair.client.start();
        let request = pair.client.take_output();
        pair.server.receive(&request, setup.chunk);
        pair.server.send("welcome");
        pair.run();
        assert_eq!(pair.client.events(), [Open, Text("welcome")]);
        pair.assert_idle();
    }
}

#[test]
fn an_empty_line_before_the_request_is_ignored() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.silent_server();
        server.receive(&[b"\r\n", wire::REQUEST].concat(), setup.chunk);
        assert_eq!(server.events(), [Open]);
    }
}

#[test]
fn each_refusal_has_its_status_and_closes() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (from, to, error, status) in REFUSED {
            let mut server = setup.silent_server();
            let request = [request_with(from, to), wire::masked(TEXT, b"after it")].concat();
            server.receive(&request, setup.chunk);
            assert_eq!(server.error(), Some(error), "{to:?}");
            assert_eq!(server.events(), []);
            server.assert_discarding();
            let response = String::from_utf8_lossy(server.output());
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{to:?}: {response}");
            assert!(response.contains("\r\nConnection: close"), "{response}");
            let body = wire::after_head(server.output());
            assert!(response.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
            assert!(server.session().wants_shutdown());
            server.assert_idle();
        }
    }
}

#[test]
fn a_refusal_of_head_has_no_content() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.silent_server();
        server.receive(&request_with("GET ", "HEAD "), setup.chunk);
        assert_eq!(server.error(), Some(Error::MethodNotGet));
        assert!(server.output().starts_with(b"HTTP/1.1 405 "));
        assert_eq!(wire::after_head(server.output()), b"");
    }
}

#[test]
fn interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut client = setup.silent_pair().client;
        client.start();
        let request = client.take_output();
        let response = response_with(&request, "", "");
        client.receive(&[interim.as_bytes(), &response].concat(), setup.chunk);
        assert_eq!(client.events(), [Open]);
    }
}

#[test]
fn the_status_of_a_sloppy_refusal_is_reported() {
    let long = format!("HTTP/1.1 401 No\r\nA: {}\r\n\r\n", "a".repeat(12_000));
    let cases = [
        ("HTTP/1.0 404 Not Found\r\n\r\n", Error::UpgradeRefused(404)),
        ("HTTP/1.1 302 Found\nLocation: ws://b\n\n", Error::UpgradeRefused(302)),
        ("HTTP/1.1 403 Forbidden\r\nX: a\r\n b\r\n\r\n", Error::UpgradeRefused(403)),
        ("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n", Error::UpgradeRefused(503)),
        (&long, Error::UpgradeRefused(401)),
        ("HTTP/1.1 101 S\nUpgrade: websocket\n\n", Error::ResponseMalformed),
        ("SSH-2.0-OpenSSH\r\n", Error::ResponseMalformed),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (response, error) in cases {
            let mut client = setup.silent_pair().client;
            client.start();
            client.receive(response.as_bytes(), setup.chunk);
            assert_eq!(client.error(), Some(error), "{response}");
            client.assert_discarding();
        }
    }
}

#[test]
fn a_head_that_is_too_large_is_rejected_at_the_same_byte() {
    let field = "A: ".to_owned() + &"a".repeat(HEAD_BYTES_MAX) + "\r\nHost: halloo.test";
    let request = request_with("Host: halloo.test", &field);
    let many = "A: b\r\n".repeat(101) + "Host: halloo.test";
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.silent_server();
        server.receive(&request[..HEAD_BYTES_MAX - 1], setup.chunk);
        assert_eq!(server.error(), None);
        server.receive(&request[HEAD_BYTES_MAX - 1..], setup.chunk);
        assert_eq!(server.error(), Some(Error::HeadTooLarge));
        assert!(server.output().starts_with(b"HTTP/1.1 431 "));

        let mut server = setup.silent_server();
        server.receive(&request_with("Host: halloo.test", &many), setup.chunk);
        assert_eq!(server.error(), Some(Error::TooManyHeaders));
        assert!(server.output().starts_with(b"HTTP/1.1 431 "));
    }
}

#[test]
fn input_that_is_not_http_is_rejected_at_the_byte_that_proves_it() {
    let setup = Setup::new(Framing::WebSocket);
    for bytes in [&b"\x16"[..], b"\0", b"hello\r\n", b"GET / HTTP/1.1\n", b"\r\n\r\n"] {
        let mut server = setup.silent_server();
        server.receive(&bytes[..bytes.len() - 1], 1);
        assert_eq!(server.error(), None);
        server.receive(&bytes[bytes.len() - 1..], 1);
        assert_eq!(server.error(), Some(Error::RequestMalformed), "{}", bytes.escape_ascii());
        assert!(server.output().starts_with(b"HTTP/1.1 400 "));
    }
}

#[test]
fn a_request_that_takes_too_long_gets_a_408() {
    let mut server = Setup::new(Framing::WebSocket).silent_server();
    server.receive(&wire::REQUEST[..20], 7);
    server.time_out();
    server.assert_discarding();
    assert!(server.output().starts_with(b"HTTP/1.1 408 "));
    server.assert_idle();
}

#[test]
fn the_end_of_input_inside_a_request_is_an_error() {
    for cut in [1, 20, wire::REQUEST.len() - 1] {
        let mut server = Setup::new(Framing::WebSocket).silent_server();
        server.receive(&wire::REQUEST[..cut], 7);
        server.receive_eof();
        assert_eq!(server.error(), Some(Error::HandshakeTruncated));
        assert_eq!(server.stage(), Stage::Closing);
        assert_eq!(server.events(), []);
    }
}

#[test]
fn a_client_rejects_an_invalid_response() {
    let cases = [
        ("101", "200", Error::UpgradeRefused(200)),
        ("101", "503", Error::UpgradeRefused(503)),
        ("HTTP/1.1", "ICY", Error::ResponseMalformed),
        ("HTTP/1.1", "HTTP/1.0", Error::ResponseMalformed),
        ("Upgrade: websocket", "Upgrade: h2c", Error::UpgradeNotConfirmed),
        ("Connection: Upgrade", "Connection: close", Error::UpgradeNotConfirmed),
        ("Accept: ", "Accept: x", Error::AcceptMismatch),
        ("Sec-WebSocket-Accept", "X", Error::AcceptMismatch),
        ("Connection", "Sec-WebSocket-Extensions: x\r\nConnection", Error::ExtensionNotOffered),
        ("Connection", "Sec-WebSocket-Protocol: x\r\nConnection", Error::SubprotocolNotOffered),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (from, to, error) in cases {
            let mut client = setup.silent_pair().client;
            client.start();
            let request = client.take_output();
            client.receive(&response_with(&request, from, to), setup.chunk);
            client.assert_discarding();
            assert_eq!(client.error(), Some(error), "{to}");
            assert_eq!(client.output(), request, "a rejected client sends nothing more");
            assert_eq!(client.events(), []);
            client.assert_idle();
        }
    }
}

#[test]
fn the_end_of_input_inside_a_response_is_an_error() {
    let mut client = Setup::new(Framing::WebSocket).silent_pair().client;
    client.start();
    client.receive_at_once(b"HTTP/1.1 101 ");
    client.receive_eof();
    assert_eq!(client.error(), Some(Error::HandshakeTruncated));
    assert_eq!(client.events(), []);
}

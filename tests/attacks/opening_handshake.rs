//! Attacks on the opening handshake, which is HTTP.

use crate::client::Client;
use crate::pair::Setup;
use crate::support::{Program, Server, halloo};
use crate::{serve, wire};
use halloo::proto::deflate::Settings;
use halloo::proto::handshake::{self, Offer, Policy};
use halloo::proto::http::{HEAD_BYTES_MAX, HEADERS_MAX};
use halloo::proto::{Error, Framing, Stage};
use std::time::{Duration, Instant};

const SHARED: Settings = Settings { context_takeover: false, message_bytes_min: 16 };

/// The response of a server in memory to these bytes, after which it must close.
fn refusal(bytes: &[u8]) -> (String, Option<Error>) {
    let mut server = Setup::new(Framing::WebSocket).silent_server();
    server.start();
    server.receive_at_once(bytes);
    server.assert_discarding();
    assert!(server.session().wants_shutdown(), "the connection closes");
    // A request that follows on the same connection is not served.
    let said = server.output().len();
    server.receive_at_once(wire::REQUEST);
    assert_eq!(server.output().len(), said);
    (String::from_utf8(server.output().to_vec()).expect("a response is text"), server.error())
}

/// The response to a request with these fields, under a policy.
fn judge(fields: &str, policy: &Policy) -> Result<String, Error> {
    let response = handshake::accept(&wire::request_with(fields), policy, Some(SHARED))?.0;
    Ok(String::from_utf8(response).expect("a response is text"))
}

/// A head that is parsed from its first byte at each read: byte by byte, a head of 8 KiB costs less
/// than four times as much per byte as one of 1 KiB, and is then refused. The input kept so far is
/// copied at each read, which makes the ratio about two; parsing it again each time makes it seven.
#[test]
fn t_cve_2023_43669() {
    let mut head = b"GET / HTTP/1.1\r\nA: ".to_vec();
    head.resize(HEAD_BYTES_MAX, b'a');
    let time = |bytes: &[u8]| {
        let receive = |_| {
            let mut server = Setup::new(Framing::WebSocket).silent_server();
            server.start();
            let start = Instant::now();
            server.receive(bytes, 1);
            (start.elapsed(), server.error())
        };
        (0..20).map(receive).min_by_key(|(elapsed, _)| *elapsed).expect("twenty tries")
    };
    let ((short, early), (long, late)) = (time(&head[..1024]), time(&head));
    assert_eq!((early, late), (None, Some(Error::HeadTooLarge)));
    println!("byte by byte: {short:?} for 1 KiB, {long:?} for 8");
    assert!(long < 4 * 8 * short, "{short:?} and {long:?}");
}

/// A limit on the number of fields that hides the last fields from the code after it: a request
/// with any number of fields is upgraded or refused with 431, and nothing panics.
#[test]
fn t_cve_2024_37890() {
    let own = wire::REQUEST.split(|&byte| byte == b'\n').filter(|line| line.contains(&b':'));
    let own = own.count();
    for more in 0..200 {
        let fields: String = (0..more).map(|n| format!("X-{n}: {n}\r\n")).collect();
        // The decisive field comes last.
        let request = String::from_utf8(wire::request_with(&fields)).expect("ASCII");
        let request = request.replacen("Upgrade: websocket\r\n", "", 1);
        let request = request.replacen("\r\n\r\n", "\r\nUpgrade: websocket\r\n\r\n", 1);
        let mut server = Setup::new(Framing::WebSocket).silent_server();
        server.start();
        server.receive_at_once(request.as_bytes());
        let is_served = own + more <= HEADERS_MAX;
        let error = (!is_served).then_some(Error::TooManyHeaders);
        assert_eq!(server.error(), error, "{} fields", own + more);
        let status: &[u8] = if is_served { b"HTTP/1.1 101 " } else { b"HTTP/1.1 431 " };
        assert!(server.output().starts_with(status), "{} fields", own + more);
    }
}

/// Backtracking in the lists of subprotocols and extensions: for any content, 64 times the length
/// takes at most 64^1.1 times as long.
#[test]
fn t_cve_2021_32640() {
    for field in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
        for pattern in ["a; b=\"\\c\\c\\c", " ", "a;b=\"", "a,", ";", "\\\"", "a; b=\"c\", "] {
            let (short, long) = (parse_time(field, pattern, 1), parse_time(field, pattern, 64));
            let exponent = (long.as_secs_f64() / short.as_secs_f64()).log(64.0);
            println!("{field}, {pattern:?}: {short:?} for 1 KiB, {long:?} for 64, n^{exponent:.2}");
            assert!(exponent <= 1.1, "{field}, {pattern:?}: n^{exponent:.2}");
            let limit = parse_time(field, pattern, HEAD_BYTES_MAX / 1024);
            assert!(limit < Duration::from_micros(500), "{field}, {pattern:?}: {limit:?}");
        }
    }
}

/// The shortest of many attempts.
fn parse_time(field: &str, pattern: &str, kib: usize) -> Duration {
    let value = pattern.repeat(kib * 1024 / pattern.len());
    let request = wire::request_with(&format!("{field}: x{value}\r\n"));
    let parse = |_| {
        let start = Instant::now();
        // Whether it is accepted or refused does not matter here.
        let _ = handshake::accept(&request, &Policy::default(), Some(SHARED));
        start.elapsed()
    };
    (0..40).map(parse).min().expect("forty tries")
}

/// A peer's text as the name of an object's property: such names are unknown extensions like any
/// other.
#[test]
fn t_ws_2017_extension_named_constructor() {
    for name in ["constructor", "__proto__", "toString", "hasOwnProperty", "prototype"] {
        for offer in
            [name.to_owned(), format!("permessage-deflate; {name}"), format!("{name}; a=b")]
        {
            let response =
                judge(&format!("Sec-WebSocket-Extensions: {offer}\r\n"), &Policy::default());
            let response = response.expect("an unknown extension is declined, not refused");
            assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
            assert!(!response.contains("Extensions"), "{offer}: {response}");
        }
    }
}

/// Window bits out of range that reach the compressor: both roles agree only on 8 to 15.
#[test]
fn t_cve_2026_2229() {
    let values = (-1..100).map(|bits| bits.to_string());
    let odd = ["", "\"\"", "\"10\"", "010", "+9", "1e1", "0x9", "9.0", "99999999999999999999"];
    for value in values.chain(odd.map(str::to_owned)) {
        let bits: Option<u32> = value.trim_matches('"').parse().ok();
        let is_right =
            bits.is_some_and(|bits| (8..16).contains(&bits)) && !value.starts_with(['0', '+']);
        let offer = format!("permessage-deflate; server_max_window_bits={value}");
        match judge(&format!("Sec-WebSocket-Extensions: {offer}\r\n"), &Policy::default()) {
            Ok(response) => assert_eq!(response.contains("deflate"), is_right, "{value}"),
            Err(error) => assert_eq!((error, is_right), (Error::ExtensionsMalformed, false)),
        }
        let twice = format!("{offer}; server_max_window_bits=9");
        let twice = judge(&format!("Sec-WebSocket-Extensions: {twice}\r\n"), &Policy::default());
        assert!(!twice.is_ok_and(|response| response.contains("deflate")), "{value} and 9");
        let confirmed = confirm(&format!("server_max_window_bits={value}"));
        assert_eq!(confirmed.is_ok(), is_right, "to a client: {value}: {confirmed:?}");
    }
}

/// Whether our client accepts a server's response with this parameter.
fn confirm(parameter: &str) -> Result<(), Error> {
    let offer = Offer { target: "/".into(), host: "halloo.test".into(), ..Offer::default() };
    let nonce = *b"the sample nonce";
    let request = handshake::request(&offer, nonce, None);
    let response = handshake::accept(&request, &Policy::default(), None)?.0;
    let lines = response.strip_suffix(b"\r\n").expect("it ends with an empty line");
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                     client_no_context_takeover";
    let response = [lines, format!("{extension}; {parameter}\r\n\r\n").as_bytes()].concat();
    handshake::verify(&response, &offer, nonce, Some(SHARED)).map(drop)
}

/// Line ends in a request that we write: a field or URL that contains them is a usage error.
#[test]
fn t_cve_2026_1527() {
    let url = "ws://127.0.0.1:9";
    let forged = format!("{url}/\r\nX-Forged: yes");
    for arguments in [
        vec!["-H", "X: a\r\nX-Forged: yes", url],
        vec!["-H", "X: a\nX-Forged: yes", url],
        vec!["-H", "X\r\nX-Forged: yes", url],
        vec!["-H", "X : a", url],
        vec![&forged],
    ] {
        let mut client = Program::start(halloo().arg("connect").args(&arguments));
        client.close_stdin();
        let finished = client.wait();
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:#?}");
    }
}

/// A deadline that each byte extends: two thousand clients that send a byte now and then are closed
/// at the absolute deadline, and a healthy client is not affected.
#[test]
fn t_cve_2018_12122() {
    const SECONDS: u64 = 2;
    let server = serve(&["--handshake-timeout", &format!("{SECONDS}s"), "ws://127.0.0.1:0"]);
    let mut healthy = Client::open(server.url());
    let start = Instant::now();
    let mut slow: Vec<Client> = (0..2_000).map(|_| Client::connect(server.url())).collect();
    let connected = start.elapsed();
    for byte in b"GET".chunks(1) {
        slow.iter_mut().for_each(|client| client.write(byte));
        healthy.echo(b"undisturbed");
        std::thread::sleep(Duration::from_millis(300));
    }
    let first = slow.first_mut().expect("there are some").read_head();
    let elapsed = start.elapsed();
    println!("connected within {connected:?}, the first ended after {elapsed:?}");
    assert!(first.starts_with("HTTP/1.1 408 "), "{first}");
    assert!(elapsed >= Duration::from_secs(SECONDS), "{elapsed:?}");
    assert!(elapsed <= Duration::from_millis(1000 * SECONDS + 600), "{elapsed:?}");
    slow.iter_mut().skip(1).for_each(|client| drop(client.read_head()));
    let elapsed = start.elapsed().saturating_sub(connected);
    assert!(elapsed <= Duration::from_millis(1000 * SECONDS + 1_500), "{elapsed:?}");
    healthy.echo(b"still undisturbed");
}

/// Even a raised limit on heads is a limit, and incomplete heads are charged: a hundred of them do
/// not exceed the limit on memory.
#[test]
fn t_header_limit_lifted() {
    let cookie = |bytes| wire::request_with(&format!("Cookie: {}\r\n", "c".repeat(bytes)));
    for (arguments, served, refused) in
        [(&[][..], 7_900, 8_300), (&["--max-header-size", "64KiB"], 65_000, 65_600)]
    {
        let server = serve(&[arguments, &["ws://127.0.0.1:0"]].concat());
        for (bytes, status) in [(served, "101"), (refused, "431")] {
            let mut client = Client::connect(server.url());
            client.write(&cookie(bytes));
            let head = client.read_head();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {head}");
        }
    }
    let limits = ["--max-header-size", "64KiB", "--max-memory", "1MiB", "ws://127.0.0.1:0"];
    let server = Server::start(&limits);
    let half = &cookie(60_000)[..50_000];
    let mut clients: Vec<Client> = (0..100).map(|_| Client::connect(server.url())).collect();
    // Connections that were ended for it may be gone already.
    clients.iter_mut().for_each(|client| drop(client.try_write(half)));
    server.wait_for_logs("the server's memory limit is reached", 75);
    Client::open(server.url()).echo(b"served");
}

/// A second request hidden in a body: a request that announces a body is refused, and the bytes
/// after it are not a request.
#[test]
fn t_rustsec_2021_0078() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: halloo.test\r\n\r\n";
    for field in [
        "Content-Length: 5",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Content-Length: -0",
        "Content-Length:",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\tchunked",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ] {
        let request = wire::request_with(&format!("{field}\r\n"));
        let (answer, error) = refusal(&[&request, hidden.as_bytes()].concat());
        assert_eq!(error, Some(Error::RequestHasBody), "{field}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{field}: one answer");
    }
    for field in ["Content-Length : 5", " Content-Length: 5", "Content-Length: 5\r\n folded"] {
        let (answer, _) = refusal(&wire::request_with(&format!("{field}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{field}: {answer}");
    }
}

/// A proxy that mistakes a refused upgrade for a tunnel: the refusal closes the connection, and
/// nothing after it is served.
#[test]
fn t_websocket_smuggling() {
    for (from, to, status) in [
        ("Version: 13", "Version: 1337", 426),
        ("Upgrade: websocket", "Upgrade: websocketx", 426),
        ("Key: dGhl", "Key: dGh", 400),
    ] {
        let (answer, _) = refusal(&[&wire::changed(from, to), wire::REQUEST].concat());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {answer}");
        assert!(answer.contains("\r\nConnection: close"), "{to}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{to}: one answer");
    }
}

/// Pages of other origins (CSWSH): an echo has no ambient authority and serves them all by default;
/// with `--allow-origin`, exactly the listed ones, however others disguise themselves.
#[test]
fn t_cwe_1385() {
    let listed = ["https://page.example", "http://[::1]:8080"].map(str::to_owned).to_vec();
    let strict = Policy { origins: listed, ..Policy::default() };
    for (origin, is_listed) in [
        ("https://page.example", true),
        ("HTTPS://PAGE.EXAMPLE", true),
        ("http://[::1]:8080", true),
        ("http://page.example", false),
        ("https://page.example:443", false),
        ("https://page.example.", false),
        ("https://page.example/", false),
        ("https://page.example.evil.example", false),
        ("https://evil.example/?https://page.example", false),
        ("https://evil.example#https://page.example", false),
        ("https://page.example@evil.example", false),
        ("https://user@page.example", false),
        ("https://sub.page.example", false),
        ("https://pageXexample", false),
        ("null", false),
        ("file://", false),
        ("http://127.0.0.1", false),
        ("http://0x7f.1", false),
        ("https://page.example, https://evil.example", false),
        ("", false),
    ] {
        let fields = format!("Origin: {origin}\r\n");
        assert!(judge(&fields, &Policy::default()).is_ok(), "by default: {origin}");
        let judged = judge(&fields, &strict).map(drop);
        let expected = if is_listed { Ok(()) } else { Err(Error::OriginRefused) };
        assert_eq!(judged, expected, "{origin}");
    }
    let both = "Origin: https://page.example\r\nOrigin: https://evil.example\r\n";
    assert_eq!(judge(both, &strict).map(drop), Err(Error::OriginRefused));
    assert!(judge("", &strict).is_ok(), "a client without an origin is not a page");
}

/// A foreign name that resolves to our address (DNS rebinding): with `--allow-host`, only the
/// listed names.
#[test]
fn t_dns_rebinding() {
    let policy = Policy { hosts: vec!["localhost".into(), "[::1]".into()], ..Policy::default() };
    let judge = |host: &str| {
        let request = wire::changed("Host: halloo.test", &format!("Host: {host}"));
        handshake::accept(&request, &policy, None).map(drop)
    };
    for host in ["localhost", "LocalHost", "localhost:9527", "[::1]", "[::1]:80"] {
        assert_eq!(judge(host), Ok(()), "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example", "localhost.", "127.0.0.1", "[::2]", "xlocalhost"]
    {
        assert_eq!(judge(host), Err(Error::HostRefused), "{host}");
    }
    for host in
        ["", "localhost@evil.example", "localhost evil", "localhost/", "localhost:x", "[::1"]
    {
        assert_eq!(judge(host), Err(Error::HostInvalid), "{host}");
    }
}

/// A peer's text in a page that we write: a refusal contains only our own words, as plain text.
#[test]
fn t_stored_xss() {
    let script = "<script>alert(1)</script>";
    let mut requests = vec![
        wire::changed("GET / ", &format!("GET /{script} ")),
        wire::changed("halloo.test", script),
        wire::changed("Version: 13", &format!("Version: {script}")),
        format!("{script} / HTTP/1.1\r\n\r\n").into_bytes(),
    ];
    for field in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length"] {
        requests.push(wire::request_with(&format!("{field}: {script}\r\n")));
    }
    for request in requests {
        let mut server = Setup::new(Framing::WebSocket).silent_server();
        server.start();
        server.receive_at_once(&request);
        let answer = String::from_utf8(server.output().to_vec()).expect("a response is text");
        assert!(!answer.contains("<script") && !answer.contains("alert"), "{answer}");
        if server.stage() == Stage::Closing {
            assert!(answer.contains("Content-Type: text/plain") && answer.contains("nosniff"));
        }
    }
}

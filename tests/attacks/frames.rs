//! Attacks with frames.

use crate::client::Client;
use crate::pair::Setup;
use crate::process;
use crate::wire::{self, BINARY, CLOSE, FIRST_BINARY, Frame, LAST, NEXT, PING, PONG, TEXT};
use crate::{process_of, serve};
use halloo::proto::{CloseCode, Error, Framing, Stage};
use halloo::service::Echo;
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

fn websocket() -> Setup {
    Setup::new(Framing::WebSocket)
}

/// An object for each fragment: ten million fragments, empty or of one byte, cost no more memory
/// than their bytes, though the message is collected; a limit of 64 MiB ends them after a million.
#[test]
fn t_cve_2026_48779() {
    const PAIRS: usize = 5_000_000;
    const AT_ONCE: usize = 10_000;
    // Each fragment counts 64 bytes plus its payload, so these reach the default limit.
    const PAIRS_MAX: usize = (64 << 20) / (2 * 64 + 1);
    let arguments =
        ["--service", "timestamp", "--max-memory", "1GiB", "--max-message-size", "1GiB"];
    let server = serve(&[&arguments[..], &["ws://127.0.0.1:0"]].concat());
    let process = process_of(&server);
    let mut client = Client::open(server.url());
    client.write(&wire::masked(BINARY, &[0; 300_000]));
    client.read_frame();
    let before = process.memory_kib();
    let pair = [wire::masked(NEXT, b""), wire::masked(NEXT, b"x")].concat();
    client.write(&wire::masked(FIRST_BINARY, b""));
    let start = Instant::now();
    let pairs = pair.repeat(AT_ONCE);
    (0..PAIRS / AT_ONCE).for_each(|_| client.write(&pairs));
    client.write(&wire::masked(PING, b"done"));
    assert_eq!(client.read_frame(), Frame::new(PONG, b"done"));
    let grown = process.memory_kib().saturating_sub(before);
    println!("{} fragments in {:?}: {grown} KiB more", 2 * PAIRS, start.elapsed());
    // A vector that grows reserves up to twice its bytes.
    assert!(grown <= 2 * (PAIRS as u64 / 1024) + 64, "{grown} KiB");

    let server = serve(&["--service", "discard", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    client.write(&wire::masked(FIRST_BINARY, b""));
    client.write(&pair.repeat(PAIRS_MAX));
    client.write(&wire::masked(PING, b"still there"));
    assert_eq!(client.read_frame(), Frame::new(PONG, b"still there"));
    client.write(&pair);
    client.expect_close(1009);
}

/// Lengths that overflow, wrap or are signed: each is refused by its header, with nothing reserved.
#[test]
fn t_cve_2020_27813() {
    let long = |len: u64| [&[0xff][..], &len.to_be_bytes()].concat();
    let mut cases: Vec<(Vec<u8>, Error)> = Vec::new();
    for len in [(1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 63) - 1] {
        cases.push((long(len), Error::MessageTooBig));
    }
    for len in [1 << 63, (1 << 63) + 1, u64::MAX] {
        cases.push((long(len), Error::LengthTopBit));
    }
    for len in [0, 125, 126, 65_535] {
        cases.push((long(len), Error::LengthNotMinimal));
    }
    cases.extend(
        [0_u16, 125]
            .map(|len| ([&[0xfe][..], &len.to_be_bytes()].concat(), Error::LengthNotMinimal)),
    );
    for (length, error) in cases {
        for first in [TEXT, BINARY, FIRST_BINARY] {
            let header = [&[first][..], &length, &wire::KEY].concat();
            for setup in websocket().everywhere() {
                let mut server = setup.server_given(&header);
                assert_eq!(server.error(), Some(error), "{}", header.escape_ascii());
                server.assert_discarding();
                let code = if error == Error::MessageTooBig { 1009 } else { 1002 };
                assert_eq!(server.frames(), [Frame::close(code)]);
                server.assert_idle();
            }
        }
    }
}

/// The same lengths to our client, as a hostile server would send them.
#[test]
fn t_cve_2026_1528() {
    for len in [1_u64 << 32, (1 << 63) - 1, 1 << 63, u64::MAX] {
        let header = [&[BINARY, 127][..], &len.to_be_bytes()].concat();
        for setup in websocket().everywhere() {
            let mut pair = setup.pair();
            pair.server.inject(&header);
            pair.run();
            let error = pair.client.error().expect("it is refused");
            assert!(matches!(error, Error::MessageTooBig | Error::LengthTopBit), "{len}: {error}");
            pair.client.assert_idle();
        }
    }
}

/// Memory reserved for an announced length: thousands of connections that each announce 1 GiB and
/// send none of it cost less than 1 KiB each, including everything else that a connection costs,
/// touched or only reserved.
#[test]
fn t_rustsec_2022_0035() {
    // As many as this process can have; other tests run at the same time, and need some thousands.
    let count = process::own_descriptors().saturating_sub(6_000).clamp(1_000, 14_000);
    let arguments = ["--service", "timestamp", "--max-message-size", "1GiB", "ws://127.0.0.1:0"];
    let server = serve(&arguments);
    let process = process_of(&server);
    Client::open(server.url()).close();
    let (before, reserved) = (process.memory_kib(), process.reserved_kib());
    let mut clients: Vec<Client> = (0..count).map(|_| Client::open(server.url())).collect();
    for client in &mut clients {
        client.write(&wire::masked_header(BINARY, 1 << 30));
    }
    // A control frame can no longer come before the payload, so another connection checks the
    // server.
    Client::open(server.url()).close();
    std::thread::sleep(Duration::from_millis(100));
    let grown = process.memory_kib().saturating_sub(before);
    let reserved = process.reserved_kib().saturating_sub(reserved);
    println!("{count} connections that announce 1 GiB each: {grown} KiB, {reserved} KiB reserved");
    assert!(grown < count as u64, "{grown} KiB for {count} connections");
    assert!(reserved < count as u64, "{reserved} KiB reserved for {count} connections");
}

/// Unlimited responses to a peer that reads none of them: the server stops reading its input, and
/// nothing is lost.
#[test]
fn t_rustsec_2020_0043() {
    let message = wire::masked(BINARY, &[7; 60_000]);
    assert_bounded("echoes", &message, message.len());
}

/// Unlimited pongs to a peer that reads none of them.
#[test]
fn t_okhttp_ping_flood() {
    let ping = wire::masked(PING, &[7; 125]);
    assert_bounded("pongs", &ping.repeat(500), ping.len());
}

/// Sends frames of this length until the server accepts no more: that happens soon, the server
/// holds little, and later every response arrives.
fn assert_bounded(name: &str, bytes: &[u8], frame_bytes: usize) {
    let server = serve(&["ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut client = Client::open(server.url());
    client.echo(&[7; 300_000]);
    let before = process.memory_kib();
    client.stream().set_nonblocking(true).expect("a socket");
    let mut writer = client.stream().try_clone().expect("a second handle");
    let (mut sent, mut quiet_since) = (0, Instant::now());
    while quiet_since.elapsed() < Duration::from_millis(500) {
        match writer.write(&bytes[sent % bytes.len()..]) {
            Ok(count) => {
                sent += count;
                quiet_since = Instant::now();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let grown = process.memory_kib().saturating_sub(before);
    println!("{name} to a peer that does not read: {sent} bytes taken, {grown} KiB more");
    assert!(grown <= 1024, "{grown} KiB");
    client.stream().set_nonblocking(false).expect("a socket");
    for _ in 0..sent / frame_bytes {
        let frame = client.read_frame();
        assert!(frame.payload.iter().all(|byte| *byte == 7), "{frame:?}");
    }
}

/// Frames that are unmasked, or masked by the wrong side, and masks that can be predicted (RFC 6455
/// §10.3).
#[test]
fn t_rfc_6455_10_3() {
    for setup in websocket().everywhere() {
        let mut server = setup.server_given(&wire::unmasked(TEXT, b"GET / HTTP/1.1\r\n"));
        assert_eq!(server.error(), Some(Error::MaskMissing));
        server.assert_discarding();
        assert_eq!(server.frames(), [Frame::close(1002)]);
        let mut pair = setup.pair();
        pair.server.inject(&wire::masked(TEXT, b"masked"));
        pair.run();
        assert_eq!(pair.client.error(), Some(Error::MaskUnexpected));
    }
    let mut pair = websocket().pair();
    let keys: Vec<[u8; 4]> = (0..50)
        .map(|_| {
            pair.client.send("the same");
            let sent = pair.client.take_output();
            *sent[2..].first_chunk().expect("a key")
        })
        .collect();
    let distinct: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "a key for each frame");
}

/// Control frames with lengths that other servers masked away: 126 bytes or more are an error,
/// fewer come back identical, also inside a fragmented message.
#[test]
fn t_userver_1308() {
    for len in [0, 1, 2, 124, 125] {
        let payload: Vec<u8> = (0..len).map(|n| n as u8 ^ 0xa5).collect();
        let ping = wire::masked(PING, &payload);
        let frames = [wire::masked(FIRST_BINARY, b"a"), ping, wire::masked(LAST | NEXT, b"b")];
        for setup in websocket().everywhere() {
            let server = setup.server_given(&frames.concat());
            let begun = Frame::new(FIRST_BINARY, b"a");
            let ended = Frame::new(LAST | NEXT, b"b");
            assert_eq!(server.frames(), [begun, Frame::new(PONG, &payload), ended]);
        }
    }
    let long = [126, 127, 128, 253, 254, 256, 65_535, 65_536];
    let bad = long.iter().flat_map(|&len| {
        [PING, PONG, CLOSE].map(|first| (wire::masked(first, &vec![1; len]), Error::ControlTooLong))
    });
    let fragmented = [PING, PONG, CLOSE]
        .map(|first| (wire::masked(first & !LAST, b"\x03\xe8"), Error::ControlFragmented));
    for (frame, error) in bad.chain(fragmented) {
        let mut server = websocket().server_given(&frame);
        assert_eq!(server.error(), Some(error));
        server.assert_discarding();
        assert_eq!(server.frames(), [Frame::close(1002)]);
    }
}

/// Uninitialized memory in a Close frame: the reply to a Close is its code and nothing else, and a
/// reason longer than 123 bytes is an error.
#[test]
fn t_cve_2026_45736() {
    for len in 0..=124 {
        let payload = [&1000_u16.to_be_bytes()[..], &vec![b'r'; len]].concat();
        let server = websocket().server_given(&wire::masked(CLOSE, &payload));
        let code = if len <= 123 { 1000 } else { 1002 };
        assert_eq!(server.frames(), [Frame::close(code)], "a reason of {len} bytes");
    }
    assert_eq!(
        websocket().server_given(&wire::masked(CLOSE, b"")).frames(),
        [Frame::new(CLOSE, b"")]
    );
}

/// Two echoes that respond to each other for ever: a control frame gets one reply, and a Close ends
/// the exchange whichever side begins it.
#[test]
fn t_echo_loop() {
    let setup =
        Setup { client_service: || Box::new(Echo), client_takes_whole: true, ..websocket() };
    for setup in setup.everywhere() {
        for server_begins in [true, false] {
            let mut pair = setup.pair();
            pair.client.inject(&wire::masked(PONG, b"unasked"));
            pair.client.inject(&wire::masked(PING, b"?"));
            pair.server.inject(&wire::unmasked(PING, b"!"));
            pair.run();
            let begins = if server_begins { &mut pair.server } else { &mut pair.client };
            begins.close(CloseCode::NORMAL);
            pair.run();
            for endpoint in [&pair.server, &pair.client] {
                let frames = endpoint.frames();
                let count = |first| frames.iter().filter(|frame| frame.first == first).count();
                assert_eq!(count(CLOSE), 1, "{frames:?}");
                assert!(count(PONG) <= 2, "{frames:?}");
                assert_eq!((endpoint.stage(), endpoint.error()), (Stage::Closing, None));
            }
        }
    }
}

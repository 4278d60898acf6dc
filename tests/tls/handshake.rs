//! Handshakes that take too long, are repeated, or are interrupted by a stop.

use super::client::Client;
use super::ending::to_the_fin;
use super::stream::{Stream, VERSIONS, config_of, tcp, tls, unsent};
use super::{ALL_FRAMINGS, serve};
use rustls::HandshakeKind;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn the_deadline_is_absolute() {
    let server = serve(&["--handshake-timeout", "1s", "wss://127.0.0.1:0"]);
    let (mut socket, mut tls) = (tcp(server.url()), tls(config_of(&VERSIONS, None)));
    let start = Instant::now();
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("it is a socket");
    let mut answer = Vec::new();
    for byte in unsent(&mut tls) {
        socket.write_all(&[byte]).expect("the server reads");
        let mut buffer = [0; 64];
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(_) => {
                assert!(start.elapsed() < Duration::from_secs(3), "the deadline has no effect");
            }
        }
    }
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(2), "{took:?}");
    // RFC 8446 §6.1: close_notify, an alert of level 1 and code 0.
    assert_eq!((answer[0], &answer[3..]), (21, &[0, 2, 1, 0][..]));
    drop(socket);
    server.wait_for_log("#1 ended: the request was not complete in time");
}

/// One deadline covers TLS and the opening handshake of WebSocket.
#[test]
fn the_deadline_continues_after_the_tls_handshake() {
    let server = serve(&["--handshake-timeout", "1s", "wss://127.0.0.1:0"]);
    let start = Instant::now();
    let mut client = Client::connect(server.url());
    let head = client.read_head();
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    client.rest();
    let took = start.elapsed();
    assert!(took > Duration::from_millis(900) && took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_stop_ends_handshakes_in_progress_at_once() {
    let server = serve(&["--drain-timeout", "15s", "--handshake-timeout", "15s", ALL_FRAMINGS[0]]);
    let url = server.url().to_owned();
    let halves: Vec<Stream> = (0..3)
        .map(|sent| {
            let (mut socket, mut tls) = (tcp(&url), tls(config_of(&VERSIONS, None)));
            let hello = unsent(&mut tls);
            socket.write_all(&hello[..hello.len() * sent / 2]).expect("the server reads");
            Stream::new(socket, tls)
        })
        .collect();
    server.wait_for_logs("connected", halves.len());
    let start = Instant::now();
    let peers = std::thread::spawn(move || halves.iter().for_each(|half| _ = to_the_fin(half)));
    let finished = server.stop();
    peers.join().expect("each got FIN");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// RFC 8446 §8: early data can be replayed, so the server accepts none.
#[test]
fn a_session_is_resumed_without_early_data() {
    let server = serve(&["tls://127.0.0.1:0"]);
    for version in VERSIONS {
        let mut config = config_of(&[version], None);
        config.enable_early_data = true;
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = Stream::new(tcp(server.url()), tls(config.clone()));
            assert!(stream.tls().early_data().is_none(), "the ticket allows early data");
            stream.shake_hands().expect("the handshake succeeds");
            assert_eq!(stream.tls().handshake_kind(), Some(expected));
            let mut client = Client::over(stream, server.url());
            client.echo(b"the echo follows the tickets");
            client.close();
        }
    }
}

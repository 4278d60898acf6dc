//! The echo, with clients of three TLS implementations, in both versions.

use super::authority::Authority;
use super::client::Client;
use super::stream::{Stream, VERSIONS, config, config_of, tcp};
use super::support::{Program, python};
use super::wire::{BINARY, REQUEST, after_head, frames, masked, unmasked};
use super::{ALL_FRAMINGS, serve};
use hmac::{Hmac, KeyInit, Mac};
use rustls::{AlertDescription, Error};
use sha2::Sha256;
use std::io::{Read, Write};
use std::process::Command;

/// A ClientHello of TLS 1.1, with three cipher suites. Its one extension, signature_algorithms,
/// ensures that only the version is wrong (RFC 4346 §7.4.1.2).
const HELLO_OF_TLS_1_1: &[u8] = b"\x16\x03\x01\x00\x3b\x01\x00\x00\x37\x03\x02\
    an older client, with its random\x00\x00\x06\xc0\x13\xc0\x09\x00\x2f\x01\x00\
    \x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03";

#[test]
fn all_framings_echo_in_both_versions() {
    let server = serve(&ALL_FRAMINGS);
    for version in VERSIONS {
        for url in server.urls() {
            let stream = Stream::connect_with(url, config_of(&[version], None));
            let mut client = Client::over(stream.expect("the handshake succeeds"), url);
            let spoken = client.stream_mut().tls().protocol_version();
            assert_eq!(spoken, Some(version.version));
            client.upgrade();
            for size in [1, 125, 126, 16_384, 16_385, 65_536] {
                client.echo(&vec![b'x'; size]);
            }
            client.close();
        }
    }
}

#[test]
fn older_versions_are_refused_with_the_alert() {
    let server = serve(&["tls://127.0.0.1:0"]);
    let mut tcp = tcp(server.url());
    tcp.write_all(HELLO_OF_TLS_1_1).expect("the server reads it");
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).expect("the server ends with FIN");
    // RFC 8446 §6: a record of type 21 with a fatal alert, protocol_version (70).
    assert_eq!((answer[0], &answer[3..]), (21, &[0, 2, 2, 70][..]));
    drop(tcp);
    server.wait_for_log("#1 ended: no TLS version, cipher suite or protocol in common");
}

#[test]
fn http_1_1_is_the_only_alpn_protocol_for_websocket() {
    let server = serve(&["wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    let connect = |url: &str, protocols: &[&[u8]]| {
        let mut config = config();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Stream::connect_with(url, config)
    };
    let (wss, tls) = (&server.urls()[0], &server.urls()[1]);
    let chosen = |stream: &mut Stream| stream.tls().alpn_protocol().map(<[u8]>::to_vec);

    let mut both = connect(wss, &[b"h2", b"http/1.1"]).expect("one protocol in common");
    assert_eq!(chosen(&mut both), Some(b"http/1.1".to_vec()));
    let mut none = connect(wss, &[]).expect("the offer is optional");
    assert_eq!(chosen(&mut none), None);
    for stream in [both, none] {
        let mut client = Client::over(stream, wss);
        client.upgrade();
        client.echo(b"hello");
    }
    let refused = connect(wss, &[b"h2"]).expect_err("no protocol in common");
    let error = refused.get_ref().and_then(|error| error.downcast_ref::<Error>());
    assert_eq!(error, Some(&Error::AlertReceived(AlertDescription::NoApplicationProtocol)));
    server.wait_for_log("ended: no TLS version, cipher suite or protocol in common");

    let mut raw = connect(tls, &[b"h2"]).expect("bare TLS accepts any protocol");
    assert_eq!(chosen(&mut raw), None);
    Client::over(raw, tls).echo(b"hello");
}

#[test]
fn the_challenge_follows_the_tls_handshake() {
    let key = super::support::KeyFile::new("open sesame\n");
    let server = serve(&[&["--auth-key-file", key.path()], &ALL_FRAMINGS[..]].concat());
    for (url, is_websocket) in server.urls().iter().zip([true, false, false]) {
        let mut client = Client::open(url);
        let challenge = match is_websocket {
            true => client.read_frame().payload,
            false => client.read_exactly(32),
        };
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"open sesame").expect("any length will do");
        hmac.update(&challenge);
        let answer = hmac.finalize().into_bytes();
        // The response to the challenge and a message in one record.
        let answer = if is_websocket { masked(BINARY, &answer) } else { answer.to_vec() };
        client.write(&[answer, client.encode(b"hello")].concat());
        client.expect_echo(b"hello");
    }
}

#[cfg(feature = "deflate")]
#[test]
fn messages_are_compressed_inside_tls() {
    // RFC 7692 §7.2.3.1: "Hello", compressed.
    const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    const RSV1: u8 = 0x40;
    let server = serve(&["wss://127.0.0.1:0"]);
    let mut client = Client::connect(server.url());
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    client.write(&[&REQUEST[..REQUEST.len() - 4], offer.as_bytes()].concat());
    let head = client.read_head();
    assert!(head.contains("Sec-WebSocket-Extensions: permessage-deflate"), "{head}");
    client.write(&masked(BINARY | RSV1, HELLO));
    let echo = client.read_frame();
    let is_compressed = echo.first == BINARY | RSV1 && echo.payload == HELLO;
    assert!(is_compressed || (echo.first == BINARY && echo.payload == b"Hello"), "{echo:?}");
}

#[test]
fn python_gets_its_echo_in_both_versions() {
    let server = serve(&["tls://127.0.0.1:0"]);
    for version in ["1.2", "1.3"] {
        let arguments = [server.address(), Authority::shared().pem.path(), version];
        let finished = python().run("../tls/ssl_client.py", &arguments, "");
        assert_eq!(finished.stdout, format!("{version} ok\n"));
    }
    let log = server.wait_for_logs("ended: ", 2);
    assert!(!log.contains("close_notify"), "both ended cleanly: {log}");
}

#[test]
fn openssl_gets_its_echo_in_both_versions() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl here");
        return;
    }
    let server = serve(&["tls://127.0.0.1:0"]);
    for version in ["-tls1_2", "-tls1_3"] {
        let mut client = Program::start(Command::new("openssl").args([
            "s_client",
            "-quiet",
            "-no_ign_eof",
            version,
            "-verify_return_error",
            "-verify_ip",
            "127.0.0.1",
            "-CAfile",
            Authority::shared().pem.path(),
            "-connect",
            server.address(),
        ]));
        client.write("an echo\n");
        client.wait_for_stdout(|stdout| stdout == "an echo\n");
        client.close_stdin();
        let finished = client.wait();
        assert_eq!(finished.code, Some(0), "{finished:#?}");
    }
}

#[test]
fn a_request_and_its_first_message_in_one_record() {
    let server = serve(&["wss://127.0.0.1:0"]);
    let mut client = Client::connect(server.url());
    client.write(&[REQUEST, &masked(BINARY, b"early"), &super::wire::masked_close(1000)].concat());
    let heard = client.rest();
    let heard = frames(after_head(&heard));
    assert_eq!(heard[0], frames(&unmasked(BINARY, b"early"))[0]);
    assert_eq!(heard[1].close_code(), Some(1000));
}

//! Records in pieces, and several in one segment.

use super::client::Client;
use super::stream::{Stream, VERSIONS, config, config_of, tcp, tls, unsent};
use super::wire::REQUEST;
use super::{ALL_FRAMINGS, serve};
use std::io::Write;
use std::net::TcpStream;

/// Offsets at which records of up to 16 KiB are split.
const CUTS: [usize; 6] = [1, 2, 5, 333, 4_097, 16_389];

/// Bytes of each message: three records.
const MESSAGE: usize = 40_000;

#[test]
fn every_record_may_arrive_in_pieces() {
    let server = serve(&["tls://127.0.0.1:0"]);
    for version in VERSIONS {
        for cut in CUTS {
            let (socket, mut hello) = (tcp(server.url()), tls(config_of(&[version], None)));
            write_cut(&socket, &unsent(&mut hello), cut);
            let mut stream = Stream::new(socket, hello);
            stream.shake_hands().expect("the handshake succeeds");
            let message = vec![cut as u8; MESSAGE];
            let ciphertext = stream.ciphertext(&message);
            write_cut(stream.tcp(), &ciphertext, cut);
            let mut client = Client::over(stream, server.url());
            client.expect_echo(&message);
            client.close();
        }
    }
}

/// The client's Finished and later data in one segment, which TLS 1.3 allows (RFC 8446 §2).
#[test]
fn data_may_arrive_with_the_end_of_the_handshake() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let (mut socket, mut tls) = (tcp(url), tls(config()));
        socket.write_all(&unsent(&mut tls)).expect("the server reads it");
        while tls.is_handshaking() {
            tls.read_tls(&mut socket).expect("the server responds");
            tls.process_new_packets().expect("the server's TLS is valid");
        }
        let mut client = Client::over(Stream::new(socket, tls), url);
        let request: &[u8] = if url.starts_with("wss") { REQUEST } else { b"" };
        let data = [request, &client.encode(b"at once")].concat();
        let segment = client.stream_mut().ciphertext(&data);
        client.stream().tcp().write_all(&segment).expect("the server reads it");
        if url.starts_with("wss") {
            client.expect_upgrade();
        }
        client.expect_echo(b"at once");
        client.close();
    }
}

/// Many records in one read, small and large, and the rest of the last one later.
#[test]
fn many_records_may_arrive_at_once() {
    let server = serve(&["tls://127.0.0.1:0"]);
    let process = super::process_of(&server);
    let mut client = Client::connect(server.url());
    let mut message = Vec::new();
    let mut ciphertext = Vec::new();
    for size in (0..200).map(|n| n * n % 9_973 + 1) {
        let part = vec![size as u8; size];
        ciphertext.extend(client.stream_mut().ciphertext(&part));
        message.extend(part);
    }
    let (most, rest) = ciphertext.split_at(ciphertext.len() - 100);
    process.while_stopped(|| client.stream().tcp().write_all(most).expect("the kernel has room"));
    client.stream().tcp().write_all(rest).expect("the server reads");
    client.expect_echo(&message);
    client.close();
}

/// Writes `bytes` bytes at a time; each write leaves before the next.
pub(super) fn write_cut(mut socket: &TcpStream, bytes: &[u8], cut: usize) {
    for part in bytes.chunks(cut) {
        socket.write_all(part).expect("the server reads");
    }
}

//! The other services: flood, discard, none, and echo that closes after a number of messages.

use super::client::{Client, shown};
use super::support::{KeyFile, Server};
use super::{ALL_FRAMINGS, process_of, serve};
use std::time::{Duration, Instant};

/// Bytes of one line of RFC 864.
const LINE_BYTES: usize = 74;

/// The 95 characters of RFC 864, twice, so that every line is a part of them.
fn ring() -> Vec<u8> {
    (b' '..=b'~').chain(b' '..=b'~').collect()
}

/// Reads lines and checks that each begins one character after the previous one's beginning.
fn expect_lines(client: &mut Client, first: usize, count: usize) {
    let ring = ring();
    for number in first..first + count {
        let line = client.read_exactly(LINE_BYTES);
        let start = number % 95;
        let expected = [&ring[start..start + 72], b"\r\n"].concat();
        assert_eq!(line, expected, "line {number}: {}", shown(&line));
    }
}

#[test]
fn a_flood_stops_while_its_peer_does_not_read_and_then_continues() {
    let server = serve(&["--service", "flood", "tcp://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut client = Client::open(server.url());
    expect_lines(&mut client, 0, 20_000);
    let before = process.memory_kib();
    // Until every buffer on the path is full; then the server must be idle.
    std::thread::sleep(Duration::from_millis(300));
    let busy_before = process.processor_time();
    std::thread::sleep(Duration::from_millis(500));
    let busy = process.processor_time() - busy_before;
    let grown = process.memory_kib().saturating_sub(before);
    println!("a flood without a reader: {grown} KiB, busy {busy:?} of half a second");
    assert!(grown <= 1024, "{grown} KiB held for a peer that does not read");
    assert!(busy < Duration::from_millis(25), "busy for {busy:?} of half a second");
    expect_lines(&mut client, 20_000, 200_000);
}

#[test]
fn a_flood_over_websocket_is_messages() {
    let server = serve(&["--service", "flood", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let ring = ring();
    for number in 0..5_000 {
        let frame = client.read_frame();
        let start = number % 95;
        assert_eq!(frame.first, 0x81, "{frame:?}");
        assert_eq!(frame.payload, [&ring[start..start + 72], b"\r\n"].concat());
    }
}

#[test]
fn a_flood_ends_when_its_peer_closes() {
    let server = Server::start(&["--service", "flood", "tcp://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    expect_lines(&mut client, 0, 100);
    drop(client);
    server.wait_for_log("ended: ");
    assert!(process_of(&server).settles(|it| {
        let before = it.processor_time();
        std::thread::sleep(Duration::from_millis(100));
        it.processor_time() - before < Duration::from_millis(5)
    }));
}

#[test]
fn discard_drops_its_input() {
    let server = serve(&[&["--service", "discard"], &ALL_FRAMINGS[..]].concat());
    let process = process_of(&server);
    for url in server.urls() {
        let mut client = Client::open(url);
        let before = process.memory_kib();
        (0..512).for_each(|_| client.send(&[b'd'; 32 * 1024]));
        if url.starts_with("ws") {
            client.close();
        } else {
            client.finish_output();
            client.expect_end();
        }
        let grown = process.memory_kib().saturating_sub(before);
        println!("{url}: 16 MiB discarded, {grown} KiB");
        assert!(grown <= 1024, "{grown} KiB held for discarded input");
    }
}

#[test]
fn none_closes_at_once() {
    let server = serve(&[&["--service", "none"], &ALL_FRAMINGS[..]].concat());
    for url in server.urls() {
        let mut client = Client::open(url);
        if url.starts_with("ws") {
            client.expect_close(1000);
        } else {
            client.expect_end();
        }
    }
}

#[test]
fn none_closes_after_the_challenge_is_answered() {
    let key = KeyFile::new("a key that is long enough");
    let server = serve(&["--service", "none", "--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let challenge = client.read_exactly(32);
    client.stream().set_nonblocking(true).expect("a socket");
    std::thread::sleep(Duration::from_millis(100));
    let early = client.read(&mut [0]);
    assert!(early.is_err(), "it closed before the answer: {early:?}");
    client.stream().set_nonblocking(false).expect("a socket");
    client.write(&answer(b"a key that is long enough", &challenge));
    client.expect_end();
}

#[test]
fn the_server_closes_after_the_given_number_of_messages() {
    let server = serve(&[&["--close-after", "2"], &ALL_FRAMINGS[..]].concat());
    for url in server.urls() {
        let mut client = Client::open(url);
        client.echo(b"first");
        client.echo(b"second");
        let start = Instant::now();
        if url.starts_with("ws") {
            client.expect_close(1000);
        } else {
            client.expect_end();
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

#[test]
fn small_socket_buffers_lose_nothing() {
    let arguments = ["--profile", "internet", "--max-message-size", "4MiB"];
    let server = serve(&[&arguments, &ALL_FRAMINGS[..]].concat());
    for url in server.urls() {
        let message = [b'b'; 1_000_000];
        let mut client = Client::open(url);
        let bytes = client.encode(&message);
        let mut output = client.stream().try_clone().expect("a second handle");
        let writer = std::thread::spawn(move || std::io::Write::write_all(&mut output, &bytes));
        client.expect_echo(&message);
        writer.join().expect("no panic").expect("the server reads");
        client.close();
    }
}

fn answer(key: &[u8], challenge: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(challenge);
    mac.finalize().into_bytes().to_vec()
}

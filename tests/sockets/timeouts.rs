//! Deadlines: never early, never extended by a byte now and then, and met shortly after they are
//! due. The upper bounds leave room for a machine that is busy with other tests; measured values
//! are printed.

use super::client::Client;
use super::serve;
use super::support::{KeyFile, Server};
use super::wire::{PING, PONG, REQUEST, masked, masked_close};
use std::time::{Duration, Instant};

const HALF_A_SECOND: Duration = Duration::from_millis(500);

/// Checks a deadline of half a second.
#[track_caller]
fn assert_half_a_second(name: &str, elapsed: Duration) {
    println!("{name}: {elapsed:?}");
    // The server's clock starts when it accepts: slightly after ours, so the deadline is never
    // early.
    assert!(elapsed >= HALF_A_SECOND - Duration::from_millis(20), "{name}: {elapsed:?} is early");
    assert!(elapsed < HALF_A_SECOND * 3, "{name}: {elapsed:?} is late");
}

/// Writes a byte every 100 ms for two seconds, or until the server accepts no more.
fn drip(client: &Client, bytes: &'static [u8]) {
    let mut output = client.stream().try_clone().expect("a second handle");
    std::thread::spawn(move || {
        for byte in bytes.chunks(1).take(20) {
            if std::io::Write::write_all(&mut output, byte).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn a_byte_now_and_then_does_not_extend_the_handshake() {
    let server = serve(&["--handshake-timeout", "500ms", "ws://127.0.0.1:0"]);
    let start = Instant::now();
    let mut client = Client::connect(server.url());
    drip(&client, REQUEST);
    let head = client.read_head();
    assert_half_a_second("--handshake-timeout", start.elapsed());
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    client.rest();
    assert_half_a_second("--handshake-timeout, to the end", start.elapsed());
}

#[test]
fn a_silent_client_is_closed_after_the_handshake_timeout() {
    let server = serve(&["--handshake-timeout", "500ms", "ws://127.0.0.1:0"]);
    let start = Instant::now();
    let mut client = Client::connect(server.url());
    let head = client.read_head();
    assert_half_a_second("--handshake-timeout in silence", start.elapsed());
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
}

#[test]
fn the_answer_to_the_challenge_has_the_same_timeout() {
    let key = KeyFile::new("a key that is long enough");
    let server = serve(&[
        "--auth-timeout",
        "500ms",
        "--auth-key-file",
        key.path(),
        "tcp://127.0.0.1:0",
        "line://127.0.0.1:0",
        "ws://127.0.0.1:0",
    ]);
    for url in &server.urls()[..2] {
        let start = Instant::now();
        let mut client = Client::connect(url);
        assert_eq!(client.read_exactly(32).len(), 32);
        drip(&client, b"0123456789012345678901234567890");
        client.expect_end();
        assert_half_a_second(url, start.elapsed());
    }
    let mut client = Client::open(&server.urls()[2]);
    let start = Instant::now();
    assert_eq!(client.read_frame().payload.len(), 32);
    client.expect_close(1008);
    let elapsed = start.elapsed() + Duration::from_millis(20);
    assert_half_a_second("--auth-timeout over WebSocket", elapsed);
}

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let server = serve(&["--idle-timeout", "500ms", "ws://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for url in server.urls() {
        let mut client = Client::open(url);
        let start = Instant::now();
        // Three times the idle timeout, but never idle for that long.
        while start.elapsed() < HALF_A_SECOND * 3 {
            client.echo(b"not idle");
            std::thread::sleep(Duration::from_millis(100));
        }
        client.echo(b"the last");
        let start = Instant::now();
        if url.starts_with("ws") {
            client.expect_close(1001);
        } else {
            client.expect_end();
        }
        // The server read the message before we read its echo.
        assert_half_a_second("--idle-timeout", start.elapsed() + Duration::from_millis(20));
    }
}

#[test]
fn a_client_that_never_sent_a_message_is_idle_too() {
    let server = serve(&["--idle-timeout", "500ms", "tcp://127.0.0.1:0"]);
    let start = Instant::now();
    let mut client = Client::open(server.url());
    client.expect_end();
    assert_half_a_second("--idle-timeout without a message", start.elapsed());
}

#[test]
fn a_client_that_does_not_answer_a_ping_is_closed() {
    let server = serve(&["--ping-interval", "250ms", "ws://127.0.0.1:0"]);
    let start = Instant::now();
    let mut client = Client::open(server.url());
    assert_eq!(client.read_frame().first, PING);
    client.expect_close(1001);
    assert_half_a_second("--ping-interval, twice", start.elapsed());
}

#[test]
fn a_client_that_answers_pings_stays_connected() {
    let server = serve(&["--ping-interval", "250ms", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let start = Instant::now();
    for _ in 0..5 {
        let ping = client.read_frame();
        assert_eq!(ping.first, PING, "{ping:?}");
        client.write(&masked(PONG, &ping.payload));
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "a ping only after a silence");
    client.echo(b"still here");
    client.close();
}

#[test]
fn a_client_that_does_not_close_is_dropped() {
    let server = Server::start(&["--close-timeout", "500ms", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let start = Instant::now();
    client.write(&masked_close(1000));
    assert_eq!(client.read_frame().close_code(), Some(1000));
    client.expect_end();
    // The server ended its output at once; it waits for the end of ours.
    assert!(!server.stderr_so_far().contains("ended: "), "{}", server.stderr_so_far());
    server.wait_for_log("ended: ");
    assert_half_a_second("--close-timeout", start.elapsed());
}

#[test]
fn a_client_that_reads_none_of_its_output_is_closed() {
    let arguments = ["--service", "flood", "--write-timeout", "500ms", "tcp://127.0.0.1:0"];
    let server = Server::start(&arguments);
    let mut reader = Client::open(server.url());
    let unread = Client::open(server.url());
    let start = Instant::now();
    while start.elapsed() < 2 * HALF_A_SECOND {
        // A client that reads enough for the kernel to accept more now and then is not closed.
        reader.read_exactly(1_000_000);
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = server.wait_for_log("the peer read none of its pending output for too long");
    assert_eq!(log.matches("the peer read none").count(), 1, "{log}");
    reader.read_exactly(1_000_000);
    drop(unread);
}

//! Every way in which a TLS connection ends.

use super::client::Client;
use super::process::Process;
use super::stream::Stream;
use super::support::Server;
use super::{ALL_FRAMINGS, process_of, serve};
use rustix::process::Signal;
use socket2::SockRef;
use std::io::Read;
use std::net::Shutdown;
use std::time::{Duration, Instant};

const TRUNCATED: &str = "ended: the peer ended the stream without TLS's close_notify";

#[test]
fn the_server_returns_close_notify_and_fin() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let mut client = Client::open(url);
        client.echo(b"hello");
        client.finish_output();
        // A WebSocket that ends without Close still gets close_notify.
        client.rest();
        client.stream().expect_fin();
    }
    let log = server.wait_for_logs("ended: ", 3);
    assert!(!log.contains(TRUNCATED), "{log}");
}

#[test]
fn a_server_that_ends_first_sends_close_notify() {
    let server = serve(&["--close-after", "1", "tls://127.0.0.1:0", "line+tls://127.0.0.1:0"]);
    for url in server.urls() {
        let mut client = Client::open(url);
        client.echo(b"hello");
        client.expect_end();
        client.stream().expect_fin();
    }
}

#[test]
fn the_whole_echo_arrives_after_a_half_close() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        for size in [1, 60_000, 262_144, 1_000_000] {
            let message = vec![b'm'; size];
            let mut client = Client::open(url);
            let (output, expected) = (client.encode(&message), client.echo_of(&message));
            let stream = client.stream_mut();
            assert!(stream.exchange_and_finish(&output, expected.len()) == expected);
            client.expect_end();
            client.stream().expect_fin();
        }
    }
}

/// close_notify has to wait for room like all earlier output.
#[test]
fn a_full_socket_does_not_lose_close_notify() {
    let server = serve(&["--profile", "internet", "tls://127.0.0.1:0"]);
    for size in (0..60).map(|n| 100_000 + n * 5_003) {
        let message = vec![b'm'; size];
        let mut client = Client::open(server.url());
        client.send(&message);
        client.finish_output();
        std::thread::sleep(Duration::from_millis(5));
        client.expect_echo(&message);
        client.expect_end();
    }
}

#[test]
fn truncation_is_distinguished_from_an_end() {
    let server = serve(&["--service", "timestamp", "line+tls://127.0.0.1:0", "wss://127.0.0.1:0"]);
    for (index, url) in server.urls().iter().enumerate() {
        let mut client = Client::open(url);
        if index == 0 {
            // The end of a stream completes a line; a truncated stream does not.
            client.write(b"half a lin");
        }
        client.stream().tcp().shutdown(Shutdown::Write).expect("it is connected");
        client.expect_end();
        server.wait_for_logs(TRUNCATED, index + 1);
    }
}

/// Pending output for a closed peer is not a reason to keep the connection.
#[test]
fn a_reset_ends_a_connection_with_pending_output() {
    let server = serve(&["--service", "flood", "tls://127.0.0.1:0"]);
    let client = Stream::connect(server.url()).expect("the handshake succeeds");
    until_it_waits(&server);
    SockRef::from(client.tcp()).set_linger(Some(Duration::ZERO)).expect("it is a socket");
    drop(client);
    server.wait_for_log("#1 ended: ");
    assert_idle(process_of(&server));
}

#[test]
fn a_peer_that_reads_nothing_is_closed() {
    let server = serve(&["--service", "flood", "--write-timeout", "1s", "tls://127.0.0.1:0"]);
    let _client = Stream::connect(server.url()).expect("the handshake succeeds");
    server.wait_for_log("#1 ended: ");
    assert_idle(process_of(&server));
}

#[test]
fn a_stop_does_not_wait_for_a_peer_that_reads_nothing() {
    let server = serve(&["--service", "flood", "--drain-timeout", "1s", "tls://127.0.0.1:0"]);
    let client = Stream::connect(server.url()).expect("the handshake succeeds");
    until_it_waits(&server);
    let start = Instant::now();
    process_of(&server).signal(Signal::TERM);
    server.wait_for_log("stopped after 1 connections");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    drop(client);
}

/// A server that is asked to stop sends a Close frame and close_notify.
#[test]
fn a_stop_closes_both_protocols() {
    let server = serve(&["wss://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    client.echo(b"hello");
    process_of(&server).signal(Signal::TERM);
    client.expect_close(1001);
    client.stream().expect_fin();
}

/// Waits until the server has filled every buffer.
fn until_it_waits(server: &Server) {
    let process = process_of(server);
    assert!(process.settles(|it| idle_share(it) < 0.05), "a flood without a reader blocks");
}

/// An idle server uses no CPU time.
#[track_caller]
pub(super) fn assert_idle(process: Process) {
    let share = idle_share(process);
    assert!(share < 0.1, "{share:.2} of a core is used while idle");
}

/// The share of a core that it uses, measured for a while.
fn idle_share(process: Process) -> f64 {
    const WHILE: Duration = Duration::from_millis(200);
    let before = process.processor_time();
    std::thread::sleep(WHILE);
    (process.processor_time() - before).as_secs_f64() / WHILE.as_secs_f64()
}

/// Reads everything on the socket up to its end, which must be a FIN.
#[track_caller]
pub(super) fn to_the_fin(stream: &Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.tcp().read_to_end(&mut bytes).expect("the server ends with FIN, and in time");
    bytes
}

//! Signals: the server responds to everything that has arrived, closes every connection, and exits.
//! A second signal ends it at once.

use super::client::{Client, shown};
use super::framing::Framing;
use super::process::Process;
use super::support::{Finished, KeyFile, Program, halloo};
use super::wire::{BINARY, CLOSE, Frame, masked, masked_close, masked_header};
use super::{ALL_FRAMINGS, serve};
use rustix::process::Signal;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CLIENTS: usize = 200;

const WEBSOCKET: [&str; 1] = ["ws://127.0.0.1:0"];

/// A server that logs, and that can be waited for without another signal.
struct Running {
    program: Program,
    urls: Vec<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let program = Program::start_server(halloo().arg("serve").args(arguments));
        let expected = arguments.iter().filter(|argument| argument.contains("://")).count();
        let stdout = program.wait_for_stdout(|stdout| stdout.matches('\n').count() == expected);
        let urls = stdout.lines().filter_map(|line| line.strip_prefix("listening "));
        Self { urls: urls.map(str::to_owned).collect(), program }
    }

    fn process(&self) -> Process {
        Process::new(self.program.pid())
    }

    /// A client that has exchanged a message.
    fn client(&self) -> Client {
        let mut client = Client::open(&self.urls[0]);
        client.echo(b"warm-up");
        client
    }

    /// Waits until the server has begun to stop.
    fn wait_until_stopping(&self) {
        self.program.wait_for_stderr(|log| log.contains("stopping: "));
    }

    fn finish(self) -> Finished {
        self.program.wait()
    }

    #[track_caller]
    fn assert_good_end(self) {
        let finished = self.finish();
        assert_eq!(finished.code, Some(0), "{finished:#?}");
    }
}

/// Checks that the listener is closed.
#[track_caller]
fn assert_refused(url: &str) {
    let address = url.split_once("://").expect("a URL of a TCP port").1;
    let error = TcpStream::connect(address).expect_err("the listener is closed");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn messages_that_have_arrived_are_echoed_before_the_end() {
    let server = Running::start(&ALL_FRAMINGS);
    let process = server.process();
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::open(&server.urls[number % 3])).collect();
    clients.iter_mut().for_each(|client| client.echo(b"warm-up"));
    let message = |number: usize| format!("client {number} in flight").into_bytes();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&message(number));
    }
    process.signal(Signal::TERM);
    let start = Instant::now();
    for (number, mut client) in clients.into_iter().enumerate() {
        client.expect_echo(&message(number));
        if client.framing() == Framing::WebSocket {
            assert_eq!(client.read_frame(), Frame::new(CLOSE, &1001_u16.to_be_bytes()));
            client.write(&masked_close(1001));
        }
        client.expect_end();
    }
    assert_refused(&server.urls[0]);
    server.assert_good_end();
    println!("{CLIENTS} clients drained in {:?}", start.elapsed());
}

#[test]
fn messages_sent_to_a_stalled_server_are_echoed_too() {
    let server = Running::start(&ALL_FRAMINGS);
    let mut clients: Vec<Client> = server.urls.iter().map(|url| Client::open(url)).collect();
    clients.iter_mut().for_each(|client| client.echo(b"warm-up"));
    // The signal, the messages and the new clients are all pending when the server continues.
    let process = server.process();
    process.while_stopped(|| {
        process.signal(Signal::TERM);
        clients.iter_mut().for_each(|client| client.send(b"while it was stopped"));
    });
    for mut client in clients {
        client.expect_echo(b"while it was stopped");
        if client.framing() == Framing::WebSocket {
            client.expect_close(1001);
        } else {
            client.expect_end();
        }
    }
    server.assert_good_end();
}

#[test]
fn a_draining_server_accepts_no_connections() {
    let server = Running::start(&WEBSOCKET);
    let mut client = server.client();
    server.process().signal(Signal::TERM);
    server.wait_until_stopping();
    assert_eq!(client.read_frame().close_code(), Some(1001));
    // The client has not replied to the Close: the server waits for it alone.
    assert_refused(&server.urls[0]);
    client.write(&masked_close(1001));
    client.expect_end();
    drop(client);
    server.assert_good_end();
}

#[test]
fn an_incomplete_message_may_be_completed() {
    let server = Running::start(&WEBSOCKET);
    let mut client = server.client();
    let message = vec![b'm'; 3_000_000];
    let frame = masked(BINARY, &message);
    let (begun, rest) = frame.split_at(masked_header(BINARY, message.len()).len() + 100_000);
    client.write(begun);
    server.process().signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    let mut output = client.stream().try_clone().expect("a second handle");
    let rest = rest.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut output, &rest));
    client.expect_echo(&message);
    writer.join().expect("no panic").expect("the server reads on");
    client.expect_close(1001);
    drop(client);
    server.assert_good_end();
}

#[test]
fn a_client_in_its_opening_handshake_gets_a_response_too() {
    let key = KeyFile::new("a key that is long enough");
    let arguments = ["--auth-key-file", key.path(), "ws://127.0.0.1:0", "tcp://127.0.0.1:0"];
    let server = Running::start(&arguments);
    let mut half = Client::connect(&server.urls[0]);
    half.write(b"GET / HTTP/1.1\r\nHost: ");
    let mut challenged = Client::open(&server.urls[0]);
    assert_eq!(challenged.read_frame().payload.len(), 32);
    let mut raw = Client::connect(&server.urls[1]);
    assert_eq!(raw.read_exactly(32).len(), 32);
    server.process().signal(Signal::TERM);
    let head = half.read_head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    half.rest();
    challenged.expect_close(1001);
    raw.expect_end();
    drop((half, challenged, raw));
    server.assert_good_end();
}

#[test]
fn a_flood_is_drained() {
    let server = Running::start(&["--service", "flood", "tcp://127.0.0.1:0", "ws://127.0.0.1:0"]);
    let mut clients: Vec<Client> = server.urls.iter().map(|url| Client::open(url)).collect();
    clients.iter_mut().for_each(|client| drop(client.read_exactly(1000)));
    server.process().signal(Signal::TERM);
    let start = Instant::now();
    for client in &mut clients {
        assert!(client.rest().len() > 1000);
    }
    drop(clients);
    server.assert_good_end();
    println!("two floods drained in {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn the_drain_timeout_ends_the_wait() {
    let server = Running::start(&["--drain-timeout", "400ms", "ws://127.0.0.1:0"]);
    let mut client = server.client();
    server.process().signal(Signal::TERM);
    let start = Instant::now();
    assert_eq!(client.read_frame().close_code(), Some(1001));
    // The client never replies to the Close.
    server.assert_good_end();
    let elapsed = start.elapsed();
    println!("--drain-timeout 400ms: over after {elapsed:?}");
    assert!(elapsed > Duration::from_millis(350), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let server = Running::start(&WEBSOCKET);
        let mut client = server.client();
        server.process().signal(Signal::TERM);
        server.wait_until_stopping();
        assert_eq!(client.read_frame().close_code(), Some(1001));
        server.process().signal(second);
        let start = Instant::now();
        let finished = server.finish();
        let elapsed = start.elapsed();
        println!("after a second signal it took {elapsed:?}");
        assert_eq!(finished.code, Some(code), "{finished:#?}");
        assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
        let rest = client.try_rest();
        assert!(rest.as_ref().is_ok_and(Vec::is_empty) || rest.is_err(), "{rest:?}");
    }
}

#[test]
fn one_interrupt_ends_it_with_success() {
    let server = Running::start(&WEBSOCKET);
    let mut client = server.client();
    server.process().signal(Signal::INT);
    client.expect_close(1001);
    drop(client);
    let finished = server.finish();
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(finished.stderr.contains("stopped after 1 connections"), "{finished:#?}");
}

#[test]
fn a_killed_server_can_be_started_again_at_once() {
    let server = Running::start(&WEBSOCKET);
    let url = server.urls[0].clone();
    let mut client = server.client();
    server.process().signal(Signal::KILL);
    assert_eq!(server.finish().code, None);
    let again = serve(&[&url]);
    let mut other = Client::open(again.url());
    other.echo(b"the same port again");
    let rest = client.try_rest();
    assert!(rest.as_ref().map_or(true, Vec::is_empty), "{}", shown(&rest.unwrap_or_default()));
}

//! The whole server in one thread of the test: the reactor, mio and real sockets on loopback, from
//! the first byte of a connection to its end. Miri runs it too, which is impossible for tests that
//! start a program.

#[path = "support/in_process.rs"]
mod in_process;
#[allow(dead_code, reason = "shared with tests/pair, which uses more of it")]
#[path = "pair/wire.rs"]
mod wire;

use halloo::net::Endpoint;
use halloo::proto::{CloseCode, End};
use halloo::service::Echo;
use in_process::{BATCH_BYTES, Server};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use wire::{BINARY, FIRST_TEXT, Frame, LAST, NEXT, PING, PONG, TEXT};

/// A message larger than the buffer, so that it is streamed. Miri takes microseconds per byte:
/// there the message only needs a longer header.
const LONG_BYTES: usize = if cfg!(miri) { 1_000 } else { 3 * BATCH_BYTES };

/// The number of turns in which an expected event must happen: at 5 ms each, more than a busy
/// machine needs.
const TURNS_MAX: usize = 4_000;

/// A client's non-blocking socket: the server runs in the same thread.
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn connect(endpoint: &Endpoint) -> Self {
        let socket = match endpoint {
            Endpoint::Tcp(address) => TcpStream::connect(address).map(Self::Tcp),
            Endpoint::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Endpoint::Tls(..) => panic!("no URL here says TLS"),
        };
        let socket = socket.expect("it listens");
        let unblocked = match &socket {
            Self::Tcp(stream) => stream.set_nonblocking(true),
            Self::Unix(stream) => stream.set_nonblocking(true),
        };
        unblocked.expect("a socket may be non-blocking");
        socket
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn end_output(&self) {
        let ended = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        ended.expect("it is connected");
    }
}

/// An echo server and one client, which run in turn.
struct Loopback {
    server: Server<Echo>,
    client: Socket,
    /// Output of the client that is still to be sent.
    unsent: Vec<u8>,
    /// Input of the client.
    received: Vec<u8>,
    /// Whether the server has ended its output.
    ended: bool,
}

impl Loopback {
    fn start(url: &str) -> Self {
        let server = Server::start(url, Echo);
        let client = Socket::connect(&server.address.resolve().expect("an address")[0]);
        Self { server, client, unsent: Vec::new(), received: Vec::new(), ended: false }
    }

    /// Sends these bytes, each of them in its own turn or all at once.
    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        self.turn_until("all is sent", |loopback| loopback.unsent.is_empty());
    }

    /// Waits for `count` bytes and returns them.
    fn receive(&mut self, count: usize) -> Vec<u8> {
        self.turn_until("the response arrives", |loopback| loopback.received.len() >= count);
        std::mem::take(&mut self.received)
    }

    /// Waits until the server ends its output, and returns all input.
    fn receive_rest(&mut self) -> Vec<u8> {
        self.turn_until("it ends", |loopback| loopback.ended);
        std::mem::take(&mut self.received)
    }

    /// Waits until the connection is closed for exactly this reason and all its memory is released.
    fn assert_ended(mut self, end: End) {
        self.turn_until("it is gone", |loopback| loopback.server.reactor.connections() == 0);
        let metrics = self.server.reactor.metrics();
        assert_eq!((metrics.opened, metrics.ended_total()), (1, 1));
        assert_eq!(metrics.ended.get(&end), Some(&1), "{:?}", metrics.ended);
        assert_eq!(self.server.reactor.held_bytes(), 0);
    }

    #[track_caller]
    fn turn_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..TURNS_MAX {
            if is_so(self) {
                return;
            }
            self.exchange();
            self.server.turn();
        }
        panic!("never: {what}");
    }

    /// The client writes and reads as much as possible.
    fn exchange(&mut self) {
        if !self.unsent.is_empty() {
            let written = unless_blocked(self.client.write(&self.unsent)).unwrap_or(0);
            self.unsent.drain(..written);
        }
        let mut buffer = [0; 4096];
        while let Some(count) = unless_blocked(self.client.read(&mut buffer)) {
            self.received.extend_from_slice(&buffer[..count]);
            self.ended = count == 0;
            if self.ended {
                return;
            }
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> Option<usize> {
    match result {
        Ok(count) => Some(count),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// A Unix socket of this test's own.
fn unix_url(scheme: &str, name: &str) -> String {
    let file = format!("halloo-loopback-{}-{name}", std::process::id());
    format!("{scheme}:{}", std::env::temp_dir().join(file).display())
}

fn long() -> Vec<u8> {
    (0..LONG_BYTES).map(|index| (index % 251) as u8).collect()
}

/// The opening handshake, messages of every kind, and the closing handshake.
fn converse_by_websocket(url: &str) {
    let mut loopback = Loopback::start(url);
    // The first message travels with the request.
    loopback.send(&[wire::REQUEST, &wire::masked(TEXT, "芝麻开门".as_bytes())].concat());
    loopback.send(&wire::masked(PING, b"are you there?"));
    loopback.send(&wire::masked(FIRST_TEXT, b"in "));
    loopback.send(&wire::masked(LAST | NEXT, b"fragments"));
    for byte in wire::masked(TEXT, b"byte by byte") {
        loopback.send(&[byte]);
    }
    loopback.send(&wire::masked(BINARY, &long()));
    loopback.send(&wire::masked_close(1000));
    let output = loopback.receive_rest();
    assert!(output.starts_with(b"HTTP/1.1 101 "), "{:?}", output.escape_ascii().to_string());
    let expected = [
        Frame::new(TEXT, "芝麻开门".as_bytes()),
        Frame::new(PONG, b"are you there?"),
        Frame::new(FIRST_TEXT, b"in "),
        Frame::new(LAST | NEXT, b"fragments"),
        Frame::new(TEXT, b"byte by byte"),
        Frame::new(BINARY, &long()),
        Frame::close(1000),
    ];
    assert_eq!(wire::frames(wire::after_head(&output)), expected);
    loopback.client.end_output();
    loopback.assert_ended(End::PeerWithCode(CloseCode::NORMAL));
}

/// Lines, the last of them without a terminator.
fn converse_by_lines(url: &str) {
    let mut loopback = Loopback::start(url);
    loopback.send(b"one\ntw");
    assert_eq!(loopback.receive(6), b"one\ntw", "a line is echoed as it comes");
    loopback.send(b"o\n");
    loopback.send(&long());
    loopback.client.end_output();
    assert_eq!(loopback.receive_rest(), [b"o\n", &long()[..]].concat());
    loopback.assert_ended(End::Peer);
}

/// Raw bytes.
fn converse_by_raw_bytes(url: &str) {
    let mut loopback = Loopback::start(url);
    for message in [&b"\0"[..], b"hello", &long()] {
        loopback.send(message);
        assert_eq!(loopback.receive(message.len()), message);
    }
    loopback.client.end_output();
    assert_eq!(loopback.receive_rest(), b"");
    loopback.assert_ended(End::Peer);
}

#[test]
fn websocket_over_tcp_is_echoed() {
    converse_by_websocket("ws://127.0.0.1:0");
}

#[test]
fn lines_over_tcp_are_echoed() {
    converse_by_lines("line://127.0.0.1:0");
}

#[test]
fn raw_bytes_over_tcp_are_echoed() {
    converse_by_raw_bytes("tcp://127.0.0.1:0");
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no named Unix sockets")]
fn every_framing_is_echoed_over_unix_sockets() {
    converse_by_websocket(&unix_url("ws+unix", "ws"));
    converse_by_lines(&unix_url("line+unix", "line"));
    converse_by_raw_bytes(&unix_url("unix", "raw"));
}

#[test]
fn an_invalid_frame_is_closed_with_its_code() {
    let mut loopback = Loopback::start("ws://127.0.0.1:0");
    loopback.send(wire::REQUEST);
    loopback.send(&wire::unmasked(TEXT, b"not masked"));
    let output = loopback.receive_rest();
    assert_eq!(wire::frames(wire::after_head(&output)), [Frame::close(1002)]);
    loopback.client.end_output();
    loopback.assert_ended(End::Failed(halloo::proto::Error::MaskMissing));
}

#[test]
fn a_stop_echoes_pending_input_and_closes() {
    let mut loopback = Loopback::start("ws://127.0.0.1:0");
    loopback.send(&[wire::REQUEST, &wire::masked(TEXT, b"last")].concat());
    loopback.turn_until("the response arrives", |loopback| loopback.received.ends_with(b"last"));
    loopback.server.reactor.drain();
    loopback.turn_until("the Close", |loopback| loopback.received.ends_with(b"\x03\xe9"));
    loopback.send(&wire::masked_close(1001));
    let output = loopback.receive_rest();
    let expected = [Frame::new(TEXT, b"last"), Frame::close(1001)];
    assert_eq!(wire::frames(wire::after_head(&output)), expected);
    loopback.client.end_output();
    loopback.turn_until("it is drained", |loopback| loopback.server.reactor.is_drained());
    loopback.assert_ended(End::Drained);
}

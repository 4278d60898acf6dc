//! A bug in one connection: debug builds panic, and in release builds only that connection ends.

#[path = "support/in_process.rs"]
mod in_process;

use halloo::net::Endpoint;
use halloo::proto::{End, Message, Outbox};
use halloo::service::{Context, Echo, Service};
use in_process::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An echo with a bug.
struct Buggy;

impl Service for Buggy {
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        assert_ne!(message.payload, b"poison", "the bug");
        Echo.on_message(context, message, outbox);
    }
}

fn connect(server: &Server<Buggy>) -> TcpStream {
    let Endpoint::Tcp(address) = server.address.resolve().expect("an address").remove(0) else {
        panic!("it listens on TCP");
    };
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

/// Turns the reactor until nothing more happens.
fn settle(server: &mut Server<Buggy>) {
    for _ in 0..20 {
        server.turn();
    }
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "the bug"))]
fn a_panic_ends_one_connection_and_is_counted() {
    let mut server = Server::start("tcp://127.0.0.1:0", Buggy);
    let (mut bad, mut good) = (connect(&server), connect(&server));
    bad.write_all(b"poison").expect("it reads");
    good.write_all(b"water").expect("it reads");
    settle(&mut server);
    let mut answer = [0; 5];
    good.read_exact(&mut answer).expect("an echo");
    assert_eq!(&answer, b"water");
    assert_eq!(bad.read(&mut answer).expect("an end"), 0);
    assert_eq!(server.reactor.metrics().ended.get(&End::Panicked), Some(&1));
    assert_eq!((server.reactor.connections(), server.reactor.held_bytes()), (1, 0));
}

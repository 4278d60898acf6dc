//! A bug in one connection: it is found in debug builds, and in release builds only that connection pays.

use halloo::limits::Limits;
use halloo::net::listener::SystemListener;
use halloo::net::{Address, Reactor, SocketOptions, System};
use halloo::proto::{Batch, Config, End, Framing, Message, Outbox, Role};
use halloo::service::{Context, Echo, Service};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

/// An echo with a bug.
struct Buggy;

impl Service for Buggy {
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        assert_ne!(message.payload, b"poison", "the bug");
        Echo.on_message(context, message, outbox);
    }
}

struct Server {
    reactor: Reactor<System, Buggy>,
    address: String,
}

impl Server {
    fn start() -> Self {
        let network = System::new().expect("a poll");
        let batch = Batch::new(64 * 1024, Box::new(|bytes| bytes.fill(0)));
        let mut reactor = Reactor::new(network, Buggy, Limits::default(), batch);
        let url: Address = "tcp://127.0.0.1:0".parse().expect("a URL");
        let (listener, bound) =
            SystemListener::bind(&url, &SocketOptions::default(), None).expect("a free port");
        let config = Config::new(Role::Server, Framing::Raw);
        reactor.listen(listener, Rc::new(config)).expect("a listener");
        let address = bound.to_string().trim_start_matches("tcp://").to_owned();
        Self { reactor, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream
    }

    /// Turns until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..20 {
            self.reactor.turn(Some(Duration::from_millis(5)), &mut |_| {}).expect("a turn");
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "the bug"))]
fn a_panic_ends_one_connection_and_is_counted() {
    let mut server = Server::start();
    let (mut bad, mut good) = (server.connect(), server.connect());
    bad.write_all(b"poison").expect("it reads");
    good.write_all(b"water").expect("it reads");
    server.settle();
    let mut answer = [0; 5];
    good.read_exact(&mut answer).expect("an echo");
    assert_eq!(&answer, b"water");
    assert_eq!(bad.read(&mut answer).expect("an end"), 0);
    assert_eq!(server.reactor.metrics().ended.get(&End::Panicked), Some(&1));
    assert_eq!((server.reactor.connections(), server.reactor.held_bytes()), (1, 0));
}

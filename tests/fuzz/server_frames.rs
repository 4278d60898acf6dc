//! What a client sends behind its opening handshake.
//!
//! Without compression, another implementation says whether we are right: what we accept it must
//! accept too, as the same messages. We may refuse more, and sooner.

use crate::endpoint::Endpoint;
use crate::input::Input;
use crate::invariants;
use crate::journal::Event;
use crate::pair::Setup;
use crate::services::service;
use crate::tungstenite_server::{self, Message};
use crate::wire;
use halloo::proto::deflate::Settings;
use halloo::proto::{Error, Framing};

/// A limit that short inputs reach.
const SMALL: u64 = 500;

/// The first byte chooses: compression, with context takeover or without, the limit, and the
/// service.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let (service, takes_every_message) = service(input.one_of_four(3));
    let settings = Settings { context_takeover: input.chooses(1), message_bytes_min: 16 };
    let mut setup = Setup {
        service,
        deflate: input.chooses(0).then_some(settings),
        ..Setup::new(Framing::WebSocket)
    };
    if input.chooses(2) {
        setup.message_bytes_max = SMALL;
    }
    let server = invariants::assert_all(|| open(&setup), input.bytes, input.cuts);
    if setup.deflate.is_none() && takes_every_message {
        assert_agreed(&server, input.bytes, setup.message_bytes_max);
    }
}

/// A server behind the opening handshake, in which the client offers to compress.
pub(crate) fn open(setup: &Setup) -> Endpoint {
    let head = String::from_utf8_lossy(wire::REQUEST);
    let field = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut server = setup.silent_server();
    server.start();
    server.receive_at_once(head.replacen("\r\n\r\n", field, 1).as_bytes());
    server
}

fn assert_agreed(server: &Endpoint, bytes: &[u8], message_bytes_max: u64) {
    let limit = usize::try_from(message_bytes_max).expect("a limit is a size here");
    let (theirs, their_error) = tungstenite_server::receive(bytes, limit);
    let message = |event| match event {
        Event::Open => None,
        Event::Text(text) => Some(Message::text(text)),
        Event::Binary(payload) => Some(Message::binary(payload.to_vec())),
    };
    let ours: Vec<_> = server.events().into_iter().filter_map(message).collect();
    assert!(theirs.starts_with(&ours), "{ours:?} and {theirs:?}");
    // That the input ends is the only thing wrong with what we accept.
    if matches!(server.error(), None | Some(Error::ClosedAbnormally)) {
        assert!(their_error.is_none(), "they refuse it: {their_error:?}");
        assert_eq!(ours, theirs);
    }
}

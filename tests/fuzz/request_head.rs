//! Request heads for a WebSocket server, and response heads for a client.

use crate::endpoint::Endpoint;
use crate::input::Input;
use crate::invariants;
use crate::journal::Event;
use crate::pair::Setup;
use halloo::proto::deflate::Settings;
use halloo::proto::handshake::{self, NONCE_BYTES, Offer, Policy};
use halloo::proto::http::{Head, is_token};
use halloo::proto::{Error, Framing, Stage};

/// The first byte chooses whether the server compresses.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let settings = Settings { context_takeover: input.chooses(1), message_bytes_min: 16 };
    let deflate = input.chooses(0).then_some(settings);
    let setup = Setup { deflate, ..Setup::new(Framing::WebSocket) };
    let server = invariants::assert_all(|| setup.silent_server(), input.bytes, input.cuts);
    assert_answered(&server, input.bytes);

    // Whole heads, without a session that looks at them first.
    let restricted = Policy {
        path: Some("/chat".into()),
        origins: vec!["https://page.example".into()],
        hosts: vec!["a".into()],
        subprotocols: vec!["v2".into()],
    };
    let free = handshake::accept(input.bytes, &Policy::default(), deflate);
    if handshake::accept(input.bytes, &restricted, deflate).is_ok() {
        assert!(free.is_ok(), "a policy only restricts");
    }
    let offer = Offer { subprotocols: vec!["v1".into()], ..Offer::default() };
    let _ = handshake::verify(input.bytes, &offer, *b"the sample nonce", deflate);
    assert_eq!(NONCE_BYTES, 16);
}

/// Every head is answered once: by a 101 that a client can read, or by a refusal.
pub(crate) fn assert_answered(server: &Endpoint, bytes: &[u8]) {
    let output = server.output();
    if bytes.is_empty() {
        assert_eq!(output, b"");
        return;
    }
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let head = Head::parse_response(&output[..end]).expect("what we say is HTTP");
    if server.events().first() != Some(&Event::Open) {
        assert!((400..600).contains(&head.status), "{}", head.status);
        assert!(server.error().is_some_and(|error| error != Error::ClosedAbnormally));
        assert_eq!(server.stage(), Stage::Closing);
        let length = format!("{}", output.len() - end);
        assert_eq!(head.only_value("Content-Length"), Some(length.as_bytes()));
        return;
    }
    assert_eq!(head.status, 101);
    assert!(head.lists("Upgrade", "websocket") && head.lists("Connection", "upgrade"));
    assert_eq!(head.only_value("Sec-WebSocket-Accept").map(<[u8]>::len), Some(28));
    let subprotocols: Vec<_> = head.values("Sec-WebSocket-Protocol").collect();
    assert!(subprotocols.len() <= 1 && subprotocols.into_iter().all(is_token));
}

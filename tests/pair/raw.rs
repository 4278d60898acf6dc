//! Raw framing: the bytes of one read are one message.

use crate::frames::bytes_of;
use crate::journal::Event::{Binary, Open};
use crate::pair::{BEYOND_ONE, Setup};
use crate::wire;
use halloo::proto::{CloseCode, Framing, Stage};

#[test]
fn each_read_is_a_message() {
    let mut server = Setup::new(Framing::Raw).server();
    server.receive_at_once(b"one");
    server.receive_at_once(b"\n");
    server.receive_at_once(b"\x81\x00");
    assert_eq!(server.events(), [Open, Binary(b"one"), Binary(b"\n"), Binary(b"\x81\x00")]);
    assert_eq!(server.session().messages(), 3);
    assert_eq!(server.output(), b"one\n\x81\x00");
}

#[test]
fn bytes_are_not_interpreted() {
    let bytes = [wire::REQUEST, &wire::masked_close(1000), &bytes_of(BEYOND_ONE), b"\n\n"].concat();
    for setup in Setup::new(Framing::Raw).everywhere() {
        let server = setup.server_given(&bytes);
        assert!(server.output() == bytes);
        assert_eq!((server.stage(), server.error()), (Stage::Open, None));
        server.assert_idle();
    }
}

#[test]
fn the_end_of_input_ends_the_output() {
    for setup in Setup::new(Framing::Raw).everywhere() {
        let mut server = setup.server_given(b"last bytes");
        assert!(!server.session().wants_shutdown());
        server.receive_eof();
        assert_eq!(server.output(), b"last bytes");
        assert!(server.session().wants_shutdown());
        server.assert_idle();
    }
}

#[test]
fn input_after_our_close_is_discarded() {
    for framing in [Framing::Raw, Framing::Line] {
        for setup in Setup::new(framing).everywhere() {
            let mut server = setup.server_given(b"echoed\n");
            server.close(CloseCode::GOING_AWAY);
            server.assert_discarding();
            assert_eq!(server.output(), b"echoed\n");
            assert!(server.session().wants_shutdown());
            server.assert_idle();
        }
    }
}

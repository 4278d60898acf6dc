//! The closing handshake (RFC 6455 §7.1), started by either side, with and without a code.

use crate::endpoint::Endpoint;
use crate::frames::bytes_of;
use crate::journal::Event::{Binary, Open, Text};
use crate::pair::{BEYOND_ONE, Setup};
use crate::wire::{self, BINARY, CLOSE, FIRST_TEXT, Frame, LAST, NEXT, PING, TEXT};
use halloo::proto::{CloseCode, Framing, Stage};
use halloo::service::{CloseAfter, CloseOnOpen, Discard, Echo};

const CODES: [u16; 15] =
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4999];

/// Checks that the endpoint closed without an error and is idle.
fn assert_cleanly_closed(endpoint: &Endpoint) {
    assert_eq!(endpoint.stage(), Stage::Closing);
    assert_eq!(endpoint.error(), None);
    endpoint.assert_idle();
}

#[test]
fn a_client_closes_with_each_code() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for code in CODES {
            let mut pair = setup.pair();
            pair.client.close(CloseCode(code));
            pair.run();
            assert_eq!(pair.server.frames(), [Frame::close(code)]);
            assert_eq!(pair.client.frames(), [Frame::close(code)], "sent once");
            assert_cleanly_closed(&pair.client);
            assert_cleanly_closed(&pair.server);
            pair.server.assert_discarding();
        }
    }
}

#[test]
fn a_server_closes_with_each_code() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for code in CODES {
            let mut pair = setup.pair();
            pair.server.close(CloseCode(code));
            pair.run();
            assert_eq!(pair.server.frames(), [Frame::close(code)], "sent once");
            assert_eq!(pair.client.frames(), [Frame::close(code)]);
            assert_cleanly_closed(&pair.client);
            assert_cleanly_closed(&pair.server);
            pair.client.assert_discarding();
        }
    }
}

#[test]
fn the_reply_to_a_close_without_a_code_has_no_code() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&wire::masked(CLOSE, b""));
        assert_cleanly_closed(&server);
        server.assert_discarding();
        assert_eq!(server.frames(), [Frame::new(CLOSE, b"")]);

        let mut pair = setup.pair();
        pair.server.inject(&wire::unmasked(CLOSE, b""));
        pair.run();
        assert_cleanly_closed(&pair.client);
        assert_eq!(pair.client.frames(), [Frame::new(CLOSE, b"")]);
    }
}

#[test]
fn the_reply_to_a_close_does_not_repeat_the_reason() {
    let reason = "auf Wiedersehen, grüß Gott".as_bytes();
    let longest = [b'.'; 123];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for reason in [reason, &longest] {
            let payload = [&1000_u16.to_be_bytes()[..], reason].concat();
            let server = setup.server_given(&wire::masked(CLOSE, &payload));
            assert_cleanly_closed(&server);
            assert_eq!(server.frames(), [Frame::close(1000)]);
        }
    }
}

#[test]
fn both_sides_may_close_at_once() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.close(CloseCode(3001));
        pair.server.close(CloseCode(3002));
        pair.run();
        assert_eq!(pair.client.frames(), [Frame::close(3001)]);
        assert_eq!(pair.server.frames(), [Frame::close(3002)]);
        assert_cleanly_closed(&pair.client);
        assert_cleanly_closed(&pair.server);
    }
}

#[test]
fn data_before_a_close_is_echoed_and_data_after_it_is_not() {
    let frames = [
        wire::masked(TEXT, b"first"),
        wire::masked_close(1000),
        wire::masked(TEXT, b"late"),
        wire::masked(PING, b"late"),
        wire::masked_close(1001),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.events(), [Open, Text("first")]);
        assert_eq!(server.frames(), [Frame::new(TEXT, b"first"), Frame::close(1000)]);
        assert_cleanly_closed(&server);
    }
}

#[test]
fn a_close_may_come_between_fragments() {
    let frames = [wire::masked(FIRST_TEXT, b"unfinished"), wire::masked_close(1000)];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.frames(), [Frame::new(FIRST_TEXT, b"unfinished"), Frame::close(1000)]);
        assert_eq!(server.events(), [Open]);
        assert_cleanly_closed(&server);
    }
}

#[test]
fn a_message_in_progress_when_we_close_is_skipped_up_to_the_peers_close() {
    let rest = [
        wire::masked(LAST | NEXT, b"rest"),
        wire::masked(TEXT, b"another"),
        wire::masked(BINARY, &bytes_of(BEYOND_ONE)),
        wire::masked(PING, b"ignored"),
        wire::masked_close(1000),
        wire::masked(TEXT, b"late"),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&wire::masked(FIRST_TEXT, b"start"));
        server.close(CloseCode::GOING_AWAY);
        server.receive(&rest.concat(), setup.chunk);
        assert_eq!(server.frames(), [Frame::new(FIRST_TEXT, b"start"), Frame::close(1001)]);
        assert_eq!(server.events(), [Open]);
        assert_cleanly_closed(&server);
    }
}

#[test]
fn a_partially_assembled_text_is_dropped_when_we_close() {
    let text = wire::masked(TEXT, &[b'a'; 1000]);
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&text[..500]);
        server.close(CloseCode::GOING_AWAY);
        server.receive(&text[500..], setup.chunk);
        server.receive(&wire::masked_close(1001), setup.chunk);
        assert_eq!(server.frames(), [Frame::close(1001)]);
        assert_eq!(server.events(), [Open]);
        assert_cleanly_closed(&server);
    }
}

#[test]
fn a_violation_after_our_close_causes_no_output() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server();
        server.close(CloseCode::NORMAL);
        server.receive(b"\xff\xff\xff\xff", setup.chunk);
        server.receive(&wire::masked_close(1000), setup.chunk);
        assert_eq!(server.frames(), [Frame::close(1000)]);
        assert_eq!(server.error(), None, "the error cannot be reported after our Close");
        server.assert_idle();
    }
}

#[test]
fn nothing_is_sent_after_a_close() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.close(CloseCode::NORMAL);
        pair.client.send("too late");
        pair.client.close(CloseCode::GOING_AWAY);
        pair.run();
        assert_eq!(pair.client.frames(), [Frame::close(1000)]);
        assert_eq!(pair.server.events(), [Open]);
    }
}

#[test]
fn the_server_ends_its_output_first() {
    let mut pair = Setup::new(Framing::WebSocket).pair();
    assert!(!pair.server.session().wants_shutdown());
    pair.client.close(CloseCode::NORMAL);
    assert!(!pair.client.session().wants_shutdown(), "RFC 6455 §7.1.1: the server closes");
    pair.run();
    assert!(pair.server.session().wants_shutdown());
    pair.client.receive_eof();
    assert_cleanly_closed(&pair.client);
}

#[test]
fn a_server_that_closes_ends_its_output_after_the_peers_close() {
    let crossed = [wire::masked(TEXT, b"crossed"), wire::masked(PING, b"crossed")].concat();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(b"");
        server.close(CloseCode::GOING_AWAY);
        assert!(server.session().awaits_close());
        assert!(
            !server.session().wants_shutdown(),
            "the client would take an end of input now for a lost connection"
        );
        server.receive(&crossed, setup.chunk);
        assert!(!server.session().wants_shutdown(), "no Close from the peer yet");
        server.receive(&wire::masked_close(1001), setup.chunk);
        assert!(!server.session().awaits_close());
        assert!(server.session().wants_shutdown());
        assert_cleanly_closed(&server);
    }
}

#[test]
fn the_wait_for_a_close_can_be_stopped() {
    let unfinished =
        [wire::masked(FIRST_TEXT, b"whole"), wire::masked(LAST | NEXT, b"half")].concat();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (cut, begins_before) in [(0, true), (3, true), (3, false)] {
            let mut server = setup.server_given(b"");
            if begins_before {
                server.receive(&unfinished[..unfinished.len() - cut], setup.chunk);
            }
            server.close(CloseCode::NORMAL);
            if !begins_before {
                server.receive(&unfinished[..unfinished.len() - cut], setup.chunk);
            }
            server.stop_awaiting_close();
            assert!(server.session().wants_shutdown());
            server.assert_idle();
            server.assert_discarding();
        }
    }
}

#[test]
fn a_peer_that_timed_out_may_still_complete_the_close() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&wire::masked(FIRST_TEXT, b"half"));
        server.time_out();
        assert_eq!(server.frames().last(), Some(&Frame::close(1001)));
        assert!(server.session().awaits_close());
        server.receive(&wire::masked_close(1001), setup.chunk);
        assert!(server.session().wants_shutdown());
        assert_cleanly_closed(&server);
    }
}

#[test]
fn a_server_that_fails_does_not_wait_for_a_close() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(b"\xff\xff\xff\xff");
        assert_eq!(server.frames(), [Frame::close(1002)]);
        assert!(!server.session().awaits_close(), "a failed session cannot parse it");
        assert!(server.session().wants_shutdown());

        let mut server = setup.server();
        server.close(CloseCode::NORMAL);
        server.receive(b"\xff\xff\xff\xff", setup.chunk);
        assert!(server.session().wants_shutdown(), "further input cannot be parsed");
    }
}

#[test]
fn a_client_lets_the_server_end_the_connection() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.close(CloseCode::NORMAL);
        assert!(!pair.client.session().awaits_close());
        pair.run();
        assert!(!pair.client.session().wants_shutdown());
        assert_cleanly_closed(&pair.client);
    }
}

#[test]
fn the_end_of_input_after_a_close_is_not_an_error() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&wire::masked_close(1000));
        server.receive_eof();
        assert_cleanly_closed(&server);
        assert_eq!(server.frames(), [Frame::close(1000)]);
    }
}

#[test]
fn a_service_may_close_when_the_session_opens() {
    let setup = Setup { service: || Box::new(CloseOnOpen), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut pair = setup.silent_pair();
        pair.start();
        assert_eq!(pair.server.frames(), [Frame::close(1000)]);
        assert_cleanly_closed(&pair.client);
        assert_cleanly_closed(&pair.server);
    }
    for framing in [Framing::Line, Framing::Raw] {
        for setup in (Setup { framing, ..setup.clone() }).everywhere() {
            let server = setup.server_given(b"discarded\n");
            assert_eq!((server.output(), server.events()), (&b""[..], vec![Open]));
            assert!(server.session().wants_shutdown());
            server.assert_idle();
        }
    }
}

#[test]
fn a_service_may_close_after_two_messages() {
    let sent = [
        wire::masked(TEXT, b"one"),
        wire::masked(wire::FIRST_BINARY, b"t"),
        wire::masked(LAST | NEXT, b"wo"),
        wire::masked(TEXT, b"three"),
    ];
    let setup =
        Setup { service: || Box::new(CloseAfter::new(2, Echo)), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let server = setup.server_given(&sent.concat());
        assert_eq!(server.events(), [Open, Text("one"), Binary(b"two")]);
        assert_eq!(server.frames().last(), Some(&Frame::close(1000)));
        assert_eq!(server.frames().len(), 4);
    }
}

#[test]
fn a_service_may_close_in_the_middle_of_a_read() {
    let setup =
        Setup { service: || Box::new(CloseAfter::new(2, Echo)), ..Setup::new(Framing::Line) };
    for setup in setup.everywhere() {
        let server = setup.server_given(b"one\ntwo\nthree\nfour");
        assert_eq!(server.output(), b"one\ntwo\n");
        assert!(server.session().wants_shutdown());
        server.assert_idle();
    }
}

#[test]
fn the_discard_service_replies_to_a_close() {
    let sent = [wire::masked(BINARY, &bytes_of(BEYOND_ONE)), wire::masked_close(1000)];
    let setup = Setup { service: || Box::new(Discard), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let server = setup.server_given(&sent.concat());
        assert_eq!(server.events(), [Open, Binary(&bytes_of(BEYOND_ONE))]);
        assert_eq!(server.frames(), [Frame::close(1000)]);
        assert_cleanly_closed(&server);
    }
}

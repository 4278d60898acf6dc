//! Fragmented messages (RFC 6455 §5.4): echoed as they arrive, with control frames in between.

use crate::frames::bytes_of;
use crate::journal::Event::{Binary, Open, Text};
use crate::pair::{BEYOND_ONE, Setup};
use crate::wire::{self, FIRST_BINARY, FIRST_TEXT, Frame, LAST, NEXT, PING, PONG};
use halloo::proto::{Framing, Stage};

/// The bytes of frames as a client sends them.
fn masked(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| wire::masked(frame.first, &frame.payload)).collect()
}

#[test]
fn fragments_are_echoed_as_fragments() {
    let frames = [
        Frame::new(FIRST_TEXT, b"a"),
        Frame::new(NEXT, b""),
        Frame::new(NEXT, &[b'b'; 300]),
        Frame::new(LAST | NEXT, b"c"),
        Frame::new(FIRST_BINARY, b""),
        Frame::new(NEXT, &bytes_of(BEYOND_ONE)),
        Frame::new(LAST | NEXT, b""),
    ];
    let text = format!("a{}c", "b".repeat(300));
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&masked(&frames));
        assert_eq!(server.frames(), frames);
        assert_eq!(server.events(), [Open, Text(&text), Binary(&bytes_of(BEYOND_ONE))]);
        assert_eq!(server.session().messages(), 2);
        server.assert_idle();
    }
}

#[test]
fn pings_between_fragments_get_a_pong_at_once() {
    let sent = [
        Frame::new(FIRST_TEXT, b"one "),
        Frame::new(PING, b"1"),
        Frame::new(NEXT, b"two "),
        Frame::new(PING, b""),
        Frame::new(PONG, b"unsolicited"),
        Frame::new(PING, &[7; 125]),
        Frame::new(LAST | NEXT, b"three"),
        Frame::new(PING, b"4"),
    ];
    let expected: Vec<Frame> = sent
        .iter()
        .filter(|frame| frame.first != PONG)
        .map(|frame| match frame.first {
            PING => Frame::new(PONG, &frame.payload),
            _ => frame.clone(),
        })
        .collect();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&masked(&sent));
        assert_eq!(server.frames(), expected);
        assert_eq!(server.events(), [Open, Text("one two three")]);
        server.assert_idle();
    }
}

#[test]
fn a_ping_before_an_incomplete_frame_gets_one_pong() {
    let frames = masked(&[Frame::new(PING, b"x"), Frame::new(LAST | FIRST_TEXT, b"text")]);
    for cut in 7..frames.len() {
        let mut server = Setup::new(Framing::WebSocket).server_given(&frames[..cut]);
        assert_eq!(server.output().windows(3).filter(|part| part == b"\x8a\x01x").count(), 1);
        server.receive(&frames[cut..], usize::MAX);
        assert_eq!(server.frames(), [Frame::new(PONG, b"x"), Frame::new(LAST | 1, b"text")]);
    }
}

#[test]
fn an_unfinished_message_of_complete_fragments_owns_no_heap() {
    let setup = Setup::new(Framing::WebSocket);
    for first in [FIRST_TEXT, FIRST_BINARY] {
        let server = setup.server_given(&wire::masked(first, b"to be continued"));
        assert_eq!(server.stage(), Stage::Open);
        assert!(!server.session().is_between_messages());
        server.assert_idle();
    }
}

#[test]
fn a_client_joins_the_fragments_of_a_server() {
    let frames = [
        wire::unmasked(FIRST_TEXT, "水".as_bytes().split_at(1).0),
        wire::unmasked(PING, b"?"),
        wire::unmasked(NEXT, "水".as_bytes().split_at(1).1),
        wire::unmasked(LAST | NEXT, b"!"),
        wire::unmasked(FIRST_BINARY, &bytes_of(BEYOND_ONE)),
        wire::unmasked(LAST | NEXT, &bytes_of(BEYOND_ONE)),
    ];
    let joined = bytes_of(BEYOND_ONE).repeat(2);
    for client_takes_whole in [false, true] {
        let setup = Setup { client_takes_whole, ..Setup::new(Framing::WebSocket) };
        for setup in setup.everywhere() {
            let mut pair = setup.pair();
            pair.server.inject(&frames.concat());
            pair.run();
            assert_eq!(pair.client.events(), [Open, Text("水!"), Binary(&joined)]);
            assert_eq!(pair.client.frames(), [Frame::new(PONG, b"?")]);
            pair.assert_idle();
        }
    }
}

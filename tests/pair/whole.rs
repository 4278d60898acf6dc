//! Messages are assembled for a service that needs whole messages, in every framing.

use crate::frames::{bytes_of, text_of};
use crate::journal::Event::{Binary, Open, Text};
use crate::pair::{BEYOND_ONE, Setup};
use crate::wire::{self, BINARY, FIRST_BINARY, FIRST_TEXT, Frame, LAST, NEXT, PING, PONG, TEXT};
use halloo::proto::{Error, Framing};
use halloo::service::{Service, Timestamp};
use jiff::civil::date;

/// The boundaries between the three forms of a length, with the stamp and without.
const LENGTHS: &[usize] = if cfg!(miri) {
    &[0, 1, 98, 99, 125, 126, BEYOND_ONE]
} else {
    &[0, 1, 98, 99, 125, 126, 65_508, 65_535, 65_536, 200_000]
};

const STAMP: &[u8] = b"[Thu May 10 22:00:19 2018] ";

fn timestamp() -> Box<dyn Service> {
    Box::new(Timestamp::new(|| date(2018, 5, 10).at(22, 0, 19, 0)))
}

fn stamping(framing: Framing) -> Setup {
    Setup { service: timestamp, ..Setup::new(framing) }
}

fn stamped(message: &[u8]) -> Vec<u8> {
    [STAMP, message].concat()
}

#[test]
fn messages_of_every_length_come_back_with_one_stamp() {
    for setup in stamping(Framing::WebSocket).everywhere() {
        for &len in LENGTHS.iter().filter(|&&len| setup.chunk >= 7 || len < 1000) {
            let (text, bytes) = (text_of(len), bytes_of(len));
            let frames =
                [wire::masked(TEXT, text.as_bytes()), wire::masked(BINARY, &bytes)].concat();
            let server = setup.server_given(&frames);
            assert_eq!(server.events(), [Open, Text(&text), Binary(&bytes)]);
            let output =
                [Frame::new(TEXT, &stamped(text.as_bytes())), Frame::new(BINARY, &stamped(&bytes))];
            assert_eq!(server.frames(), output, "{len}");
            server.assert_idle();
        }
    }
}

#[test]
fn a_fragmented_message_gets_one_unfragmented_response() {
    let point = "水".as_bytes();
    let frames = [
        wire::masked(FIRST_TEXT, &point[..1]),
        wire::masked(PING, b"?"),
        wire::masked(NEXT, b""),
        wire::masked(NEXT, &point[1..]),
        wire::masked(LAST | NEXT, b""),
        wire::masked(FIRST_BINARY, b""),
        wire::masked(LAST | NEXT, b"b"),
    ];
    let output = [
        Frame::new(PONG, b"?"),
        Frame::new(TEXT, &stamped(point)),
        Frame::new(BINARY, &stamped(b"b")),
    ];
    for setup in stamping(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.frames(), output);
        assert_eq!(server.events(), [Open, Text("水"), Binary(b"b")]);
        server.assert_idle();
    }
}

#[test]
fn a_text_of_several_units_in_several_fragments_is_one_message() {
    let text = text_of(300_000);
    let (first, last) = text.as_bytes().split_at(100_001);
    let frames = [wire::masked(FIRST_TEXT, first), wire::masked(LAST | NEXT, last)].concat();
    let setups = stamping(Framing::WebSocket);
    for setup in setups.everywhere_in_bulk().filter(|setup| setup.chunk >= 7) {
        let server = setup.server_given(&frames);
        assert_eq!(server.frames(), [Frame::new(TEXT, &stamped(text.as_bytes()))]);
        server.assert_idle();
    }
}

#[test]
fn assembled_text_fails_as_early_as_streamed_text() {
    let frame = wire::masked(TEXT, &[b"good \xff".as_slice(), &[b'a'; 1000]].concat());
    for setup in stamping(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frame[..14]);
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
        assert_eq!(server.frames(), [Frame::close(1007)]);
        server.assert_idle();
    }
}

#[test]
fn an_assembled_message_has_the_limit() {
    let limited = Setup { message_bytes_max: 1000, ..stamping(Framing::WebSocket) };
    let frames = [wire::masked(FIRST_BINARY, &[7; 900]), wire::masked(NEXT, &[7; 37])];
    for setup in limited.everywhere() {
        let mut server = setup.server_given(&frames.concat());
        server.assert_discarding();
        assert_eq!(server.error(), Some(Error::MessageTooBig));
        assert_eq!(server.frames(), [Frame::close(1009)]);
        server.assert_idle();
    }
}

#[test]
fn a_close_drops_a_partially_assembled_message() {
    let frames = [wire::masked(FIRST_BINARY, &[7; 900]), wire::masked_close(1000)];
    for setup in stamping(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.frames(), [Frame::close(1000)]);
        assert_eq!(server.events(), [Open]);
        server.assert_idle();
    }
}

#[test]
fn each_line_gets_a_stamp_of_its_own() {
    for setup in stamping(Framing::Line).everywhere() {
        let mut server = setup.server_given(b"one\n\ntwo");
        assert_eq!(server.output(), [stamped(b"one\n"), stamped(b"\n")].concat());
        server.receive_eof();
        let lines = [stamped(b"one\n"), stamped(b"\n"), stamped(b"two")];
        assert_eq!(server.output(), lines.concat());
        server.assert_idle();
    }
}

#[test]
fn each_read_of_raw_bytes_gets_a_stamp_of_its_own() {
    let mut server = stamping(Framing::Raw).server();
    server.receive_at_once(b"one");
    server.receive_at_once(b"two\n");
    assert_eq!(server.output(), [stamped(b"one"), stamped(b"two\n")].concat());
    server.assert_idle();
}

#[test]
fn a_client_receives_the_stamp() {
    for framing in [Framing::WebSocket, Framing::Line] {
        for setup in stamping(framing).everywhere() {
            let mut pair = setup.pair();
            pair.client.send_binary(b"time\n");
            pair.run();
            assert_eq!(pair.client.events(), [Open, Binary(&stamped(b"time\n"))]);
            pair.assert_idle();
        }
    }
}

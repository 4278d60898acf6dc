//! The limit on messages: reached exactly, exceeded by one byte, and exceeded by many fragments.

use crate::journal::Event::{Binary, Open, Text};
use crate::pair::Setup;
use crate::wire::{self, BINARY, FIRST_BINARY, Frame, LAST, NEXT, TEXT};
use halloo::proto::websocket::FRAME_CHARGE_BYTES;
use halloo::proto::{Error, Framing};
use halloo::service::Echo;

const LIMIT: usize = 1000;
const CHARGE: usize = FRAME_CHARGE_BYTES as usize;

fn limited() -> impl Iterator<Item = Setup> {
    let setup = Setup { message_bytes_max: LIMIT as u64, ..Setup::new(Framing::WebSocket) };
    setup.everywhere().collect::<Vec<_>>().into_iter()
}

#[test]
fn a_message_may_be_as_large_as_the_limit() {
    for setup in limited() {
        let text = "x".repeat(LIMIT);
        let frames = [wire::masked(TEXT, text.as_bytes()), wire::masked(BINARY, &[7; LIMIT])];
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.events(), [Open, Text(&text), Binary(&[7; LIMIT])]);
        assert_eq!(server.error(), None);
    }
}

#[test]
fn one_byte_more_is_rejected_at_the_header() {
    for setup in limited() {
        for first in [TEXT, BINARY, FIRST_BINARY] {
            let frame = wire::masked(first, &[b'x'; LIMIT + 1]);
            let header_bytes = 8;
            let mut server = setup.server_given(&frame[..header_bytes]);
            assert_eq!(server.error(), Some(Error::MessageTooBig));
            server.receive(&frame[header_bytes..], setup.chunk);
            server.assert_discarding();
            assert_eq!(server.frames(), [Frame::close(1009)]);
            assert_eq!(server.events(), [Open]);
            server.assert_idle();
        }
    }
}

#[test]
fn the_longest_possible_length_does_not_overflow() {
    let header = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    let begun = wire::masked(FIRST_BINARY, b"a");
    let next = b"\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    let unlimited = Setup { message_bytes_max: u64::MAX >> 1, ..Setup::new(Framing::WebSocket) };
    for setup in limited() {
        assert_eq!(setup.server_given(header).frames(), [Frame::close(1009)]);
    }
    for setup in unlimited.everywhere() {
        assert_eq!(setup.server_given(header).error(), None);
        let server = setup.server_given(&[&begun, &next[..]].concat());
        assert_eq!(server.error(), Some(Error::MessageTooBig));
    }
}

#[test]
fn each_fragment_after_the_first_costs_64_bytes() {
    let fits = [500, 0, 7, LIMIT - 507 - 3 * CHARGE];
    let exceeds = [500, 0, 7, LIMIT - 507 - 3 * CHARGE + 1];
    let frames = |lens: [usize; 4]| {
        let first = [FIRST_BINARY, NEXT, NEXT, LAST | NEXT];
        let frames = first.iter().zip(lens);
        frames.flat_map(|(&first, len)| wire::masked(first, &vec![7; len])).collect::<Vec<u8>>()
    };
    for setup in limited() {
        let server = setup.server_given(&frames(fits).repeat(2));
        assert_eq!(server.error(), None, "the count restarts with the next message");
        assert_eq!(server.session().messages(), 2);
        let server = setup.server_given(&frames(exceeds));
        assert_eq!(server.error(), Some(Error::MessageTooBig));
        assert_eq!(server.frames().last(), Some(&Frame::close(1009)));
        assert_eq!(server.frames().len(), 4, "the fragments before it were echoed");
    }
}

#[test]
fn empty_fragments_are_not_free() {
    let mut frames = wire::masked(FIRST_BINARY, b"");
    for _ in 0..LIMIT / CHARGE {
        frames.extend(wire::masked(NEXT, b""));
    }
    for setup in limited() {
        let mut server = setup.server_given(&frames);
        assert_eq!(server.error(), None);
        server.receive(&wire::masked(NEXT, b""), setup.chunk);
        assert_eq!(server.error(), Some(Error::MessageTooBig));
    }
}

#[test]
fn a_client_has_the_limit_too() {
    for setup in limited() {
        let setup = Setup { client_service: || Box::new(Echo), client_takes_whole: true, ..setup };
        let mut pair = setup.pair();
        pair.server.send_binary(&[7; LIMIT + 1]);
        pair.run();
        assert_eq!(pair.client.error(), Some(Error::MessageTooBig));
        assert_eq!(pair.client.frames(), [Frame::close(1009)]);
        assert_eq!(pair.client.events(), [Open]);
    }
}

//! Text is UTF-8 wherever it is cut (RFC 6455 §8.1), and what is not fails at the first wrong byte.

use crate::frames::text_of;
use crate::journal::Event::{Open, Text};
use crate::pair::Setup;
use crate::wire::{self, BINARY, FIRST_TEXT, Frame, LAST, NEXT, TEXT};
use halloo::proto::{Error, Framing};

/// The longest text that is answered as one frame, however it arrives.
const ONE_FRAME_MAX: usize = 256 * 1024;

/// A longer one is answered in fragments of this size.
const UNIT: usize = 64 * 1024;

/// Lengths around what one frame is for, and around units beyond; for Miri, the shortest that needs units.
const LONG_LENGTHS: &[usize] = if cfg!(miri) {
    &[ONE_FRAME_MAX + 1]
} else {
    &[ONE_FRAME_MAX - 1, ONE_FRAME_MAX, ONE_FRAME_MAX + 1, 6 * UNIT - 1, 6 * UNIT, 6 * UNIT + 1]
};

/// The corners of RFC 3629: overlong forms, surrogates, beyond U+10FFFF, bytes that never occur.
const NOT_UTF8: [&[u8]; 9] = [
    b"\x80",
    b"\xc0\x80",
    b"\xe0\x80\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8",
    b"\xff",
    b"ab\xe6\x97ab",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
];

#[test]
fn a_code_point_may_be_cut_across_fragments_and_chunks() {
    let text = "aß水🎉 芝麻开门 \u{10ffff}";
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for cut in 0..=text.len() {
            let (first, last) = text.as_bytes().split_at(cut);
            let frames =
                [wire::masked(FIRST_TEXT, first), wire::masked(LAST | NEXT, last)].concat();
            let server = setup.server_given(&frames);
            assert_eq!(server.events(), [Open, Text(text)]);
            let echo = [Frame::new(FIRST_TEXT, first), Frame::new(LAST | NEXT, last)];
            assert_eq!(server.frames(), echo);
            server.assert_idle();
        }
    }
}

#[test]
fn each_byte_of_a_text_may_be_a_fragment() {
    let text = "水🎉";
    let bytes = text.as_bytes();
    let mut frames = wire::masked(FIRST_TEXT, &bytes[..1]);
    for byte in &bytes[1..] {
        frames.extend(wire::masked(NEXT, &[*byte]));
    }
    frames.extend(wire::masked(LAST | NEXT, b""));
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames);
        assert_eq!(server.events(), [Open, Text(text)]);
        assert_eq!(server.frames().len(), bytes.len() + 1);
    }
}

#[test]
fn what_is_not_utf8_is_answered_by_1007_and_nothing_else() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for payload in NOT_UTF8 {
            let mut server = setup.server_given(&wire::masked(TEXT, payload));
            assert_eq!(server.error(), Some(Error::InvalidUtf8), "{payload:?}");
            assert_eq!(server.events(), [Open]);
            server.assert_deaf();
            assert_eq!(server.frames(), [Frame::close(1007)]);
        }
    }
}

#[test]
fn a_text_may_not_end_inside_a_code_point() {
    let point = "🎉".as_bytes();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for len in 1..point.len() {
            let server = setup.server_given(&wire::masked(TEXT, &point[..len]));
            assert_eq!(server.error(), Some(Error::InvalidUtf8));
            assert_eq!(server.frames(), [Frame::close(1007)]);
        }
    }
}

#[test]
fn the_next_text_does_not_inherit_half_a_code_point() {
    let (first, rest) = "水".as_bytes().split_at(1);
    let frames = [
        wire::masked(FIRST_TEXT, first),
        wire::masked(LAST | NEXT, rest),
        wire::masked(TEXT, rest),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let server = setup.server_given(&frames.concat());
        assert_eq!(server.events(), [Open, Text("水")]);
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
    }
}

#[test]
fn binary_is_not_looked_at() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for payload in NOT_UTF8 {
            let server = setup.server_given(&wire::masked(BINARY, payload));
            assert_eq!(server.frames(), [Frame::new(BINARY, payload)]);
        }
    }
}

#[test]
fn it_fails_before_the_frame_is_complete() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let frame = wire::masked(TEXT, &[b"good \xff".as_slice(), &[b'a'; 1000]].concat());
        let header_and_bad_byte = 4 + 4 + 6;
        let mut server = setup.server_given(&frame[..header_and_bad_byte - 1]);
        assert_eq!(server.error(), None);
        server.receive(&frame[header_and_bad_byte - 1..header_and_bad_byte], setup.chunk);
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
        assert_eq!(server.frames(), [Frame::close(1007)]);
        server.assert_deaf();
        server.assert_idle();
    }
}

#[test]
fn it_fails_at_the_byte_that_no_continuation_can_save() {
    // F4 may be followed by 80..=8F only: the second byte is already too much.
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let frames =
            [wire::masked(FIRST_TEXT, b"\xf4"), wire::masked(LAST | NEXT, b"\x90\x80\x80")];
        let frames = frames.concat();
        let server = setup.server_given(&frames[..frames.len() - 2]);
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
        assert_eq!(server.frames(), [Frame::new(FIRST_TEXT, b"\xf4"), Frame::close(1007)]);
    }
}

#[test]
fn a_long_text_frame_is_answered_in_fragments() {
    for &len in LONG_LENGTHS {
        let text = text_of(len);
        let unit = if len > ONE_FRAME_MAX { UNIT } else { len };
        let mut expected: Vec<_> =
            text.as_bytes().chunks(unit).map(|unit| Frame::new(NEXT, unit)).collect();
        expected[0].first |= FIRST_TEXT;
        expected.last_mut().expect("a text is not empty").first |= LAST;
        for setup in Setup::new(Framing::WebSocket).everywhere_in_bulk() {
            let server = setup.server_given(&wire::masked(TEXT, text.as_bytes()));
            assert_eq!(server.frames(), expected, "{len}");
            assert_eq!(server.events(), [Open, Text(&text)]);
            server.assert_idle();
        }
    }
}

#[test]
fn a_long_text_may_fail_between_its_units() {
    let mut bytes = vec![b'a'; UNIT];
    bytes.extend_from_slice(b"bcd\xff");
    bytes.resize(ONE_FRAME_MAX + 1, b'e');
    for setup in Setup::new(Framing::WebSocket).everywhere_in_bulk() {
        let server = setup.server_given(&wire::masked(TEXT, &bytes));
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
        let unit = Frame::new(FIRST_TEXT, &bytes[..UNIT]);
        assert_eq!(server.frames(), [unit, Frame::close(1007)]);
        assert_eq!(server.journal().unended(), &bytes[..UNIT]);
    }
}

#[test]
fn a_text_holds_no_more_than_a_unit() {
    let setup = Setup::new(Framing::WebSocket);
    let mut server = setup.server();
    for read in wire::masked(TEXT, &[b'a'; 1024 * 1024]).chunks(1000) {
        server.receive_at_once(read);
        // A growing vector may have twice the room it needs.
        assert!(server.session().heap_bytes() < 2 * (UNIT + 1000));
    }
    server.assert_idle();
}

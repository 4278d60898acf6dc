//! Text is UTF-8 however it is split (RFC 6455 §8.1), and invalid text fails at the first bad byte.

use crate::frames::text_of;
use crate::journal::Event::{Open, Text};
use crate::pair::Setup;
use crate::wire::{self, BINARY, FIRST_TEXT, Frame, LAST, NEXT, TEXT};
use halloo::proto::{Error, Framing};

/// The longest text that is echoed as one frame, however it arrives, in bytes.
const ONE_FRAME_MAX: usize = 256 * 1024;

/// Longer text is echoed in fragments of this size, in bytes.
const UNIT: usize = 64 * 1024;

/// Lengths around the longest frame, and around a multiple of the unit; for Miri, the shortest
/// length that needs units.
const LONG_LENGTHS: &[usize] = if cfg!(miri) {
    &[ONE_FRAME_MAX + 1]
} else {
    &[ONE_FRAME_MAX - 1, ONE_FRAME_MAX, ONE_FRAME_MAX + 1, 6 * UNIT - 1, 6 * UNIT, 6 * UNIT + 1]
};

/// The corner cases of RFC 3629: overlong forms, surrogates, code points beyond U+10FFFF, and bytes
/// that never occur.
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
fn a_code_point_may_be_split_across_fragments_and_chunks() {
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
fn invalid_utf8_causes_a_close_with_1007_and_nothing_else() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for payload in NOT_UTF8 {
            let mut server = setup.server_given(&wire::masked(TEXT, payload));
            assert_eq!(server.error(), Some(Error::InvalidUtf8), "{payload:?}");
            assert_eq!(server.events(), [Open]);
            server.assert_discarding();
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
fn binary_is_not_validated() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for payload in NOT_UTF8 {
            let server = setup.server_given(&wire::masked(BINARY, payload));
            assert_eq!(server.frames(), [Frame::new(BINARY, payload)]);
        }
    }
}

#[test]
fn invalid_text_fails_before_the_frame_is_complete() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let frame = wire::masked(TEXT, &[b"good \xff".as_slice(), &[b'a'; 1000]].concat());
        let header_and_bad_byte = 4 + 4 + 6;
        let mut server = setup.server_given(&frame[..header_and_bad_byte - 1]);
        assert_eq!(server.error(), None);
        server.receive(&frame[header_and_bad_byte - 1..header_and_bad_byte], setup.chunk);
        assert_eq!(server.error(), Some(Error::InvalidUtf8));
        assert_eq!(server.frames(), [Frame::close(1007)]);
        server.assert_discarding();
        server.assert_idle();
    }
}

#[test]
fn invalid_text_fails_at_the_first_byte_without_a_valid_continuation() {
    // F4 may only be followed by 80..=8F: the second byte is already invalid.
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
fn a_long_text_frame_is_echoed_in_fragments() {
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
fn a_long_text_holds_at_most_one_unit() {
    let setup = Setup::new(Framing::WebSocket);
    let mut server = setup.server();
    for read in wire::masked(TEXT, &[b'a'; 1024 * 1024]).chunks(1000) {
        server.receive_at_once(read);
        // A growing vector may have twice the capacity that it needs.
        assert!(server.session().heap_bytes() < 2 * (UNIT + 1000));
    }
    server.assert_idle();
}

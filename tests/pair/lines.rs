//! Line framing: the newline is part of the message, and the end of input ends the last line.

use crate::journal::Event::{Binary, Open};
use crate::pair::{BEYOND_ONE, Setup};
use halloo::proto::{Error, Framing, Kind, Message, Outbox, Stage};
use halloo::service::{Context, Service};

/// Sends the length of each message. An echo cannot show where messages end.
struct Measure;

impl Service for Measure {
    fn on_message(&mut self, _context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        outbox.send(Kind::Text, &[format!("{};", message.payload.len()).as_bytes()]);
    }
}

fn measuring() -> Setup {
    Setup { service: || Box::new(Measure), ..Setup::new(Framing::Line) }
}

#[test]
fn the_newline_is_part_of_the_message() {
    for setup in Setup::new(Framing::Line).everywhere() {
        let server = setup.server_given(b"one\n\r\n\ntwo\r\n");
        let lines = [Open, Binary(b"one\n"), Binary(b"\r\n"), Binary(b"\n"), Binary(b"two\r\n")];
        assert_eq!(server.events(), lines);
        assert_eq!(server.output(), b"one\n\r\n\ntwo\r\n");
        assert_eq!(server.session().messages(), 4);
        server.assert_idle();
    }
}

#[test]
fn a_last_line_without_a_newline_is_a_message_at_the_end_of_input() {
    for base in [Setup::new(Framing::Line), measuring()] {
        for setup in base.everywhere() {
            let mut server = setup.server_given(b"one\ntwo");
            assert_eq!(server.session().messages(), 1);
            server.receive_eof();
            assert_eq!(server.events(), [Open, Binary(b"one\n"), Binary(b"two")]);
            assert_eq!(server.session().messages(), 2);
            assert_eq!((server.stage(), server.error()), (Stage::Closing, None));
            server.assert_idle();
        }
    }
}

#[test]
fn the_end_of_input_after_a_newline_is_not_a_line() {
    for bytes in [&b""[..], b"one\n"] {
        for setup in measuring().everywhere() {
            let mut server = setup.server_given(bytes);
            let sent = server.output().len();
            server.receive_eof();
            assert_eq!(server.output().len(), sent);
            assert_eq!(server.events().len(), 1 + bytes.len() / 4);
            server.assert_idle();
        }
    }
}

#[test]
fn whole_lines_are_assembled_and_measured_once() {
    let long = [vec![b'x'; BEYOND_ONE], b"\n".to_vec()].concat();
    for setup in measuring().everywhere() {
        let mut server = setup.server_given(&[b"one\n\n", &long[..], b"last"].concat());
        server.receive_eof();
        let expected = format!("4;1;{};4;", BEYOND_ONE + 1);
        assert_eq!(server.output(), expected.as_bytes());
        server.assert_idle();
    }
}

#[test]
fn a_line_is_echoed_before_it_ends_and_never_held() {
    for setup in Setup::new(Framing::Line).everywhere() {
        let mut server = setup.server_given(&[b'x'; BEYOND_ONE]);
        assert_eq!(server.output().len(), BEYOND_ONE);
        assert_eq!(server.journal().unended().len(), BEYOND_ONE);
        assert!(!server.session().is_between_messages());
        server.assert_idle();
        server.receive(b"\n", setup.chunk);
        assert!(server.session().is_between_messages());
    }
}

#[test]
fn a_line_may_be_as_long_as_the_limit_but_not_longer() {
    let limited = Setup { message_bytes_max: 10, ..Setup::new(Framing::Line) };
    for setup in limited.everywhere() {
        let mut server = setup.server_given(b"123456789\n123456789\n");
        assert_eq!(server.error(), None);
        server.receive(b"123456789\n1234567890\nlate\n", setup.chunk);
        assert_eq!(server.error(), Some(Error::MessageTooBig));
        server.assert_discarding();
        let echoed = b"123456789\n123456789\n123456789\n1234567890";
        assert_eq!(server.output(), echoed, "the same output however the input is split");
        assert!(server.session().wants_shutdown());
        server.assert_idle();
    }
}

#[test]
fn an_assembled_line_that_is_too_long_has_no_response() {
    for setup in (Setup { message_bytes_max: 10, ..measuring() }).everywhere() {
        let mut server = setup.server_given(b"123456789\n12345678901");
        assert_eq!(server.error(), Some(Error::MessageTooBig));
        server.assert_discarding();
        assert_eq!(server.output(), b"10;");
        server.assert_idle();
    }
}

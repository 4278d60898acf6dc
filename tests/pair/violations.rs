//! Every rule that a peer can break on an open WebSocket: the close code, and no output after it.

use crate::journal::Event::Open;
use crate::pair::Setup;
use crate::wire::{self, CLOSE, FIRST_BINARY, FIRST_TEXT, Frame, LAST, NEXT, PING, TEXT};
use halloo::proto::{CloseCode, Error, Framing, Stage};

/// Violations by a client: the bytes, and the rule that they break.
fn by_a_client() -> Vec<(Vec<u8>, Error)> {
    let continued = wire::masked(FIRST_TEXT, b"a");
    let mut cases = vec![
        (wire::masked(0xc1, b"a"), Error::ReservedBits),
        (wire::masked(0xa1, b"a"), Error::ReservedBits),
        (wire::masked(0x91, b"a"), Error::ReservedBits),
        (wire::masked(0xc9, b""), Error::ReservedBits),
        (wire::masked(0x09, b""), Error::ControlFragmented),
        (wire::masked(0x08, b""), Error::ControlFragmented),
        (wire::masked(0x0a, b""), Error::ControlFragmented),
        (wire::masked(PING, &[0; 126]), Error::ControlTooLong),
        (wire::masked(CLOSE, &[0; 126]), Error::ControlTooLong),
        (wire::masked(PING, &[0; 65_536]), Error::ControlTooLong),
        (b"\x81\xfe\x00\x7d\0\0\0\0".to_vec(), Error::LengthNotMinimal),
        (b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0".to_vec(), Error::LengthNotMinimal),
        (b"\x82\xff\0\0\0\0\0\0\0\x01\0\0\0\0".to_vec(), Error::LengthNotMinimal),
        (b"\x82\xff\x80\0\0\0\0\x01\0\0\0\0\0\0".to_vec(), Error::LengthTopBit),
        (wire::unmasked(TEXT, b"a"), Error::MaskMissing),
        (wire::unmasked(PING, b""), Error::MaskMissing),
        (wire::masked(NEXT, b"a"), Error::ContinuationUnexpected),
        (wire::masked(LAST | NEXT, b""), Error::ContinuationUnexpected),
        ([continued.clone(), wire::masked(TEXT, b"b")].concat(), Error::MessageInterrupted),
        ([continued.clone(), wire::masked(FIRST_TEXT, b"")].concat(), Error::MessageInterrupted),
        ([continued, wire::masked(FIRST_BINARY, b"")].concat(), Error::MessageInterrupted),
        (wire::masked(CLOSE, b"\x03"), Error::CloseTruncated),
        (wire::masked(CLOSE, b"\x03\xe8\xff"), Error::InvalidUtf8),
        (wire::masked(CLOSE, b"\x03\xe8\xe6\x97"), Error::InvalidUtf8),
    ];
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        cases.push((wire::masked(LAST | opcode, b""), Error::ReservedOpcode));
        cases.push((wire::masked(opcode, b"a"), Error::ReservedOpcode));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push((wire::masked_close(code), Error::CloseCodeInvalid));
    }
    cases
}

/// The close code according to RFC 6455 §7.4.1, independent of the crate.
fn expected_code(error: Error) -> u16 {
    match error {
        Error::InvalidUtf8 => 1007,
        Error::MessageTooBig => 1009,
        _ => 1002,
    }
}

#[test]
fn each_violation_of_a_client_has_its_error_and_its_code() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (bytes, error) in by_a_client() {
            let mut server = setup.server_given(&bytes);
            assert_eq!(server.error(), Some(error), "{}", bytes.escape_ascii());
            assert_eq!(server.events(), [Open]);
            server.assert_discarding();
            assert_eq!(server.frames().last(), Some(&Frame::close(expected_code(error))));
            assert!(server.session().wants_shutdown());
            server.assert_idle();
        }
    }
}

#[test]
fn valid_frames_before_a_violation_are_echoed() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (bytes, error) in by_a_client() {
            let frames = [wire::masked(TEXT, b"good"), wire::masked(PING, b"too"), bytes].concat();
            let frames_out = setup.server_given(&frames).frames();
            let good = [Frame::new(TEXT, b"good"), Frame::new(wire::PONG, b"too")];
            assert_eq!(frames_out[..2], good);
            assert_eq!(frames_out.last(), Some(&Frame::close(expected_code(error))));
        }
    }
}

#[test]
fn an_invalid_header_is_rejected_at_the_byte_that_proves_it() {
    let setup = Setup::new(Framing::WebSocket);
    for (bytes, error) in [
        (&b"\xc1\x80"[..], Error::ReservedBits),
        (b"\x83\x80", Error::ReservedOpcode),
        (b"\x09\x80", Error::ControlFragmented),
        (b"\x89\xfe", Error::ControlTooLong),
        (b"\x81\x00", Error::MaskMissing),
        (b"\x81\xfe\x00\x7d", Error::LengthNotMinimal),
    ] {
        assert_eq!(setup.server_given(&bytes[..bytes.len() - 1]).error(), None, "{bytes:?}");
        assert_eq!(setup.server_given(bytes).error(), Some(error), "{bytes:?}");
    }
}

#[test]
fn a_client_rejects_violations_by_a_server() {
    let cases = [
        (wire::masked(TEXT, b"a"), Error::MaskUnexpected),
        (wire::masked(PING, b""), Error::MaskUnexpected),
        (wire::unmasked(0xc1, b"a"), Error::ReservedBits),
        (wire::unmasked(0x83, b""), Error::ReservedOpcode),
        (wire::unmasked(0x09, b""), Error::ControlFragmented),
        (wire::unmasked(PING, &[0; 126]), Error::ControlTooLong),
        (wire::unmasked(LAST | NEXT, b""), Error::ContinuationUnexpected),
        (wire::unmasked(TEXT, b"\xff"), Error::InvalidUtf8),
        (wire::unmasked(CLOSE, b"\x03"), Error::CloseTruncated),
        (wire::unmasked(CLOSE, &1005_u16.to_be_bytes()), Error::CloseCodeInvalid),
    ];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for (bytes, error) in &cases {
            let mut pair = setup.pair();
            pair.server.inject(bytes);
            pair.run();
            assert_eq!(pair.client.error(), Some(*error));
            assert_eq!(pair.client.events(), [Open]);
            assert_eq!(pair.client.frames(), [Frame::close(expected_code(*error))]);
            assert_eq!(pair.server.frames().last(), Some(&Frame::close(expected_code(*error))));
            pair.client.assert_discarding();
            pair.assert_idle();
        }
    }
}

#[test]
fn a_close_frame_may_not_cut_into_a_frame_that_is_half_echoed() {
    let frame = wire::masked(wire::BINARY, &[7; 1000]);
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&frame[..500]);
        let sent = server.output().len();
        server.close(CloseCode::GOING_AWAY);
        assert_eq!(server.output().len(), sent, "a Close here would be taken for payload");
        assert_eq!(server.stage(), Stage::Closing);
        assert!(server.session().wants_shutdown());
    }
}

#[test]
fn the_end_of_input_without_a_close_frame_is_abnormal() {
    let unfinished =
        [&b""[..], b"\x81", b"\x81\x85\x37\xfa\x21\x3d\x7f", b"\x01\x80\0\0\0\0", b"\x82\xfe\x10"];
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for bytes in unfinished {
            let mut server = setup.server_given(bytes);
            let sent = server.output().len();
            server.receive_eof();
            assert_eq!(server.error(), Some(Error::ClosedAbnormally));
            assert_eq!(server.output().len(), sent, "1006 is never sent");
            assert_eq!(server.stage(), Stage::Closing);
        }
    }
}

#[test]
fn an_expired_deadline_has_its_close_code() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server();
        server.time_out();
        server.assert_discarding();
        assert_eq!(server.frames(), [Frame::close(1001)]);
    }
}

//! permessage-deflate (RFC 7692) between two sessions, and with hand-made bytes.

use crate::journal::Event::{Binary, Open, Text};
use crate::pair::{BEYOND_BOTH, BEYOND_ONE, Pair, Setup};
use crate::wire::{self, BINARY, FIRST_TEXT, Frame, LAST, NEXT, PING, PONG, TEXT};
use halloo::proto::auth::{Auth, Encoding, Hash, Key};
use halloo::proto::deflate::Settings;
use halloo::proto::{Error, Framing, Stage};

/// The bit that marks a message as compressed.
const RSV1: u8 = 0x40;

/// "Hello", from the examples of RFC 7692 §7.2.3.
const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_AGAIN: [u8; 5] = [0xf2, 0x00, 0x11, 0x00, 0x00];

/// An upgrade request that offers the extension with these parameters.
fn request(parameters: &str) -> Vec<u8> {
    wire::request_with(&format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n"))
}

fn compressing(context_takeover: bool) -> Setup {
    let settings = Settings { context_takeover, message_bytes_min: 16 };
    Setup { deflate: Some(settings), ..Setup::new(Framing::WebSocket) }
}

/// The frames that a server with this setup sends after its 101 in response to these bytes, and its
/// error.
fn output(setup: &Setup, bytes: &[u8]) -> (Vec<Frame>, Option<Error>) {
    let mut server = setup.silent_server();
    server.start();
    server.receive(&[&request(""), bytes].concat(), setup.chunk);
    let frames = wire::frames(wire::after_head(server.output()));
    (frames, server.error())
}

#[test]
fn messages_of_every_length_come_back() {
    for takeover in [false, true] {
        for setup in compressing(takeover).everywhere() {
            let mut pair = setup.pair();
            for len in [0, 1, 15, 16, 125, 126, 1_000, BEYOND_ONE] {
                let text: String = ('a'..='z').cycle().take(len).collect();
                pair.client.send(&text);
                pair.run();
                assert_eq!(pair.server.events().last(), Some(&Text(&text)));
                assert_eq!(pair.client.events().last(), Some(&Text(&text)));
            }
            assert_heap(&pair, takeover);
        }
    }
}

/// Shared state costs a connection no heap; context takeover costs at most two windows.
fn assert_heap(pair: &Pair, takeover: bool) {
    for endpoint in [&pair.client, &pair.server] {
        let heap = endpoint.session().heap_bytes();
        assert_eq!(heap > 0, takeover);
        assert!(heap < 128 * 1024, "{heap}");
    }
}

#[test]
fn messages_are_compressed_from_the_minimum_size_and_echoes_like_their_message() {
    for setup in compressing(false).everywhere() {
        let mut pair = setup.pair();
        pair.client.send("fifteen letters");
        pair.client.send(&"sixteen letters!".repeat(100));
        let sent = pair.client.take_output();
        assert_eq!(sent[0], TEXT);
        assert_eq!(sent[2 + 4 + 15], TEXT | RSV1);
        assert!(sent.len() < 200);
        let (frames, _) = output(&setup, &wire::masked(TEXT | RSV1, &HELLO));
        assert_eq!(frames[0].first, TEXT | RSV1);
        let (frames, _) = output(&setup, &wire::masked(TEXT, &[b'x'; 100]));
        assert_eq!(frames, [Frame::new(TEXT, &[b'x'; 100])]);
    }
}

#[test]
fn a_later_message_may_refer_to_an_earlier_one_only_with_context_takeover() {
    let bytes =
        [wire::masked(TEXT | RSV1, &HELLO), wire::masked(TEXT | RSV1, &HELLO_AGAIN)].concat();
    for setup in compressing(true).everywhere() {
        let mut server = setup.silent_server();
        server.start();
        server.receive(&[&request(""), &bytes[..]].concat(), setup.chunk);
        assert_eq!(server.events(), [Open, Text("Hello"), Text("Hello")]);
    }
    for setup in compressing(false).everywhere() {
        assert_eq!(output(&setup, &bytes).1, Some(Error::DeflateInvalid));
    }
}

#[test]
fn fragments_of_a_compressed_message_are_joined_with_pings_in_between() {
    let bytes = [
        wire::masked(FIRST_TEXT | RSV1, &HELLO[..3]),
        wire::masked(PING, b"?"),
        wire::masked(NEXT, &[]),
        wire::masked(LAST | NEXT, &HELLO[3..]),
    ];
    for setup in compressing(false).everywhere() {
        let (frames, error) = output(&setup, &bytes.concat());
        assert_eq!(error, None);
        assert_eq!(frames[0], Frame::new(PONG, b"?"));
        assert_eq!((frames.len(), frames[1].first), (2, TEXT | RSV1));
    }
}

#[test]
fn rsv1_is_rejected_where_it_is_not_allowed() {
    let continued =
        [wire::masked(FIRST_TEXT | RSV1, &HELLO[..3]), wire::masked(LAST | NEXT | RSV1, b"")];
    for setup in compressing(false).everywhere() {
        for bytes in [&continued.concat()[..], &wire::masked(PING | RSV1, b"")] {
            assert_eq!(
                output(&setup, bytes),
                (vec![Frame::close(1002)], Some(Error::ReservedBits))
            );
        }
    }
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let (frames, error) = output(&setup, &wire::masked(TEXT | RSV1, &HELLO));
        assert_eq!((frames, error), (vec![Frame::close(1002)], Some(Error::ReservedBits)));
    }
}

#[test]
fn data_that_does_not_decompress_or_is_not_utf8_causes_a_close_with_1007() {
    let not_utf8 = b"\x00\x01\x00\xfe\xff\xff\x00";
    for setup in compressing(false).everywhere() {
        for (payload, error) in [
            (&[0xff, 0xff][..], Error::DeflateInvalid),
            (&HELLO[..4], Error::DeflateInvalid),
            (not_utf8, Error::InvalidUtf8),
        ] {
            let found = output(&setup, &wire::masked(TEXT | RSV1, payload));
            assert_eq!(found, (vec![Frame::close(1007)], Some(error)), "{payload:?}");
        }
    }
}

#[test]
fn the_limit_applies_to_the_decompressed_message() {
    let text = "a".repeat(BEYOND_BOTH);
    let limit = BEYOND_BOTH as u64;
    for (message_bytes_max, error) in [(limit, None), (limit - 1, Some(Error::MessageTooBig))] {
        for setup in compressing(false).everywhere() {
            let mut pair = setup.pair();
            pair.client.send(&text);
            let frame = pair.client.take_output();
            let setup = Setup { message_bytes_max, ..setup };
            assert_eq!(output(&setup, &frame).1, error);
        }
    }
    // The compressed form of incompressible data may be slightly larger than the limit.
    let stored: Vec<u8> = [&b"\x00\xe8\x03\x17\xfc"[..], &[7; 1_000], b"\x00"].concat();
    let setup = Setup { message_bytes_max: 1_000, ..compressing(false) };
    assert_eq!(output(&setup, &wire::masked(BINARY | RSV1, &stored)).1, None);
}

#[test]
fn the_challenge_is_not_compressed() {
    let keys = vec![Key::new(b"key".to_vec())];
    let auth = Some(Auth { hash: Hash::Sha256, encoding: Encoding::Hex, keys });
    for setup in (Setup { auth, ..compressing(true) }).everywhere() {
        let mut pair = setup.silent_pair();
        pair.client.start();
        let request = pair.client.take_output();
        pair.server.start();
        pair.server.receive(&request, setup.chunk);
        let frames = wire::frames(wire::after_head(pair.server.output()));
        assert_eq!((frames.len(), frames[0].first), (1, BINARY));
        let response = pair.server.take_output();
        pair.client.receive(&response, setup.chunk);
        let auth_response = pair.client.take_output();
        assert_eq!(auth_response[0], TEXT);
        pair.server.receive(&auth_response, setup.chunk);
        assert_eq!(pair.server.stage(), Stage::Open);
        pair.client.send_binary(&[7; 1_000]);
        pair.run();
        assert_eq!(pair.client.events(), [Open, Binary(&[7; 1_000])]);
    }
}

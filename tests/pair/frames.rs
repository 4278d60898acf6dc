//! Messages of every length class, in both directions and every framing, come back unchanged.

use crate::journal::Event::{Binary, Open, Text};
use crate::pair::{BEYOND_BOTH, BEYOND_ONE, Setup};
use crate::wire::{self, BINARY, Frame, TEXT};
use halloo::proto::Framing;
use halloo::service::{Discard, Echo};

/// The boundaries between the three forms of a length, and one message larger than every buffer.
/// Miri takes microseconds for each byte and skips the third form.
const LENGTHS: &[usize] = if cfg!(miri) {
    &[0, 1, 125, 126, 127, BEYOND_ONE]
} else {
    &[0, 1, 125, 126, 127, 65_534, 65_535, 65_536, 1024 * 1024]
};

/// Small chunks make long messages slow, without splits that shorter messages do not have.
fn lengths(setup: &Setup) -> impl Iterator<Item = usize> {
    let longest = if setup.chunk < 7 { 65_536 } else { usize::MAX };
    LENGTHS.iter().copied().filter(move |&len| len <= longest)
}

/// Text with code points of every length, so that chunks split them.
pub(crate) fn text_of(len: usize) -> String {
    let mut text = String::with_capacity(len);
    for point in ['a', 'ß', '水', '🎉', '\n'].into_iter().cycle() {
        if text.len() + point.len_utf8() > len {
            break;
        }
        text.push(point);
    }
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text
}

pub(crate) fn bytes_of(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

#[test]
fn a_greeting_comes_back() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.send("hi");
        pair.run();
        assert_eq!(pair.server.events(), [Open, Text("hi")]);
        assert_eq!(pair.client.events(), [Open, Text("hi")]);
        pair.assert_idle();
    }
}

#[test]
fn a_websocket_server_echoes_every_length() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for len in lengths(&setup) {
            let (text, bytes) = (text_of(len), bytes_of(len));
            let expected = [Open, Text(&text), Binary(&bytes)];
            let mut pair = setup.pair();
            pair.client.send(&text);
            pair.run();
            pair.assert_idle();
            pair.client.send_binary(&bytes);
            pair.run();
            pair.assert_idle();
            assert_eq!(pair.server.events(), expected, "{len}");
            assert_eq!(pair.client.events(), expected, "{len}");
        }
    }
}

#[test]
fn a_websocket_client_echoes_every_length() {
    let setup = Setup {
        service: || Box::new(Discard),
        client_service: || Box::new(Echo),
        client_takes_whole: true,
        ..Setup::new(Framing::WebSocket)
    };
    for setup in setup.everywhere() {
        for len in lengths(&setup) {
            let (text, bytes) = (text_of(len), bytes_of(len));
            let expected = [Open, Text(&text), Binary(&bytes)];
            let mut pair = setup.pair();
            pair.server.send(&text);
            pair.server.send_binary(&bytes);
            pair.run();
            assert_eq!(pair.client.events(), expected, "{len}");
            assert_eq!(pair.server.events(), expected, "{len}");
            pair.assert_idle();
        }
    }
}

#[test]
fn lines_and_raw_bytes_of_every_length_come_back() {
    for framing in [Framing::Line, Framing::Raw] {
        for setup in Setup::new(framing).everywhere() {
            for len in lengths(&setup) {
                let mut sent = bytes_of(len);
                sent.push(b'\n');
                let mut pair = setup.pair();
                pair.client.send_binary(&sent);
                pair.run();
                assert!(pair.server.journal().bytes() == sent, "{framing:?} {len}");
                assert!(pair.client.journal().bytes() == sent, "{framing:?} {len}");
                pair.assert_idle();
            }
        }
    }
}

#[test]
fn every_byte_value_and_mask_phase_comes_back() {
    // Miri tries each phase of the mask once.
    let all: Vec<u8> = if cfg!(miri) { (0..=9).collect() } else { (0..=255).collect() };
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        for len in 0..all.len() {
            pair.client.send_binary(&all[..len]);
        }
        pair.run();
        let expected: Vec<_> =
            std::iter::once(Open).chain((0..all.len()).map(|len| Binary(&all[..len]))).collect();
        assert_eq!(pair.client.events(), expected);
        pair.assert_idle();
    }
}

#[test]
fn a_frame_that_fits_the_buffer_comes_back_as_one_frame() {
    let frames = [Frame::new(TEXT, b"a"), Frame::new(BINARY, b""), Frame::new(TEXT, &[b'b'; 999])];
    let sent: Vec<u8> =
        frames.iter().flat_map(|frame| wire::masked(frame.first, &frame.payload)).collect();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        assert_eq!(setup.server_given(&sent).frames(), frames);
    }
}

#[test]
fn a_binary_frame_larger_than_the_buffer_comes_back_as_one_frame() {
    let payload = bytes_of(BEYOND_BOTH);
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut server = setup.server_given(&wire::masked(BINARY, &payload));
        assert_eq!(server.frames(), [Frame::new(BINARY, &payload)]);
        server.assert_idle();
        server.receive(&wire::masked(TEXT, b"next"), setup.chunk);
        assert_eq!(server.frames().last(), Some(&Frame::new(TEXT, b"next")));
    }
}

#[test]
fn a_binary_frame_is_streamed_and_never_held() {
    let setup = Setup::new(Framing::WebSocket);
    let mut server = setup.server();
    let frame = wire::masked(BINARY, &bytes_of(BEYOND_BOTH));
    for read in frame.chunks(BEYOND_BOTH / 60) {
        let before = server.output().len();
        server.receive_at_once(read);
        assert!(server.output().len() > before, "each read is echoed at once");
        server.assert_idle();
    }
}

#[test]
fn a_pong_carries_the_payload_of_its_ping() {
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        for len in [0, 1, 124, 125] {
            let payload = bytes_of(len);
            let mut server = setup.server_given(&wire::masked(wire::PING, &payload));
            server.receive(&wire::masked(wire::PONG, b"unsolicited"), setup.chunk);
            assert_eq!(server.frames(), [Frame::new(wire::PONG, &payload)]);
            assert_eq!(server.events(), [Open]);
            server.assert_idle();
        }
    }
}

#[test]
fn both_roles_reply_to_pings_without_an_event() {
    let pong = Frame::new(wire::PONG, b"are you there?");
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.inject(&wire::masked(wire::PING, b"are you there?"));
        pair.run();
        assert_eq!(pair.server.frames().last(), Some(&pong));
        pair.server.inject(&wire::unmasked(wire::PING, b"are you there?"));
        pair.run();
        assert_eq!(pair.client.frames().last(), Some(&pong));
        assert_eq!((pair.client.events(), pair.server.events()), (vec![Open], vec![Open]));
        pair.assert_idle();
    }
}

#[test]
fn a_client_masks_every_frame_with_a_new_key() {
    let mut pair = Setup::new(Framing::WebSocket).pair();
    let before = pair.client.output().len();
    pair.client.send_binary(&[0; 8]);
    pair.client.send_binary(&[0; 8]);
    let sent = &pair.client.output()[before..];
    assert_eq!((sent[..2].to_vec(), sent[14..16].to_vec()), (vec![0x82, 0x88], vec![0x82, 0x88]));
    let (first_key, second_key) = (&sent[2..6], &sent[16..20]);
    assert_ne!(first_key, second_key);
    assert_eq!(sent[6..14], [first_key, first_key].concat(), "masked zeros are the key");
    pair.run();
    assert_eq!(pair.server.output().last_chunk(), Some(&[0; 8]), "a server does not mask");
}

#[test]
fn a_message_of_parts_is_one_message() {
    let parts: [&[u8]; 4] = [b"a", b"", b"bcd", &[b'e'; BEYOND_ONE]];
    let joined = parts.concat();
    for setup in Setup::new(Framing::WebSocket).everywhere() {
        let mut pair = setup.pair();
        pair.client.send_parts(halloo::proto::Kind::Binary, &parts);
        pair.run();
        assert_eq!(pair.client.events(), [Open, Binary(&joined)]);
    }
}

#[test]
fn a_slow_reader_receives_everything_in_order() {
    let mut setup = Setup::new(Framing::WebSocket);
    for chunk in [7, 1000, usize::MAX] {
        setup.chunk = chunk;
        let mut pair = setup.pair();
        pair.server.write_slowly(5);
        let texts: Vec<String> = (0..20).map(|len| text_of(len * 10)).collect();
        for text in &texts {
            pair.client.send(text);
        }
        let sent = pair.client.take_output();
        pair.server.receive(&sent, chunk);
        assert!(pair.server.session().heap_bytes() > 0, "the rest is kept");
        pair.run();
        let expected: Vec<_> =
            std::iter::once(Open).chain(texts.iter().map(|text| Text(text))).collect();
        assert_eq!(pair.client.events(), expected);
        pair.assert_idle();
    }
}

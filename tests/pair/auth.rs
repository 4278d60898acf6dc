//! Challenge and response, in every framing, hash and encoding.

use crate::journal::Event::{Binary, Open};
use crate::pair::{BEYOND_ONE, Setup};
use crate::wire::{self, BINARY, FIRST_BINARY, Frame, LAST, NEXT, PING, PONG, TEXT};
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Hash, Key};
use halloo::proto::{Error, Framing, Stage};

const FRAMINGS: [Framing; 3] = [Framing::WebSocket, Framing::Line, Framing::Raw];

fn auth(hash: Hash, encoding: Encoding, keys: &[&[u8]]) -> Auth {
    Auth { hash, encoding, keys: keys.iter().map(|key| Key::new(key.to_vec())).collect() }
}

/// Every hash with every encoding.
fn kinds() -> [(Hash, Encoding); 4] {
    [
        (Hash::Md5, Encoding::Raw),
        (Hash::Md5, Encoding::Hex),
        (Hash::Sha256, Encoding::Raw),
        (Hash::Sha256, Encoding::Hex),
    ]
}

/// A setup for every framing, hash and encoding whose server demands one of these keys.
fn demanding(keys: &[&[u8]]) -> Vec<Setup> {
    let with = |framing| {
        kinds().map(|(hash, encoding)| Setup {
            auth: Some(auth(hash, encoding, keys)),
            ..Setup::new(framing)
        })
    };
    FRAMINGS.into_iter().flat_map(with).collect()
}

impl Setup {
    fn response_bytes(&self) -> usize {
        self.auth.as_ref().expect("the setup demands a response").response_bytes()
    }

    /// A response as it is sent in this framing.
    fn framed(&self, response: &[u8]) -> Vec<u8> {
        let auth = self.auth.as_ref().expect("the setup demands a response");
        match (self.framing, auth.encoding) {
            (Framing::WebSocket, Encoding::Raw) => wire::masked(BINARY, response),
            (Framing::WebSocket, Encoding::Hex) => wire::masked(TEXT, response),
            _ => response.to_vec(),
        }
    }
}

/// The challenge, which must be all that the server sent after the opening handshake.
fn challenge(framing: Framing, output: &[u8]) -> Vec<u8> {
    let challenge = match framing {
        Framing::WebSocket => {
            let frames = wire::frames(wire::after_head(output));
            assert_eq!(frames.len(), 1);
            assert_eq!(frames[0].first, BINARY);
            frames[0].payload.clone()
        }
        Framing::Line | Framing::Raw => output.to_vec(),
    };
    assert_eq!(challenge.len(), CHALLENGE_BYTES);
    challenge
}

#[test]
fn a_client_with_the_key_is_admitted() {
    for setup in demanding(&[b"sesame"]).iter().flat_map(Setup::everywhere) {
        let mut pair = setup.pair();
        assert_eq!((pair.client.events(), pair.server.events()), (vec![Open], vec![Open]));
        pair.assert_idle();
        pair.client.send_binary(b"hi\n");
        pair.run();
        assert_eq!(pair.server.journal().bytes(), b"hi\n");
        assert_eq!(pair.client.journal().bytes(), b"hi\n");
        pair.assert_idle();
    }
}

#[test]
fn any_of_several_keys_is_accepted() {
    for setup in demanding(&[b"old", b"new", "芝麻开门".as_bytes()]) {
        let Auth { hash, encoding, .. } = setup.auth.clone().expect("the setup demands a response");
        for key in [&b"old"[..], b"new", "芝麻开门".as_bytes()] {
            let client_auth = Some(auth(hash, encoding, &[key]));
            let pair = Setup { client_auth, ..setup.clone() }.pair();
            assert_eq!(pair.server.events(), [Open]);
        }
    }
}

#[test]
fn the_server_sends_nothing_after_the_challenge() {
    for setup in demanding(&[b"sesame"]).iter().flat_map(Setup::everywhere) {
        let mut server = setup.server();
        challenge(setup.framing, server.output());
        server.start();
        challenge(setup.framing, server.output());
        assert_eq!(server.stage(), Stage::Auth);
        assert_eq!(server.events(), []);
    }
}

#[test]
fn a_response_to_an_earlier_challenge_is_rejected() {
    for setup in demanding(&[b"sesame"]) {
        let mut server = setup.server();
        let stale = [7; CHALLENGE_BYTES];
        assert_ne!(challenge(setup.framing, server.output()), stale);
        let response = setup.auth.as_ref().expect("the setup demands a response").response(&stale);
        server.receive(&setup.framed(&response), setup.chunk);
        assert_eq!(server.error(), Some(Error::AuthWrong));
    }
}

#[test]
fn bytes_after_the_response_belong_to_the_service() {
    for setup in demanding(&[b"sesame"]).iter().flat_map(Setup::everywhere) {
        let mut server = setup.server();
        let challenge = challenge(setup.framing, server.output());
        let response =
            setup.auth.as_ref().expect("the setup demands a response").response(&challenge);
        let early = match setup.framing {
            Framing::WebSocket => wire::masked(BINARY, b"early\n"),
            Framing::Line | Framing::Raw => b"early\n".to_vec(),
        };
        let before = server.output().len();
        server.receive(&[setup.framed(&response), early].concat(), setup.chunk);
        assert_eq!(server.error(), None);
        assert_eq!(server.journal().bytes(), b"early\n");
        let echo = match setup.framing {
            Framing::WebSocket => wire::unmasked(BINARY, b"early\n"),
            Framing::Line | Framing::Raw => b"early\n".to_vec(),
        };
        assert_eq!(server.output()[before..], echo, "no output about the success");
        server.assert_idle();
    }
}

#[test]
fn a_wrong_response_is_rejected_at_its_last_byte() {
    for setup in demanding(&[b"sesame"]).iter().flat_map(Setup::everywhere) {
        let wrong = setup.framed(&vec![b'0'; setup.response_bytes()]);
        let mut server = setup.server();
        let before = server.output().len();
        server.receive(&wrong[..wrong.len() - 1], setup.chunk);
        assert_eq!(server.error(), None);
        server.receive(&wrong[wrong.len() - 1..], setup.chunk);
        assert_eq!(server.error(), Some(Error::AuthWrong));
        assert_eq!(server.events(), []);
        server.assert_discarding();
        let close = match setup.framing {
            Framing::WebSocket => wire::unmasked(wire::CLOSE, &1008_u16.to_be_bytes()),
            Framing::Line | Framing::Raw => Vec::new(),
        };
        assert_eq!(server.output()[before..], close);
        assert!(server.session().wants_shutdown());
        server.assert_idle();
    }
}

#[test]
fn a_client_with_another_key_is_rejected() {
    for setup in demanding(&[b"sesame"]) {
        let Auth { hash, encoding, .. } = setup.auth.clone().expect("the setup demands a response");
        let client_auth = Some(auth(hash, encoding, &[b"Sesame"]));
        for setup in (Setup { client_auth, ..setup }).everywhere() {
            let mut pair = setup.silent_pair();
            pair.start();
            assert_eq!(pair.server.error(), Some(Error::AuthWrong));
            assert_eq!(pair.server.events(), []);
            assert_eq!(pair.server.stage(), Stage::Closing);
        }
    }
}

#[test]
fn a_short_response_fails_at_the_end_of_input() {
    for setup in demanding(&[b"sesame"]).iter().flat_map(Setup::everywhere) {
        let mut server = setup.server();
        let response = setup.framed(&vec![b'0'; setup.response_bytes()]);
        server.receive(&response[..response.len() - 1], setup.chunk);
        server.receive_eof();
        assert_eq!(server.error(), Some(Error::AuthTruncated));
        assert_eq!(server.events(), []);
        assert_eq!(server.stage(), Stage::Closing);
    }
}

#[test]
fn a_late_response_is_rejected() {
    for setup in demanding(&[b"sesame"]) {
        let mut server = setup.server();
        assert_eq!(server.session().timeout_error(), Error::AuthTimeout);
        server.time_out();
        server.assert_discarding();
        assert_eq!(server.events(), []);
        if setup.framing == Framing::WebSocket {
            assert_eq!(server.frames().last(), Some(&Frame::close(1008)));
        } else {
            challenge(setup.framing, server.output());
        }
        server.assert_idle();
    }
}

#[test]
fn a_message_of_the_wrong_length_is_rejected() {
    let setups = demanding(&[b"sesame"]);
    let on_websocket = setups.iter().filter(|setup| setup.framing == Framing::WebSocket);
    for setup in on_websocket.flat_map(Setup::everywhere) {
        let correct = setup.response_bytes();
        // A header of 8 bytes and a payload of 248 bytes are 256 bytes.
        for len in [0, 1, correct - 1, correct + 1, 248, 249, BEYOND_ONE] {
            let mut server = setup.server_given(&setup.framed(&vec![b'0'; len]));
            let error = if len <= 248 { Error::AuthLength } else { Error::AuthTooLong };
            assert_eq!(server.error(), Some(error), "{len}");
            server.assert_discarding();
            assert_eq!(server.frames().last(), Some(&Frame::close(1008)));
            server.assert_idle();
        }
    }
}

#[test]
fn on_websocket_the_message_type_determines_the_encoding() {
    for (hash, encoding) in kinds() {
        let demanded = Some(auth(hash, Encoding::Raw, &[b"sesame"]));
        let client_auth = Some(auth(hash, encoding, &[b"sesame"]));
        let setup = Setup { auth: demanded, client_auth, ..Setup::new(Framing::WebSocket) };
        for setup in setup.everywhere() {
            assert_eq!(setup.pair().server.events(), [Open]);
        }
    }
}

#[test]
fn upper_case_digits_are_accepted() {
    let setups = demanding(&[b"sesame"]);
    let hex = |setup: &&Setup| {
        setup.auth.as_ref().is_some_and(|demanded| demanded.encoding == Encoding::Hex)
    };
    for setup in setups.iter().filter(hex).flat_map(Setup::everywhere) {
        let mut server = setup.server();
        let challenge = challenge(setup.framing, server.output());
        let response =
            setup.auth.as_ref().expect("the setup demands a response").response(&challenge);
        server.receive(&setup.framed(&response.to_ascii_uppercase()), setup.chunk);
        assert_eq!(server.events(), [Open]);
    }
}

#[test]
fn a_response_may_be_fragmented_with_pings_in_between() {
    let demanded = auth(Hash::Sha256, Encoding::Raw, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded.clone()), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut server = setup.server();
        let response = demanded.response(&challenge(setup.framing, server.output()));
        let frames = [
            wire::masked(FIRST_BINARY, &response[..10]),
            wire::masked(PING, b"slow"),
            wire::masked(LAST | NEXT, &response[10..]),
            wire::masked(BINARY, b"in"),
        ];
        server.receive(&frames.concat(), setup.chunk);
        assert_eq!(server.events(), [Open, Binary(b"in")]);
        let output = [Frame::new(PONG, b"slow"), Frame::new(BINARY, b"in")];
        assert_eq!(server.frames()[1..], output);
        server.assert_idle();
    }
}

/// Frames that are not a response: payloads of `each` bytes, and a last frame that makes `bytes` in
/// total.
fn prelude(first: u8, each: usize, mut bytes: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    while bytes >= 12 + each {
        frames.extend(wire::masked(first, &vec![b'p'; each]));
        bytes -= 6 + each;
    }
    frames.extend(wire::masked(first, &vec![b'p'; bytes - 6]));
    frames
}

#[test]
fn all_bytes_before_the_response_count() {
    let demanded = auth(Hash::Sha256, Encoding::Raw, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded.clone()), ..Setup::new(Framing::WebSocket) };
    let response_bytes = 6 + 32;
    for setup in setup.everywhere() {
        for bytes in [256 - response_bytes, 257 - response_bytes] {
            for (first, each) in [(PING, 0), (PONG, 0), (PING, 44), (PONG, 100), (PING, 119)] {
                let prelude = prelude(first, each, bytes);
                let mut server = setup.server();
                let response = demanded.response(&challenge(setup.framing, server.output()));
                server.receive(&[prelude, setup.framed(&response)].concat(), setup.chunk);
                if bytes + response_bytes == 256 {
                    assert_eq!((server.error(), server.events()), (None, vec![Open]));
                    continue;
                }
                assert_eq!(server.error(), Some(Error::AuthTooLong));
                server.assert_discarding();
                assert_eq!(server.events(), []);
                assert_eq!(server.frames().last(), Some(&Frame::close(1008)));
                server.assert_idle();
            }
        }
    }
}

#[test]
fn bytes_after_the_response_do_not_count() {
    let demanded = auth(Hash::Md5, Encoding::Hex, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded.clone()), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut server = setup.server();
        let response = demanded.response(&challenge(setup.framing, server.output()));
        let after = wire::masked(BINARY, &[7; 1000]);
        server.receive(&[setup.framed(&response), after].concat(), setup.chunk);
        assert_eq!(server.events(), [Open, Binary(&[7; 1000])]);
    }
}

#[test]
fn fragments_of_a_response_count_with_their_headers() {
    let demanded = auth(Hash::Sha256, Encoding::Raw, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded.clone()), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        // 32 frames of 7 bytes are 224 bytes; five empty frames make 254, and six make 260.
        for (empty, error) in [(5, None), (6, Some(Error::AuthTooLong))] {
            let mut server = setup.server();
            let response = demanded.response(&challenge(setup.framing, server.output()));
            let mut frames = wire::masked(FIRST_BINARY, &response[..1]);
            frames.extend(wire::masked(NEXT, b"").repeat(empty));
            for byte in &response[1..31] {
                frames.extend(wire::masked(NEXT, &[*byte]));
            }
            frames.extend(wire::masked(LAST | NEXT, &response[31..]));
            server.receive(&frames, setup.chunk);
            assert_eq!(server.error(), error, "{empty} empty fragments");
            assert_eq!(server.stage() == Stage::Open, error.is_none());
        }
    }
}

#[test]
fn a_frame_that_announces_too_much_is_rejected_at_its_header() {
    let demanded = auth(Hash::Sha256, Encoding::Raw, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut server = setup.server_given(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0");
        assert_eq!(server.error(), Some(Error::AuthTooLong));
        server.assert_discarding();
        server.assert_idle();
    }
}

#[test]
fn a_client_may_close_instead_of_responding() {
    let demanded = auth(Hash::Md5, Encoding::Hex, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut server = setup.server_given(&wire::masked_close(1000));
        assert_eq!(server.error(), None);
        assert_eq!(server.frames()[1..], [Frame::close(1000)]);
        server.assert_discarding();
        assert_eq!(server.events(), []);
        server.assert_idle();
    }
}

#[test]
fn frame_rules_apply_before_the_response() {
    let demanded = auth(Hash::Md5, Encoding::Hex, &[b"sesame"]);
    let setup = Setup { auth: Some(demanded), ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        let mut server = setup.server_given(&wire::unmasked(TEXT, b"a"));
        assert_eq!(server.error(), Some(Error::MaskMissing));
        server.assert_discarding();
        assert_eq!(server.frames()[1..], [Frame::close(1002)]);
        server.assert_idle();
    }
}

#[test]
fn a_client_rejects_a_malformed_challenge() {
    let client_auth = Some(auth(Hash::Sha256, Encoding::Raw, &[b"sesame"]));
    let setup = Setup { client_auth, ..Setup::new(Framing::WebSocket) };
    for setup in setup.everywhere() {
        for (first, len) in
            [(BINARY, 31), (BINARY, 33), (TEXT, 32), (BINARY, 0), (BINARY, BEYOND_ONE)]
        {
            let mut pair = setup.silent_pair();
            pair.start();
            assert_eq!(pair.client.stage(), Stage::Auth);
            pair.server.inject(&wire::unmasked(first, &vec![b'c'; len]));
            pair.run();
            assert_eq!(pair.client.error(), Some(Error::ChallengeMalformed), "{len}");
            assert_eq!(pair.client.frames(), [Frame::close(1008)]);
            assert_eq!(pair.client.events(), []);
        }
    }
}

#[test]
fn a_client_receives_bytes_in_the_segment_of_the_challenge() {
    let client_auth = auth(Hash::Md5, Encoding::Raw, &[b"sesame"]);
    let challenge = [b'c'; CHALLENGE_BYTES];
    let setup = Setup { client_auth: Some(client_auth.clone()), ..Setup::new(Framing::Raw) };
    for setup in setup.everywhere() {
        let mut client = setup.silent_pair().client;
        client.start();
        client.receive(&[&challenge[..], b"hello"].concat(), setup.chunk);
        assert_eq!(client.output(), client_auth.response(&challenge));
        assert_eq!(client.journal().bytes(), b"hello");
        client.assert_idle();
    }
}

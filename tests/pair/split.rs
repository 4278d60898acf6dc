//! Any split of the input gives the same events, the same output and the same error.

use crate::endpoint::Endpoint;
use crate::pair::{CAPACITIES, Setup, TRIES};
use crate::streams::{cuts, spoiled, valid};
use crate::wire::{self, TEXT};
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Hash, Key};
use halloo::proto::{Error, Framing};
use halloo::service::{CloseAfter, Echo, Service, Timestamp};
use jiff::civil::date;
use proptest::collection::vec;
use proptest::prelude::*;

/// All that can be seen of a session from outside, once it has read everything.
type Outcome = (Vec<u8>, Vec<String>, Vec<u8>, Option<Error>, bool);

fn outcome(mut endpoint: Endpoint, framing: Framing) -> Outcome {
    endpoint.take_output();
    let owns_heap = endpoint.session().heap_bytes() > 0;
    endpoint.receive_eof();
    endpoint.take_output();
    // Raw bytes know no messages, so only their sequence is compared.
    let events = match framing {
        Framing::Raw => Vec::new(),
        _ => endpoint.events().iter().map(|event| format!("{event:?}")).collect(),
    };
    let bytes = endpoint.journal().bytes();
    (endpoint.output().to_vec(), events, bytes, endpoint.error(), owns_heap)
}

/// Holds a server that gets `bytes` whole against one that gets them in pieces, and whose answers are
/// taken in pieces.
fn assert_invariant(setup: &Setup, bytes: &[u8], cuts: &[usize]) {
    assert_invariant_from(Setup::server, setup, bytes, cuts);
}

/// The same, with endpoints that `begin` brought as far as the bytes belong to.
fn assert_invariant_from(
    begin: fn(&Setup) -> Endpoint,
    setup: &Setup,
    bytes: &[u8],
    cuts: &[usize],
) {
    let mut whole = begin(setup);
    whole.receive_at_once(bytes);
    let expected = outcome(whole, setup.framing);
    for capacity in CAPACITIES {
        let mut pieces = begin(&Setup { capacity, ..setup.clone() });
        pieces.write_slowly(cuts[0]);
        receive_cut(&mut pieces, bytes, cuts);
        let found = outcome(pieces, setup.framing);
        assert_eq!(found.3, expected.3, "the error");
        assert_eq!(found.1, expected.1, "the events");
        assert!(found == expected, "the bytes, or what is kept of them");
    }
}

pub(crate) fn receive_cut(server: &mut Endpoint, mut bytes: &[u8], cuts: &[usize]) {
    for &cut in cuts.iter().cycle() {
        if bytes.is_empty() {
            return;
        }
        let (read, rest) = bytes.split_at(cut.min(bytes.len()));
        server.receive_at_once(read);
        bytes = rest;
    }
}

fn websocket() -> Setup {
    Setup { capacity: CAPACITIES[1], ..Setup::new(Framing::WebSocket) }
}

/// What a server would send, were it as careless as these clients.
fn unmasked(frames: &[u8]) -> Vec<u8> {
    let frames = wire::frames(frames).into_iter();
    frames.flat_map(|frame| wire::unmasked(frame.first, &frame.payload)).collect()
}

fn demanding(framing: Framing, encoding: Encoding) -> Setup {
    let keys = vec![Key::new(b"sesame".to_vec())];
    let auth = Some(Auth { hash: Hash::Sha256, encoding, keys });
    Setup { auth, ..Setup::new(framing) }
}

/// The right answer to the challenge that such a server begins with.
fn right_answer(setup: &Setup) -> Vec<u8> {
    let server = setup.server();
    let challenge = server.output().last_chunk::<CHALLENGE_BYTES>().expect("it has begun");
    setup.auth.as_ref().expect("it demands an answer").response(challenge)
}

fn small() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TRIES, failure_persistence: None, ..Default::default() })]

    #[test]
    fn of_frames_that_are_echoed(bytes in spoiled(valid()), cuts in cuts()) {
        assert_invariant(&websocket(), &bytes, &cuts);
    }

    #[test]
    fn of_frames_that_are_collected(bytes in spoiled(valid()), cuts in cuts()) {
        let service: fn() -> Box<dyn Service> = || {
            Box::new(Timestamp::new(Box::new(|| date(2018, 5, 10).at(22, 0, 19, 0))))
        };
        assert_invariant(&Setup { service, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_to_a_service_that_closes(bytes in spoiled(valid()), cuts in cuts()) {
        let service: fn() -> Box<dyn Service> = || Box::new(CloseAfter::new(2, Echo));
        assert_invariant(&Setup { service, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_under_a_small_limit(bytes in spoiled(valid()), cuts in cuts()) {
        assert_invariant(&Setup { message_bytes_max: 500, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_to_a_client(
        bytes in spoiled(valid().prop_map(|frames| unmasked(&frames))),
        client_takes_whole in any::<bool>(),
        cuts in cuts(),
    ) {
        let client_service: fn() -> Box<dyn Service> = || Box::new(Echo);
        let echoing = Setup { client_takes_whole: true, client_service, ..websocket() };
        let setup = if client_takes_whole { echoing } else { websocket() };
        assert_invariant_from(|setup| setup.pair().client, &setup, &bytes, &cuts);
    }

    #[test]
    fn of_requests(
        request in spoiled(Just(wire::REQUEST.to_vec())),
        frames in valid(),
        cuts in cuts(),
    ) {
        let bytes = [request, frames].concat();
        assert_invariant_from(Setup::silent_server, &websocket(), &bytes, &cuts);
    }

    #[test]
    fn of_bare_answers(bytes in small(), is_right in any::<bool>(), cuts in cuts()) {
        for encoding in [Encoding::Raw, Encoding::Hex] {
            let setup = demanding(Framing::Line, encoding);
            let answer = if is_right { right_answer(&setup) } else { Vec::new() };
            assert_invariant(&setup, &[answer, bytes.clone()].concat(), &cuts);
        }
    }

    #[test]
    fn of_answers_in_frames(
        frames in spoiled(valid()),
        is_right in any::<bool>(),
        cuts in cuts(),
    ) {
        let setup = demanding(Framing::WebSocket, Encoding::Hex);
        let answer = wire::masked(TEXT, &right_answer(&setup));
        let answer = if is_right { answer } else { Vec::new() };
        assert_invariant(&setup, &[answer, frames].concat(), &cuts);
    }

    #[test]
    fn of_lines(bytes in small(), cuts in cuts(), message_bytes_max in 1..400_u64) {
        let setup = Setup { message_bytes_max, ..Setup::new(Framing::Line) };
        assert_invariant(&setup, &bytes, &cuts);
    }

    #[test]
    fn of_raw_bytes(bytes in small(), cuts in cuts()) {
        assert_invariant(&Setup::new(Framing::Raw), &bytes, &cuts);
    }
}

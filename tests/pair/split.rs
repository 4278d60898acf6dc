//! Any split of the input gives the same events, the same output and the same error.

use crate::endpoint::Endpoint;
use crate::pair::{CAPACITIES, Setup, TRIES};
use crate::streams::{corrupted, cuts, valid};
use crate::wire::{self, TEXT};
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Hash, Key};
use halloo::proto::{Error, Framing};
use halloo::service::{CloseAfter, Echo, Service, Timestamp};
use jiff::civil::date;
use proptest::collection::vec;
use proptest::prelude::*;

/// The visible results of a session after all input: output, events, message bytes, error, and
/// whether it owned heap before the end of input.
type Outcome = (Vec<u8>, Vec<String>, Vec<u8>, Option<Error>, bool);

fn outcome(mut endpoint: Endpoint, framing: Framing) -> Outcome {
    endpoint.take_output();
    let owns_heap = endpoint.session().heap_bytes() > 0;
    endpoint.receive_eof();
    endpoint.take_output();
    // Raw framing has no message boundaries, so only the bytes are compared.
    let events = match framing {
        Framing::Raw => Vec::new(),
        _ => endpoint.events().iter().map(|event| format!("{event:?}")).collect(),
    };
    let bytes = endpoint.journal().bytes();
    (endpoint.output().to_vec(), events, bytes, endpoint.error(), owns_heap)
}

/// Compares a server that receives `bytes` at once with one that receives them in pieces, and whose
/// output is written in pieces.
fn assert_invariant(setup: &Setup, bytes: &[u8], cuts: &[usize]) {
    assert_invariant_from(Setup::server, setup, bytes, cuts);
}

/// As [`assert_invariant`], with endpoints created by `begin` in the state that `bytes` requires.
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
        assert!(found == expected, "the output, the message bytes, or the heap");
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

/// The same frames as a server would send them.
fn unmasked(frames: &[u8]) -> Vec<u8> {
    let frames = wire::frames(frames).into_iter();
    frames.flat_map(|frame| wire::unmasked(frame.first, &frame.payload)).collect()
}

fn demanding(framing: Framing, encoding: Encoding) -> Setup {
    let keys = vec![Key::new(b"sesame".to_vec())];
    let auth = Some(Auth { hash: Hash::Sha256, encoding, keys });
    Setup { auth, ..Setup::new(framing) }
}

/// The correct response to the server's challenge.
fn correct_response(setup: &Setup) -> Vec<u8> {
    let server = setup.server();
    let challenge = server.output().last_chunk::<CHALLENGE_BYTES>().expect("a challenge was sent");
    setup.auth.as_ref().expect("the setup demands a response").response(challenge)
}

fn small() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![3 => any::<u8>(), 1 => Just(b'\n')], 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TRIES, failure_persistence: None, ..Default::default() })]

    #[test]
    fn of_echoed_frames(bytes in corrupted(valid()), cuts in cuts()) {
        assert_invariant(&websocket(), &bytes, &cuts);
    }

    #[test]
    fn of_assembled_frames(bytes in corrupted(valid()), cuts in cuts()) {
        let service: fn() -> Box<dyn Service> = || {
            Box::new(Timestamp::new(|| date(2018, 5, 10).at(22, 0, 19, 0)))
        };
        assert_invariant(&Setup { service, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_to_a_service_that_closes(bytes in corrupted(valid()), cuts in cuts()) {
        let service: fn() -> Box<dyn Service> = || Box::new(CloseAfter::new(2, Echo));
        assert_invariant(&Setup { service, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_under_a_small_limit(bytes in corrupted(valid()), cuts in cuts()) {
        assert_invariant(&Setup { message_bytes_max: 500, ..websocket() }, &bytes, &cuts);
    }

    #[test]
    fn of_frames_to_a_client(
        bytes in corrupted(valid().prop_map(|frames| unmasked(&frames))),
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
        request in corrupted(Just(wire::REQUEST.to_vec())),
        frames in valid(),
        cuts in cuts(),
    ) {
        let bytes = [request, frames].concat();
        assert_invariant_from(Setup::silent_server, &websocket(), &bytes, &cuts);
    }

    #[test]
    fn of_bare_responses(bytes in small(), is_correct in any::<bool>(), cuts in cuts()) {
        for encoding in [Encoding::Raw, Encoding::Hex] {
            let setup = demanding(Framing::Line, encoding);
            let response = if is_correct { correct_response(&setup) } else { Vec::new() };
            assert_invariant(&setup, &[response, bytes.clone()].concat(), &cuts);
        }
    }

    #[test]
    fn of_responses_in_frames(
        frames in corrupted(valid()),
        is_correct in any::<bool>(),
        cuts in cuts(),
    ) {
        let setup = demanding(Framing::WebSocket, Encoding::Hex);
        let response = wire::masked(TEXT, &correct_response(&setup));
        let response = if is_correct { response } else { Vec::new() };
        assert_invariant(&setup, &[response, frames].concat(), &cuts);
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

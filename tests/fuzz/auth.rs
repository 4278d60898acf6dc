//! Answers to a challenge, bare and in WebSocket messages: only the right one opens a session.

use crate::input::Input;
use crate::invariants;
use crate::journal::Event;
use crate::pair::Setup;
use crate::wire::{self, BINARY, TEXT};
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Hash, Key, UNAUTHENTICATED_BYTES_MAX};
use halloo::proto::{Error, Framing};

/// What nobody may send without being judged: what the limit allows, and then the longest header
/// but for its last byte, which is charged when it is whole (RFC 6455 §5.2: 14 bytes with a masking
/// key).
const JUDGED_AT_BYTES: usize = UNAUTHENTICATED_BYTES_MAX as usize + 14;

/// The first byte chooses: the framing, the hash, the encoding, and whether the right answer comes
/// first.
pub fn check(bytes: &[u8]) {
    let Some(input) = Input::new(bytes) else { return };
    let framing = match input.one_of_four(0) {
        0 => Framing::Line,
        1 => Framing::Raw,
        _ => Framing::WebSocket,
    };
    let hash = if input.chooses(2) { Hash::Md5 } else { Hash::Sha256 };
    let encoding = if input.chooses(3) { Encoding::Hex } else { Encoding::Raw };
    let keys = [&b"sesame"[..], b"another"].map(|key| Key::new(key.to_vec())).to_vec();
    let auth = Auth { hash, encoding, keys };
    let is_right = input.chooses(4);
    let answer = if is_right { right_answer(&auth, framing) } else { Vec::new() };
    let setup = Setup { auth: Some(auth), ..Setup::new(framing) };

    let bytes = [&answer[..], input.bytes].concat();
    let begin = || setup.server();
    // What one read brings is a raw message, so how it is cut is for the service to see.
    let cuts = if framing == Framing::Raw { [usize::MAX; 2] } else { input.cuts };
    let server = invariants::assert_all(begin, &bytes, cuts);
    assert_eq!(server.events().first() == Some(&Event::Open), is_right, "who is let in");
    let waited = server.error() == Some(Error::AuthTruncated);
    assert!(!waited || input.bytes.len() < JUDGED_AT_BYTES, "who talks is judged");
}

/// The right answer to the challenge that every such server begins with.
fn right_answer(auth: &Auth, framing: Framing) -> Vec<u8> {
    let setup = Setup { auth: Some(auth.clone()), ..Setup::new(framing) };
    let server = setup.server();
    let challenge = server.output().last_chunk::<CHALLENGE_BYTES>().expect("it has begun");
    let answer = auth.response(challenge);
    match (framing, auth.encoding) {
        (Framing::WebSocket, Encoding::Hex) => wire::masked(TEXT, &answer),
        (Framing::WebSocket, Encoding::Raw) => wire::masked(BINARY, &answer),
        _ => answer,
    }
}

//! What holds for every session, whatever it is sent.

use crate::endpoint::Endpoint;
use halloo::proto::{Role, Stage};

/// More than what a session says unasked: a 101 or a refusal, a challenge, a Close.
const WORDS_BYTES_MAX: usize = 1024;

/// The most heap of an idle session with context takeover: two windows of 32 KiB, and what vectors
/// reserve for their growth.
const HISTORIES_BYTES_MAX: usize = 160 * 1024;

/// Gives `bytes` to one session whole and to another in pieces: they must say and tell the same.
/// Returns the first, behind the end of its input.
///
/// That a `Partial` changes nothing is checked by [`Endpoint`] at every one of them, and so is that
/// the number of steps is bounded by that of the bytes.
pub(crate) fn assert_all(begin: impl Fn() -> Endpoint, bytes: &[u8], cuts: [usize; 2]) -> Endpoint {
    let mut whole = begin();
    whole.take_output();
    let said_before = whole.output().len();
    whole.receive_at_once(bytes);
    whole.take_output();

    let mut pieces = begin();
    pieces.take_output();
    pieces.write_slowly(cuts[0]);
    receive_cut(&mut pieces, bytes, cuts);
    pieces.take_output();

    assert_same(&whole, &pieces, "before the end");
    assert_heap(&whole);
    assert_heap(&pieces);
    assert_eq!(heap_is_owned(&whole), heap_is_owned(&pieces), "what is unfinished");
    assert_bounded(&whole, whole.output().len() - said_before, bytes.len());
    for endpoint in [&mut whole, &mut pieces] {
        endpoint.receive_eof();
        endpoint.take_output();
        assert_eq!(endpoint.stage(), Stage::Closing);
    }
    assert_same(&whole, &pieces, "behind the end");
    whole
}

/// Gives the bytes in pieces of these sizes, by turns.
fn receive_cut(endpoint: &mut Endpoint, mut bytes: &[u8], cuts: [usize; 2]) {
    for cut in cuts.into_iter().cycle() {
        if bytes.is_empty() {
            return;
        }
        let (read, rest) = bytes.split_at(cut.min(bytes.len()));
        endpoint.receive_at_once(read);
        bytes = rest;
    }
}

fn assert_same(whole: &Endpoint, pieces: &Endpoint, when: &str) {
    assert_eq!(pieces.error(), whole.error(), "the error, {when}");
    assert_eq!(pieces.events(), whole.events(), "the messages, {when}");
    assert_eq!(pieces.journal().unended(), whole.journal().unended(), "the last message, {when}");
    assert_eq!(pieces.stage(), whole.stage(), "the stage, {when}");
    assert!(pieces.output() == whole.output(), "the answers, {when}");
}

fn heap_is_owned(endpoint: &Endpoint) -> bool {
    endpoint.session().heap_bytes() > 0
}

/// An idle session owns no heap, or with context takeover only what later messages may refer to.
fn assert_heap(endpoint: &Endpoint) {
    let session = endpoint.session();
    let is_idle = session.stage() >= Stage::Open
        && session.tail().is_empty()
        && session.pending().is_empty()
        && session.is_between_messages();
    let takeover = session.config().deflate.is_some_and(|settings| settings.context_takeover);
    let allowed = if takeover { HISTORIES_BYTES_MAX } else { 0 };
    if is_idle {
        let owned = session.heap_bytes();
        assert!(owned <= allowed, "an idle session owns {owned} bytes of heap");
    }
}

/// Answers are no longer than what they answer. What was decompressed counts as it came out; a
/// client adds a masking key to each frame, of which the shortest it receives has two bytes.
fn assert_bounded(endpoint: &Endpoint, said: usize, heard: usize) {
    let config = endpoint.session().config();
    let frames = if config.role == Role::Client { 2 * heard } else { 0 };
    let inflated = match config.deflate {
        // The quick level may spend nine bits on a byte, and a few bytes on each message.
        Some(_) => 2 * endpoint.journal().bytes().len() + 2 * heard,
        None => 0,
    };
    let allowed = heard + frames + inflated + WORDS_BYTES_MAX;
    assert!(said <= allowed, "{said} bytes in answer to {heard}, at most {allowed}");
}

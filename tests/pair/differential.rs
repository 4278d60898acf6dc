//! Comparison with another implementation: the same frames must give the same messages.
//!
//! For corrupted frames, we may reject more than the other implementation, and earlier; but it must
//! accept everything that we accept.

use crate::journal::Event;
use crate::oracle;
use crate::pair::{CAPACITIES, Setup, TRIES};
use crate::streams::{corrupted, cuts, valid};
use halloo::proto::{Error, Framing, Limits};
use proptest::prelude::*;
use tungstenite::Message;

/// The messages that the other server receives, and whether it found no error.
fn theirs(bytes: &[u8]) -> (Vec<Message>, bool) {
    // The same limit as ours: without one, it would reserve any length that a header announces.
    let (messages, error) = oracle::receive(bytes, Limits::default().message_bytes_max as usize);
    (messages, error.is_none())
}

/// The messages that our server receives, and its error.
fn ours(bytes: &[u8], cuts: &[usize]) -> (Vec<Message>, Option<Error>) {
    let setup = Setup { capacity: CAPACITIES[0], ..Setup::new(Framing::WebSocket) };
    let mut server = setup.server();
    crate::split::receive_cut(&mut server, bytes, cuts);
    let message = |event| match event {
        Event::Open => None,
        Event::Text(text) => Some(Message::text(text)),
        Event::Binary(payload) => Some(Message::binary(payload.to_vec())),
    };
    (server.events().into_iter().filter_map(message).collect(), server.error())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TRIES, failure_persistence: None, ..Default::default() })]

    #[test]
    fn valid_frames_give_the_same_messages(bytes in valid(), cuts in cuts()) {
        let (our_messages, error) = ours(&bytes, &cuts);
        let (their_messages, is_right) = theirs(&bytes);
        prop_assert!(is_right);
        prop_assert_eq!(error, None);
        prop_assert!(our_messages == their_messages);
    }

    #[test]
    fn we_accept_nothing_that_the_other_rejects(bytes in corrupted(valid()), cuts in cuts()) {
        let (our_messages, error) = ours(&bytes, &cuts);
        let (their_messages, is_right) = theirs(&bytes);
        prop_assert!(their_messages.starts_with(&our_messages));
        if error.is_none() {
            prop_assert!(is_right);
            prop_assert_eq!(our_messages.len(), their_messages.len());
        }
    }
}

//! What another implementation makes of the same frames: it sees the messages that we see.
//!
//! Of spoiled frames we may refuse more than it does, and sooner; what we do accept it must accept too.

use crate::journal::Event;
use crate::pair::{CAPACITIES, Setup};
use crate::streams::{cuts, spoiled, valid};
use halloo::proto::{Error, Framing, Limits};
use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tungstenite::{Error as TheirError, Message};

/// A connection whose input is known beforehand, and whose output nobody reads.
struct Memory(Cursor<Vec<u8>>);

impl Read for Memory {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages that their server sees, and whether it found nothing wrong.
fn theirs(bytes: &[u8]) -> (Vec<Message>, bool) {
    // The same limit as ours: without one it would reserve whatever length a header claims.
    let limit = Some(Limits::default().message_bytes_max as usize);
    let config = WebSocketConfig::default().max_frame_size(limit).max_message_size(limit);
    let input = Memory(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(input, Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => messages.push(message),
            Ok(_) => {}
            Err(error) => {
                let is_wrong = matches!(
                    &error,
                    TheirError::Protocol(error)
                        if *error != tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
                ) || matches!(&error, TheirError::Utf8(_) | TheirError::Capacity(_));
                return (messages, !is_wrong);
            }
        }
    }
}

/// The messages that our server sees, and the rule it found broken.
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
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn valid_frames_are_the_same_messages(bytes in valid(), cuts in cuts()) {
        let (our_messages, error) = ours(&bytes, &cuts);
        let (their_messages, is_right) = theirs(&bytes);
        prop_assert!(is_right);
        prop_assert_eq!(error, None);
        prop_assert!(our_messages == their_messages);
    }

    #[test]
    fn we_accept_nothing_that_they_refuse(bytes in spoiled(valid()), cuts in cuts()) {
        let (our_messages, error) = ours(&bytes, &cuts);
        let (their_messages, is_right) = theirs(&bytes);
        prop_assert!(their_messages.starts_with(&our_messages));
        if error.is_none() {
            prop_assert!(is_right);
            prop_assert_eq!(our_messages.len(), their_messages.len());
        }
    }
}

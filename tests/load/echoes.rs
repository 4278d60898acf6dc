//! Servers that treat a known share of echoes wrongly: each wrong echo is counted as what it is,
//! and no other echo is.

use super::foreign::Foreign;
use super::measured::{bench, run, undisturbed};
use super::peer::{Peer, Whole, Wire};
use halloo::load::result::outcome::Messages;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Messages of a run.
const MESSAGES: u64 = 200;

/// The server mistreats echoes of this number of messages,
const WRONGS: u64 = 5;

/// of each run of this number the first ones.
const WRONG_EVERY: u64 = 20;

/// Bytes of a message: a stamp of 24, and filler.
const BYTES: usize = 64;

const WIRES: [Wire; 3] = [Wire::WebSocket, Wire::Raw { bytes: BYTES }, Wire::Line];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Dropped,
    Twice,
    /// Echoed after the next message of its connection.
    Swapped,
    FlippedInStamp,
    FlippedInFiller,
    OtherOpcode,
    SomethingElse,
    Shorter,
    /// Not an error at all.
    InFragments,
}

#[test]
fn each_wrong_echo_is_counted_as_what_it_is() {
    let fine = Messages { sent: MESSAGES, received: MESSAGES, ..Messages::default() };
    let corrupted = Messages { corrupted: WRONGS, ..fine };
    let cases = [
        (Wrong::Dropped, Messages { received: MESSAGES - WRONGS, lost: WRONGS, ..fine }),
        (Wrong::Twice, Messages { duplicated: WRONGS, ..fine }),
        (Wrong::Swapped, Messages { reordered: WRONGS, ..fine }),
        (Wrong::FlippedInStamp, corrupted),
        (Wrong::FlippedInFiller, corrupted),
        (Wrong::OtherOpcode, Messages { opcode_changed: WRONGS, ..fine }),
        (Wrong::SomethingElse, corrupted),
        (Wrong::Shorter, corrupted),
        (Wrong::InFragments, fine),
    ];
    for (wrong, expected) in cases {
        for wire in WIRES.into_iter().filter(|&wire| wrong.is_possible(wire)) {
            let server = server(wire, wrong, Duration::ZERO);
            let flags = "-c 2 --depth 4 --warmup off --reply-timeout 1s --accept-invalid";
            let measured = bench(&server.url(), &format!("-n {MESSAGES} {flags}"));
            let outcome = &measured.outcome;
            assert_eq!(outcome.messages, expected, "{wrong:?} over {wire:?}");
            assert_eq!((outcome.errors.len(), outcome.endings.len()), (0, 0), "{outcome:#?}");
            let connections = outcome.connections;
            let counts = (connections.established, connections.failed, connections.lost);
            assert_eq!(counts, (2, 0, 0), "{wrong:?} over {wire:?}");
            assert_eq!(measured.code, Some(0), "{}", measured.stderr);
        }
    }
}

#[test]
fn wrong_echoes_keep_the_run_valid_and_can_fail_a_threshold() {
    // The server responds slowly, so that the load generator has almost nothing to do.
    let slow = || server(Wire::WebSocket, Wrong::Twice, Duration::from_millis(4));
    let flags = "-n 200 -c 2 --warmup off";
    let measured = undisturbed(slow, flags, |_| false);
    measured.assert_verdict("VALID", &[]);
    assert_eq!(measured.outcome.messages.duplicated, WRONGS);
    let finished = run("bench", &slow().url(), &format!("{flags} --fail-if errors>0"));
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    assert!(finished.stderr.contains("errors>0") && finished.stderr.contains('5'), "{finished:#?}");
    assert!(finished.stdout.contains("5 duplicated"), "the table is printed: {finished:#?}");
}

#[test]
fn waiting_for_lost_echoes_does_not_lower_the_rate() {
    let server = server(Wire::WebSocket, Wrong::Dropped, Duration::from_millis(1));
    let flags = "-n 200 -c 2 --depth 8 --warmup off --reply-timeout 3s --accept-invalid";
    let outcome = bench(&server.url(), flags).outcome;
    assert_eq!((outcome.messages.received, outcome.messages.lost), (195, 5));
    assert!(outcome.duration_s < 2.0, "{} s", outcome.duration_s);
    let per_second = 195.0 / outcome.duration_s;
    assert!((outcome.messages_per_second - per_second).abs() < 2.0, "{per_second}");
    assert_eq!(outcome.histograms.latency.count(), 195);
}

#[test]
fn an_echo_after_its_timeout_is_late_and_not_duplicate() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        let mut count = 0;
        while let Some(message) = peer.receive() {
            count += 1;
            if count == 10 {
                thread::sleep(Duration::from_millis(1_200));
            }
            peer.send(&message);
        }
    });
    let flags = "-c 1 -d 2s --warmup off --reply-timeout 500ms --accept-invalid";
    let outcome = bench(&server.url(), flags).outcome;
    let Messages { lost, late, .. } = outcome.messages;
    assert_eq!((late, outcome.histograms.beyond), (lost, lost), "{:?}", outcome.messages);
    assert!(outcome.messages.lost > 0, "{:?}", outcome.messages);
    assert_eq!(outcome.messages.duplicated, 0);
}

/// Echoes after this pause, and mistreats the given share.
fn server(wire: Wire, wrong: Wrong, rest: Duration) -> Foreign {
    let seen = Arc::new(Mutex::new((0, 0)));
    Foreign::start(wire, move |mut peer, _| {
        let mut held = None;
        while let Some(message) = peer.receive() {
            thread::sleep(rest);
            let is_its_turn = held.is_none() && {
                let (seen, done) = &mut *seen.lock().expect("no thread panics");
                *seen += 1;
                let is_its_turn = *seen >= WRONG_EVERY * (*done + 1) && *done < WRONGS;
                *done += u64::from(is_its_turn);
                is_its_turn
            };
            match is_its_turn {
                true => held = wrong.do_to(message, &mut peer),
                false => {
                    peer.send(&message);
                    held.take().iter().for_each(|held| peer.send(held));
                }
            }
        }
    })
}

impl Wrong {
    /// Only WebSocket has opcodes and fragments, and raw bytes do not show where a shorter message
    /// ends.
    fn is_possible(self, wire: Wire) -> bool {
        match self {
            Self::OtherOpcode | Self::InFragments => wire == Wire::WebSocket,
            Self::Shorter => !matches!(wire, Wire::Raw { .. }),
            _ => true,
        }
    }

    /// Treats a message in this way. `held` receives a response that must follow the next message.
    fn do_to(self, mut message: Whole, peer: &mut Peer) -> Option<Whole> {
        match self {
            Self::Dropped => return None,
            Self::Swapped => return Some(message),
            Self::InFragments => {
                peer.send_in_fragments(&message);
                return None;
            }
            Self::Twice => peer.send(&message),
            // Flipping the lowest bit makes neither a newline nor invalid text.
            Self::FlippedInStamp => message.payload[12] ^= 1,
            Self::FlippedInFiller => message.payload[40] ^= 1,
            Self::OtherOpcode => message.is_text = !message.is_text,
            Self::SomethingElse => message.payload[..BYTES - 1].fill(b'?'),
            Self::Shorter => drop(message.payload.drain(30..31)),
        }
        peer.send(&message);
        None
    }
}

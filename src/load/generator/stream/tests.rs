//! Streams with faults, in pieces of any size.

use super::*;
use crate::load::generator::in_flight::InFlight;
use crate::load::generator::payload::{Contents, Stamp};
use crate::load::plan::Content;
use crate::proto::Framing;
use Seen::{Echoed, Rest, Unknown};

const CONNECTION: u32 = 7;
const NOW: u64 = 5_000_000_000;

/// What a stream reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Echoed(Echo),
    Unknown,
    Rest,
}

fn contents(framing: Framing, bytes: usize) -> Contents {
    Contents::new(&Content::Stamped { bytes, binary: true }, framing)
}

/// Messages in flight, and their bytes.
fn sent_messages(contents: &Contents, count: u64) -> (InFlight, Vec<Vec<u8>>) {
    let mut in_flight = InFlight::default();
    let messages = (0..count).map(|number| {
        in_flight.push(NOW + number);
        message(contents, number)
    });
    let messages = messages.collect();
    (in_flight, messages)
}

fn message(contents: &Contents, number: u64) -> Vec<u8> {
    let stamp = Stamp { number, connection: CONNECTION, time: NOW + number };
    contents.message(stamp).slices().concat()
}

/// What a stream reports, which must be the same in pieces of any size.
#[track_caller]
fn read(contents: &Contents, count: u64, bytes: &[u8]) -> Vec<Seen> {
    let whole = read_by(contents, count, bytes, usize::MAX);
    for size in [1, 2, 5, 23, 24, 25, 63, 64, 65, 100] {
        let pieces = read_by(contents, count, bytes, size);
        assert_eq!(pieces, whole, "in pieces of {size}");
    }
    whole
}

fn read_by(contents: &Contents, count: u64, bytes: &[u8], size: usize) -> Vec<Seen> {
    let (mut in_flight, _) = sent_messages(contents, count);
    let mut stream = Stream::new();
    let mut seen = Vec::new();
    for mut piece in bytes.chunks(size.min(bytes.len().max(1))) {
        while !piece.is_empty() {
            let now = NOW + 1_000;
            let sender = Sender { contents, in_flight: &in_flight, connection: CONNECTION, now };
            let (used, echo) = stream.take(sender, piece);
            piece = &piece[used..];
            note_junk(&mut stream, &mut seen);
            if let Some(Echo::Intact(number) | Echo::Corrupted(number)) = echo {
                in_flight.complete(number).expect("it was in flight");
            }
            seen.extend(echo.map(Echoed));
        }
    }
    let now = NOW + 1_000;
    stream.give_up(Sender { contents, in_flight: &in_flight, connection: CONNECTION, now });
    note_junk(&mut stream, &mut seen);
    seen
}

fn note_junk(stream: &mut Stream, seen: &mut Vec<Seen>) {
    let Some(junk) = stream.take_junk() else { return };
    seen.extend((0..junk.messages).map(|index| match index == 0 && junk.begins {
        true => Unknown,
        false => Rest,
    }));
}

fn intact(numbers: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    numbers.into_iter().map(|number| Echoed(Echo::Intact(number))).collect()
}

const FRAMINGS: [Framing; 2] = [Framing::Raw, Framing::Line];

#[test]
fn echoes_are_found_in_pieces_of_any_size_and_in_any_order() {
    for framing in FRAMINGS {
        for bytes in [2, 5, 8, 20, 24, 25, 26, 64, 300] {
            let contents = contents(framing, bytes);
            let (_, messages) = sent_messages(&contents, 4);
            assert_eq!(read(&contents, 4, &messages.concat()), intact(0..4), "{bytes}");
            let swapped = [&messages[1][..], &messages[0], &messages[3], &messages[2]].concat();
            assert_eq!(read(&contents, 4, &swapped), intact([1, 0, 3, 2]), "{bytes}");
            let one_lost = [&messages[0][..], &messages[2], &messages[3]].concat();
            assert_eq!(read(&contents, 4, &one_lost), intact([0, 2, 3]), "{bytes}");
        }
    }
}

#[test]
fn a_banner_is_one_unknown_message_and_costs_nothing_else() {
    for (framing, banner) in FRAMINGS.into_iter().zip(["220 ready ", "220 ready\n"]) {
        let contents = contents(framing, 64);
        let (_, messages) = sent_messages(&contents, 3);
        let expected = [vec![Unknown], intact(0..3)].concat();
        let bytes = [banner.as_bytes(), &messages.concat()].concat();
        assert_eq!(read(&contents, 3, &bytes), expected);
    }
    let contents = contents(Framing::Line, 64);
    assert_eq!(read(&contents, 1, b"one\ntwo\n\n"), [Unknown, Unknown, Unknown]);
    let long = [vec![b'!'; 64 + 33], message(&contents, 0)].concat();
    assert_eq!(read(&contents, 1, &long), [Unknown, Rest, Echoed(Echo::Intact(0))]);
}

#[test]
fn a_byte_that_is_lost_costs_one_message_wherever_it_was() {
    for framing in FRAMINGS {
        let contents = contents(framing, 64);
        let (_, messages) = sent_messages(&contents, 4);
        for lost in 0..64 {
            let mut bytes = messages.concat();
            bytes.remove(64 + lost);
            let seen = read(&contents, 4, &bytes);
            // A byte like its neighbour may be missing from either message.
            let bad = if seen[1] == Echoed(Echo::Intact(1)) { 2 } else { 1 };
            assert_eq!(seen.iter().filter(|seen| !is_intact(seen)).count(), 1, "{lost}: {seen:?}");
            assert!(is_fault_of(seen[bad], bad as u64), "{lost}: {seen:?}");
        }
    }
}

#[test]
fn a_byte_that_is_inserted_costs_one_message_at_most() {
    for framing in FRAMINGS {
        let contents = contents(framing, 64);
        let (_, messages) = sent_messages(&contents, 4);
        for inserted in [b'!', b'a', b'\n'] {
            for place in 1..64 {
                let mut bytes = messages.concat();
                bytes.insert(64 + place, inserted);
                let seen = read(&contents, 4, &bytes);
                let bad = seen.iter().filter(|seen| !is_intact(seen)).count();
                let good = seen.iter().filter(|seen| is_intact(seen)).count();
                // A newline in the stamp makes two lines of junk.
                let is_split = framing == Framing::Line && inserted == b'\n' && place < 24;
                let bad_max = if is_split { 2 } else { 1 };
                assert!(bad <= bad_max && good >= 3, "{inserted} at {place}: {seen:?}");
            }
        }
    }
}

fn is_intact(seen: &Seen) -> bool {
    matches!(seen, Echoed(Echo::Intact(_)))
}

fn is_fault_of(seen: Seen, number: u64) -> bool {
    seen == Unknown || seen == Echoed(Echo::Corrupted(number))
}

#[test]
fn a_flipped_bit_costs_one_message() {
    for framing in FRAMINGS {
        let contents = contents(framing, 64);
        let (_, messages) = sent_messages(&contents, 3);
        for bit in 0..64 * 8 {
            let mut bytes = messages.concat();
            bytes[64 + bit / 8] ^= 1 << (bit % 8);
            let seen = read(&contents, 3, &bytes);
            assert_eq!(seen.len(), 3, "{bit}: {seen:?}");
            assert!(is_fault_of(seen[1], 1), "{bit}: {seen:?}");
            assert!(is_intact(&seen[0]) && is_intact(&seen[2]), "{bit}: {seen:?}");
        }
    }
}

#[test]
fn a_short_response_is_unknown_before_more_comes() {
    let contents = contents(Framing::Raw, 64);
    let (in_flight, _) = sent_messages(&contents, 1);
    let sender =
        Sender { contents: &contents, in_flight: &in_flight, connection: CONNECTION, now: NOW };
    let mut stream = Stream::new();
    assert_eq!(stream.take(sender, b"error: busy"), (11, None));
    assert_eq!(stream.take_junk(), Some(Junk { messages: 1, begins: true }));
    assert_eq!(stream.sample(), b"error: busy");
    // Only characters of a stamp may be the beginning of one.
    let mut stream = Stream::new();
    assert_eq!(stream.take(sender, b"busy"), (4, None));
    assert_eq!(stream.take_junk(), None);
    stream.give_up(sender);
    assert_eq!(stream.take_junk(), Some(Junk { messages: 1, begins: true }));
}

#[test]
fn the_search_is_linear() {
    let contents = contents(Framing::Raw, 64);
    let (in_flight, _) = sent_messages(&contents, 1);
    let sender =
        Sender { contents: &contents, in_flight: &in_flight, connection: CONNECTION, now: NOW };
    // Every window has the characters of a stamp. Four bytes at a time, this is slow if the search
    // is not linear.
    let junk = vec![b'z'; 1 << 20];
    let mut stream = Stream::new();
    for piece in junk.chunks(4) {
        assert_eq!(stream.take(sender, piece), (4, None));
    }
    stream.take_junk();
    assert_eq!(stream.take(sender, &message(&contents, 0)), (64, Some(Echo::Intact(0))));
}

#[test]
fn a_message_of_another_connection_is_misdelivered() {
    let contents = contents(Framing::Raw, 64);
    let stamp = Stamp { number: 3, connection: 1, time: NOW };
    let other = contents.message(stamp).slices().concat();
    let bytes = [&message(&contents, 0)[..], &other, &message(&contents, 1)].concat();
    let expected = [Echo::Intact(0), Echo::Misdelivered, Echo::Intact(1)].map(Echoed);
    assert_eq!(read(&contents, 2, &bytes), expected);
}

//! Random streams of client frames, valid and corrupted.

use crate::pair::BEYOND_ONE;
use crate::wire::{self, BINARY, CLOSE, LAST, NEXT, PING, PONG, TEXT};
use proptest::collection::vec;
use proptest::prelude::*;

/// The maximum length of a random long message: longer than the smaller buffer.
const LONG_BYTES_MAX: usize = 2 * BEYOND_ONE;

/// One message or control frame, as the bytes of its frames.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let text =
        vec(prop_oneof![Just('a'), Just('ß'), Just('水'), Just('🎉'), any::<char>()], 0..200)
            .prop_map(|points| points.into_iter().collect::<String>().into_bytes());
    let binary = vec(any::<u8>(), 0..400);
    let long = (0..LONG_BYTES_MAX).prop_map(|len| vec![b'~'; len]);
    let short = vec(any::<u8>(), 0..=125);
    prop_oneof![
        4 => message(TEXT, text),
        4 => message(BINARY, binary),
        1 => message(TEXT, long.clone()),
        1 => message(BINARY, long),
        2 => short.clone().prop_map(|payload| wire::masked(PING, &payload)),
        1 => short.prop_map(|payload| wire::masked(PONG, &payload)),
    ]
}

/// A message in up to five fragments, split anywhere, with pings in between.
fn message(kind: u8, payload: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let cuts = vec((any::<prop::sample::Index>(), any::<bool>()), 0..5);
    (payload, cuts).prop_map(move |(payload, cuts)| {
        let index =
            |(cut, pinged): (prop::sample::Index, bool)| (cut.index(payload.len() + 1), pinged);
        let mut cuts: Vec<_> = cuts.into_iter().map(index).collect();
        cuts.sort_unstable();
        let mut opcode = kind & !LAST;
        let mut bytes = Vec::new();
        let mut start = 0;
        for (cut, pinged) in cuts {
            bytes.extend(wire::masked(opcode, &payload[start..cut]));
            if pinged {
                bytes.extend(wire::masked(PING, b"between"));
            }
            (opcode, start) = (NEXT, cut);
        }
        bytes.extend(wire::masked(LAST | opcode, &payload[start..]));
        bytes
    })
}

/// Valid frames, possibly followed by a Close frame.
pub(crate) fn valid() -> impl Strategy<Value = Vec<u8>> {
    let close = prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(wire::masked(CLOSE, b"")),
        1 => Just(wire::masked(CLOSE, b"\x03\xe8bye")),
    ];
    (vec(item(), 0..8), close).prop_map(|(items, close)| [items.concat(), close].concat())
}

/// One corruption of a stream.
#[derive(Debug, Clone)]
enum Corruption {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    CutOff(prop::sample::Index),
}

impl Corruption {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        // Only the front is corrupted, where headers are frequent: in long payloads they are rare.
        let place = |index: &prop::sample::Index| index.index(bytes.len().min(2000));
        match self {
            Self::Flip(index, bit) => {
                let place = place(index);
                bytes[place] ^= 1 << (bit % 8);
            }
            Self::Insert(index, byte) => bytes.insert(place(index), *byte),
            Self::Remove(index) => {
                let place = place(index);
                bytes.remove(place);
            }
            Self::CutOff(index) => bytes.truncate(index.index(bytes.len())),
        }
    }
}

fn corruption() -> impl Strategy<Value = Corruption> {
    use prop::sample::Index;
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(index, bit)| Corruption::Flip(index, bit)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(index, byte)| Corruption::Insert(index, byte)),
        1 => any::<Index>().prop_map(Corruption::Remove),
        1 => any::<Index>().prop_map(Corruption::CutOff),
    ]
}

/// Corrupts the bytes up to three times, or not at all.
pub(crate) fn corrupted(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (bytes, vec(corruption(), 0..4)).prop_map(|(mut bytes, corruptions)| {
        for corruption in corruptions {
            corruption.apply(&mut bytes);
        }
        bytes
    })
}

/// The sizes of the reads in which bytes arrive; repeated as necessary.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4_usize, 1..200_usize, 1..40_000_usize], 1..20)
}

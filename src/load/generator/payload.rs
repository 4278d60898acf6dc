//! The content of messages: a stamp with connection, number and time, and filler that is specific
//! to this message. The stamp identifies an echo, and any change to the message is detected.
//!
//! ```text
//! | number, 48 bits | connection and check, 24 bits each | time in ns, 48 bits | filler … |
//! |   8 characters  |            8 characters            |    8 characters     |          |
//! ```
//!
//! Six bits are one printable character, so the same content is valid as text, as binary and as a
//! line. A message that is shorter than a stamp carries the first characters of one.

use crate::load::plan::Content;
use crate::proto::{Framing, Kind};

/// The number of characters of a stamp.
pub(in crate::load) const STAMP_BYTES: usize = 24;

/// The start of a message's filler depends on its number and connection, and varies by at most this
/// number of bytes: 4 KiB. So one message's filler does not pass for another's.
const FILLER_SHIFTS: u64 = 4096;

/// The lowest of the characters that encode six bits: '?'. The highest is '~'.
const ZERO: u8 = 0x3f;

/// The bits of a number and of a time in a stamp: 48. Times wrap around after 78 hours.
pub(in crate::load) const STAMP_BITS: u32 = 48;

/// The fields of a stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Stamp {
    /// The number of the message on its connection, from 0.
    pub(in crate::load) number: u64,
    /// The number of the connection in the whole run, from 0.
    pub(in crate::load) connection: u32,
    /// When the message was sent, in nanoseconds of our clock.
    pub(in crate::load) time: u64,
}

/// Creates the content of messages, all of one size.
#[derive(Debug)]
pub(in crate::load) struct Contents {
    kind: Kind,
    bytes: usize,
    is_stamped: bool,
    /// The text of every message, or bytes that fillers are cut from.
    source: Vec<u8>,
    /// The end of every message: a newline if messages are lines.
    terminator: &'static [u8],
}

/// The parts of a message, for sending and for comparison.
#[derive(Debug)]
pub(in crate::load) struct Parts<'a> {
    stamp: [u8; STAMP_BYTES],
    stamp_bytes: usize,
    filler: &'a [u8],
    terminator: &'static [u8],
}

impl Stamp {
    const MASK: u64 = (1 << STAMP_BITS) - 1;
    const CONNECTION_MASK: u32 = (1 << 24) - 1;

    /// How far a time in a stamp may be from the present, in ns: an hour. No response takes longer,
    /// and the processes of a run start within an hour of each other.
    const HOUR: u64 = 3_600_000_000_000;

    /// The highest number of a plausible message. A random stamp nearly always has a higher one.
    const NUMBER_MAX: u64 = 1 << 40;

    /// The fields of this stamp as a reader decodes them, reduced to their bits.
    pub(in crate::load) fn masked(self) -> Self {
        Self {
            number: self.number & Self::MASK,
            connection: self.connection & Self::CONNECTION_MASK,
            time: self.time & Self::MASK,
        }
    }

    /// Whether it may be from this run, at this time. The check alone accepts one in 16 million
    /// random strings; with this it is fewer than one in 10^13.
    pub(in crate::load) fn is_plausible(self, now: u64) -> bool {
        let age = now.wrapping_sub(self.time) & Self::MASK;
        let is_recent = !(Self::HOUR..=Self::MASK - Self::HOUR).contains(&age);
        let is_counted = !(Self::NUMBER_MAX..=Self::MASK - Self::NUMBER_MAX).contains(&self.number);
        is_recent && is_counted
    }

    #[inline]
    fn encode(self) -> [u8; STAMP_BYTES] {
        let number = self.number & Self::MASK;
        let time = self.time & Self::MASK;
        let connection = u64::from(self.connection & Self::CONNECTION_MASK);
        let middle = connection << 24 | check(number, connection, time);
        let mut characters = [0; STAMP_BYTES];
        characters[..8].copy_from_slice(&spread(number));
        characters[8..16].copy_from_slice(&spread(middle));
        characters[16..].copy_from_slice(&spread(time));
        characters
    }

    /// Decodes these characters, if they are an undamaged stamp.
    pub(in crate::load) fn decode(characters: &[u8; STAMP_BYTES]) -> Option<Self> {
        let (number, middle, time) = fields(characters);
        let (number, middle, time) = (number?, middle?, time?);
        let connection = middle >> 24;
        let is_right = middle & 0xff_ffff == check(number, connection, time);
        is_right.then_some(Self { number, connection: connection as u32, time })
    }

    /// The number in these characters, which may be damaged elsewhere.
    pub(in crate::load) fn number_of(characters: &[u8]) -> Option<u64> {
        gather(&characters[..characters.len().min(8)])
    }

    /// Whether two of the three fields of these characters are this stamp's: then they are this
    /// stamp, damaged.
    pub(in crate::load) fn resembles(self, characters: &[u8; STAMP_BYTES]) -> bool {
        let other = self.encode();
        let same = [0, 8, 16].map(|at| characters[at..at + 8] == other[at..at + 8]);
        same.into_iter().filter(|&same| same).count() >= 2
    }
}

impl Contents {
    /// Creates messages with this content, in this framing.
    pub(in crate::load) fn new(content: &Content, framing: Framing) -> Self {
        let terminator: &[u8] = if framing == Framing::Line { b"\n" } else { b"" };
        let is_text = match content {
            Content::Stamped { binary, .. } => !binary,
            Content::Text(_) => true,
        };
        // Framings without a message type use bytes.
        let kind = match framing {
            Framing::WebSocket if is_text => Kind::Text,
            _ => Kind::Binary,
        };
        match content {
            Content::Text(text) => Self {
                kind,
                bytes: text.len() + terminator.len(),
                is_stamped: false,
                source: text.clone().into_bytes(),
                terminator,
            },
            &Content::Stamped { bytes, .. } => Self {
                kind,
                bytes: bytes.max(terminator.len()),
                // A line may have room for its terminator only.
                is_stamped: bytes > terminator.len(),
                source: match bytes > terminator.len() {
                    true => printable(bytes + FILLER_SHIFTS as usize),
                    false => Vec::new(),
                },
                terminator,
            },
        }
    }

    /// Whether messages are text or binary.
    pub(in crate::load) fn kind(&self) -> Kind {
        self.kind
    }

    /// The size of each message in bytes.
    pub(in crate::load) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether each message differs from every other one.
    pub(in crate::load) fn is_unique(&self) -> bool {
        self.is_stamped && self.bytes >= STAMP_BYTES + self.terminator.len()
    }

    /// Whether a message contains its number, or part of it.
    pub(in crate::load) fn is_stamped(&self) -> bool {
        self.is_stamped
    }

    /// The number of bytes at the beginning of a message that identify it.
    pub(in crate::load) fn window_bytes(&self) -> usize {
        (self.bytes - self.terminator.len()).clamp(1, STAMP_BYTES)
    }

    /// Whether these bytes, at most as many as identify a message, may begin one.
    pub(in crate::load) fn may_begin(&self, bytes: &[u8]) -> bool {
        match self.is_stamped {
            true => bytes.iter().all(|byte| (ZERO..ZERO + 64).contains(byte)),
            false => self.message(Stamp { number: 0, connection: 0, time: 0 }).matches(0, bytes),
        }
    }

    /// Whether messages are lines.
    pub(in crate::load) fn are_lines(&self) -> bool {
        !self.terminator.is_empty()
    }

    /// Creates one message.
    #[inline(always)]
    pub(in crate::load) fn message(&self, stamp: Stamp) -> Parts<'_> {
        let body_bytes = self.bytes - self.terminator.len();
        if !self.is_stamped {
            let filler = &self.source[..];
            let stamp = [0; STAMP_BYTES];
            return Parts { stamp, stamp_bytes: 0, filler, terminator: self.terminator };
        }
        let stamp_bytes = body_bytes.min(STAMP_BYTES);
        let shift = stamp.number.wrapping_mul(31).wrapping_add(u64::from(stamp.connection) * 17);
        let filler = &self.source[(shift % FILLER_SHIFTS) as usize..][..body_bytes - stamp_bytes];
        Parts { stamp: stamp.encode(), stamp_bytes, filler, terminator: self.terminator }
    }
}

impl Parts<'_> {
    /// The parts, in order.
    #[inline]
    pub(in crate::load) fn slices(&self) -> [&[u8]; 3] {
        [&self.stamp[..self.stamp_bytes], self.filler, self.terminator]
    }

    fn bytes(&self) -> usize {
        self.stamp_bytes + self.filler.len() + self.terminator.len()
    }

    /// Whether these bytes are the whole message.
    #[inline]
    pub(in crate::load) fn is(&self, bytes: &[u8]) -> bool {
        match bytes.split_first_chunk::<STAMP_BYTES>() {
            // The common case: a comparison of a fixed size is fast.
            Some((stamp, rest))
                if self.stamp_bytes == STAMP_BYTES && self.terminator.is_empty() =>
            {
                *stamp == self.stamp && rest == self.filler
            }
            _ => bytes.len() == self.bytes() && self.matches(0, bytes),
        }
    }

    /// Copies the last bytes before `end`, as many as fit into `room`. Returns their number.
    pub(in crate::load) fn copy_before(&self, end: usize, room: &mut [u8]) -> usize {
        let start = end.saturating_sub(room.len());
        let whole = self.slices().into_iter().flatten();
        let copied = room.iter_mut().zip(whole.skip(start).take(end - start));
        copied.map(|(to, from)| *to = *from).count()
    }

    /// The number of leading `bytes` that match the message at `offset`.
    pub(in crate::load) fn matching(&self, offset: usize, bytes: &[u8]) -> usize {
        let whole = self.slices().into_iter().flatten();
        whole.skip(offset).zip(bytes).take_while(|(own, other)| own == other).count()
    }

    /// Whether `bytes` match the message at `offset`.
    pub(in crate::load) fn matches(&self, offset: usize, mut bytes: &[u8]) -> bool {
        let mut skip = offset;
        for part in self.slices() {
            let Some(rest) = part.get(skip..) else {
                skip -= part.len();
                continue;
            };
            skip = 0;
            let count = rest.len().min(bytes.len());
            if rest[..count] != bytes[..count] {
                return false;
            }
            bytes = &bytes[count..];
        }
        bytes.is_empty()
    }
}

/// The fields: number; connection and check; time.
fn fields(characters: &[u8; STAMP_BYTES]) -> (Option<u64>, Option<u64>, Option<u64>) {
    let [number, middle, time] = [0, 8, 16].map(|start| gather(&characters[start..start + 8]));
    (number, middle, time)
}

/// 24 bits that change when any other bit of the stamp does: that changes one bit of the product's
/// first factor, and the product of one bit with this constant reaches into the upper 24 bits
/// wherever the bit is.
#[inline]
fn check(number: u64, connection: u64, time: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Without a constant, a fill of one character would be a valid stamp of zeros.
    const SALT: u64 = 0x5851_f42d_4c95_7f2d;
    let bits = number ^ time.rotate_left(20) ^ connection << 40 ^ SALT;
    bits.wrapping_mul(ODD) >> 40
}

/// Encodes 48 bits as eight characters, the lowest six bits first.
#[inline]
fn spread(bits: u64) -> [u8; 8] {
    let halves = bits & 0xff_ffff | (bits & 0xffff_ff00_0000) << 8;
    let quarters = halves & 0x0000_0fff_0000_0fff | (halves & 0x00ff_f000_00ff_f000) << 4;
    let eighths = quarters & 0x003f_003f_003f_003f | (quarters & 0x0fc0_0fc0_0fc0_0fc0) << 2;
    (eighths + u64::from_ne_bytes([ZERO; 8])).to_le_bytes()
}

/// Decodes the 48 bits of eight characters; `None` if one of them does not encode bits.
fn gather(characters: &[u8]) -> Option<u64> {
    characters.iter().rev().try_fold(0, |bits, &character| {
        let six = character.checked_sub(ZERO).filter(|&six| six < 64)?;
        Some(bits << 6 | u64::from(six))
    })
}

/// Printable bytes of a xorshift generator, which do not repeat soon.
fn printable(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        ZERO + (state >> 26) as u8
    };
    (0..count).map(next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contents(bytes: usize) -> Contents {
        Contents::new(&Content::Stamped { bytes, binary: false }, Framing::WebSocket)
    }

    fn concatenated(parts: &Parts<'_>) -> Vec<u8> {
        parts.slices().concat()
    }

    proptest! {
        #[test]
        fn a_stamp_is_read_back_and_any_changed_bit_is_detected(
            number in 0_u64..1 << 48,
            connection in 0_u32..1 << 24,
            time in 0_u64..1 << 48,
            bit in 0_usize..STAMP_BYTES * 8,
        ) {
            let stamp = Stamp { number, connection, time };
            let mut characters = stamp.encode();
            prop_assert!(characters.iter().all(|character| (0x20..0x7f).contains(character)));
            prop_assert_eq!(Stamp::decode(&characters), Some(stamp));
            characters[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Stamp::decode(&characters), None);
        }

        #[test]
        fn a_message_matches_itself_in_pieces_and_no_other(cut in 0_usize..300) {
            let contents = contents(300);
            let stamp = Stamp { number: 7, connection: 3, time: 1_000 };
            let message = contents.message(stamp);
            let mut bytes = concatenated(&message);
            prop_assert_eq!(bytes.len(), 300);
            prop_assert!(message.is(&bytes) && !message.is(&bytes[1..]) && !message.is(&bytes[..cut]));
            prop_assert!(message.matches(0, &bytes[..cut]) && message.matches(cut, &bytes[cut..]));
            let next = contents.message(Stamp { number: 8, ..stamp });
            prop_assert!(!next.matches(24, &bytes[24..]));
            bytes[cut] ^= 4;
            prop_assert!(!message.is(&bytes) && !message.matches(0, &bytes));
        }
    }

    #[test]
    fn a_fill_of_one_character_is_not_a_stamp() {
        for character in 0..=u8::MAX {
            assert_eq!(Stamp::decode(&[character; STAMP_BYTES]), None, "{character}");
        }
    }

    #[test]
    fn sizes_are_kept_whatever_the_framing() {
        for bytes in [1, 5, 24, 25, 64, 5_000] {
            let stamp = Stamp { number: 1, connection: 2, time: 3 };
            assert_eq!(concatenated(&contents(bytes).message(stamp)).len(), bytes);
            let lines = Contents::new(&Content::Stamped { bytes, binary: false }, Framing::Line);
            let line = concatenated(&lines.message(stamp));
            assert_eq!((line.len(), line.last()), (bytes, Some(&b'\n')));
            assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
        }
    }

    #[test]
    fn a_text_of_the_user_is_sent_unchanged() {
        let contents = Contents::new(&Content::Text("hällo".into()), Framing::WebSocket);
        let message = contents.message(Stamp { number: 9, connection: 1, time: 5 });
        assert_eq!(concatenated(&message), "hällo".as_bytes());
        assert!(!contents.is_unique());
    }
}

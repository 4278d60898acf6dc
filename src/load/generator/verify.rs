//! Verifies an incoming message: which of our messages it is a response to, and whether it was
//! changed.

use super::in_flight::{InFlight, Standing};
use super::payload::{Contents, STAMP_BITS, STAMP_BYTES, Stamp};
use crate::proto::Kind;

/// The number of bytes of a message that are kept to identify it: 128. They are searched for a
/// stamp, because some services prefix what they send back.
const HEAD_BYTES: usize = 128;

/// With fewer identifying bytes, a message may be anything with the same beginning: 8.
const CERTAIN_BYTES: usize = 8;

/// For a message without a check, duplicates are searched for among the last messages sent: 64.
const REPEATED_MAX: u64 = 64;

/// The number of messages in flight that a damaged stamp is compared with: the oldest 64.
const RESEMBLING_MAX: usize = 64;

/// The classification of an incoming message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Echo {
    /// The message with this number, unchanged.
    Intact(u64),
    /// The same, but as text instead of binary or the reverse.
    OpcodeChanged(u64),
    /// The message with this number, changed.
    Corrupted(u64),
    /// A message that is not in flight any more.
    Past(u64),
    /// It looks like this message, which is not in flight any more, but is too short to be certain.
    Repeated(u64),
    /// A message of another connection.
    Misdelivered,
    /// Anything else: a response that is not an echo, or an unasked message.
    Unknown,
}

/// The state of one connection when a message is verified.
#[derive(Debug, Clone, Copy)]
pub(in crate::load) struct Sender<'a> {
    pub(in crate::load) contents: &'a Contents,
    pub(in crate::load) in_flight: &'a InFlight,
    /// The connection's number in the whole run.
    pub(in crate::load) connection: u32,
    /// The current time.
    pub(in crate::load) now: u64,
}

/// The owner of a message, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Identity {
    pub(in crate::load) owner: Owner,
    /// Its stamp, which determines the rest of the message.
    pub(in crate::load) stamp: Stamp,
}

/// See [`Echo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Owner {
    InFlight(u64),
    Past(u64),
    Repeated(u64),
    Misdelivered,
}

/// A message of which only a part has arrived.
#[derive(Debug)]
pub(in crate::load) struct Verifier {
    kind: Kind,
    offset: usize,
    head: [u8; HEAD_BYTES],
    identity: Option<Identity>,
    is_intact: bool,
}

/// Verifies a message if it is the oldest in flight, unchanged, as nearly all are.
#[inline]
pub(in crate::load) fn verify_oldest(
    sender: Sender<'_>,
    kind: Kind,
    payload: &[u8],
) -> Option<Echo> {
    let (number, sent) = sender.in_flight.oldest()?;
    // A short message may look the same as a later message that is expected next.
    if sender.in_flight.is_overtaken() && !sender.contents.is_unique() {
        return None;
    }
    let message = sender.contents.message(sender.stamp(number, sent));
    message.is(payload).then(|| intact(number, kind, sender.contents))
}

impl Sender<'_> {
    pub(in crate::load) fn stamp(&self, number: u64, time: u64) -> Stamp {
        Stamp { number, connection: self.connection, time }
    }

    /// Identifies a message by its first bytes, as many as identify one.
    pub(in crate::load) fn identify(&self, window: &[u8]) -> Option<Identity> {
        if !self.contents.is_stamped() {
            return self.identify_text(window);
        }
        match window.first_chunk::<STAMP_BYTES>() {
            Some(stamp) => self.identify_stamp(Stamp::decode(stamp)?),
            None => self.identify_number(window),
        }
    }

    fn identify_stamp(&self, stamp: Stamp) -> Option<Identity> {
        // Times and numbers are compared in the stamp's width: both wrap around in it.
        let is_ours = self.stamp(0, 0).masked().connection == stamp.connection;
        let owner = match self.nearest_if(is_ours, stamp.number) {
            Standing::InFlight(number, sent)
                if self.stamp(number, sent).masked().time == stamp.time =>
            {
                return Some(self.of_message(number, sent));
            }
            Standing::Past(number) => Owner::Past(number),
            _ if stamp.is_plausible(self.now) => Owner::Misdelivered,
            _ => return None,
        };
        Some(Identity { owner, stamp })
    }

    fn nearest_if(&self, is_ours: bool, number: u64) -> Standing {
        if is_ours { self.in_flight.nearest(number, STAMP_BITS) } else { Standing::Unsent }
    }

    /// A message that is shorter than a stamp has the lowest bits of its number, six in each byte.
    /// It is the nearest message in flight whose number ends in them, if the rest matches, too.
    fn identify_number(&self, window: &[u8]) -> Option<Identity> {
        let bits = 6 * window.len().min(8) as u32;
        match self.in_flight.nearest(Stamp::number_of(window)?, bits) {
            Standing::InFlight(number, sent) => {
                let message = self.contents.message(self.stamp(number, sent));
                message.matches(0, window).then(|| self.of_message(number, sent))
            }
            Standing::Past(number) if number + REPEATED_MAX >= self.in_flight.next_number() => {
                Some(Identity { owner: Owner::Repeated(number), stamp: self.stamp(number, 0) })
            }
            _ => None,
        }
    }

    /// A text of the user's is the same in every message: it is a response to the oldest.
    fn identify_text(&self, window: &[u8]) -> Option<Identity> {
        let stamp = self.stamp(0, 0);
        if !self.contents.message(stamp).matches(0, window) {
            return None;
        }
        match self.in_flight.oldest() {
            Some((number, sent)) => Some(self.of_message(number, sent)),
            None => {
                let last = self.in_flight.next_number().checked_sub(1)?;
                Some(Identity { owner: Owner::Past(last), stamp })
            }
        }
    }

    fn of_message(&self, number: u64, sent: u64) -> Identity {
        Identity { owner: Owner::InFlight(number), stamp: self.stamp(number, sent) }
    }

    /// The message in flight whose stamp this is, with one damaged field.
    pub(in crate::load) fn resembling(&self, head: &[u8]) -> Option<u64> {
        let characters = head.first_chunk::<STAMP_BYTES>()?;
        if !self.contents.is_unique() {
            return None;
        }
        let mut oldest = self.in_flight.iter().take(RESEMBLING_MAX);
        let found = oldest.find(|&(number, sent)| self.stamp(number, sent).resembles(characters));
        found.map(|(number, _)| number)
    }
}

impl Identity {
    /// The classification if the whole message is correct.
    pub(in crate::load) fn whole(self, kind: Kind, contents: &Contents) -> Echo {
        match self.owner {
            Owner::InFlight(number) => intact(number, kind, contents),
            _ => self.broken(),
        }
    }

    /// The classification if a part of the message is wrong.
    pub(in crate::load) fn broken(self) -> Echo {
        match self.owner {
            Owner::InFlight(number) => Echo::Corrupted(number),
            Owner::Past(number) => Echo::Past(number),
            Owner::Repeated(number) => Echo::Repeated(number),
            Owner::Misdelivered => Echo::Misdelivered,
        }
    }
}

impl Verifier {
    /// Creates a verifier before any byte has arrived.
    pub(in crate::load) fn new(kind: Kind) -> Self {
        Self { kind, offset: 0, head: [0; HEAD_BYTES], identity: None, is_intact: true }
    }

    /// The beginning of the message.
    pub(in crate::load) fn head(&self) -> &[u8] {
        &self.head[..self.offset.min(HEAD_BYTES)]
    }

    /// The number of bytes that have arrived.
    pub(in crate::load) fn bytes(&self) -> usize {
        self.offset
    }

    /// Takes the next piece.
    pub(in crate::load) fn take(&mut self, sender: Sender<'_>, piece: &[u8]) {
        let before = self.offset;
        self.offset += piece.len();
        if let Some(room) = self.head.get_mut(before..) {
            let count = room.len().min(piece.len());
            room[..count].copy_from_slice(&piece[..count]);
        }
        let window = sender.contents.window_bytes();
        if before < window && self.offset >= window {
            self.identity = sender.identify(&self.head[..window]);
        }
        let in_window = window.saturating_sub(before).min(piece.len());
        let (rest, offset) = (&piece[in_window..], before + in_window);
        if let Some(identity) = self.identity.filter(|_| self.is_intact) {
            self.is_intact = sender.contents.message(identity.stamp).matches(offset, rest);
        }
    }

    /// Verifies the complete message.
    pub(in crate::load) fn end(&self, sender: Sender<'_>) -> Echo {
        let contents = sender.contents;
        let is_whole = self.is_intact && self.offset == contents.bytes();
        let is_certain = contents.window_bytes() >= CERTAIN_BYTES;
        match self.identity {
            Some(identity) if is_whole => identity.whole(self.kind, contents),
            Some(identity) if is_certain => identity.broken(),
            _ if is_certain => self.find(sender),
            _ => Echo::Unknown,
        }
    }

    /// Searches a message with another beginning for one of ours.
    fn find(&self, sender: Sender<'_>) -> Echo {
        let mut windows = self.head().windows(sender.contents.window_bytes());
        let found = windows.find_map(|window| match sender.identify(window)?.owner {
            Owner::InFlight(number) => Some(number),
            _ => None,
        });
        let found = found.or_else(|| sender.resembling(self.head()));
        found.map_or(Echo::Unknown, Echo::Corrupted)
    }
}

fn intact(number: u64, kind: Kind, contents: &Contents) -> Echo {
    if kind == contents.kind() { Echo::Intact(number) } else { Echo::OpcodeChanged(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::Content;
    use crate::proto::Framing;

    const CONNECTION: u32 = 5;

    /// A time when messages are sent and echoed.
    const NOW: u64 = 10_000_000_000;

    /// Contents, three messages in flight, and their bytes.
    fn three(bytes: usize) -> (Contents, InFlight, Vec<Vec<u8>>) {
        three_at(bytes, NOW, CONNECTION)
    }

    fn three_at(bytes: usize, now: u64, connection: u32) -> (Contents, InFlight, Vec<Vec<u8>>) {
        let content = Content::Stamped { bytes, binary: true };
        let contents = Contents::new(&content, Framing::WebSocket);
        let mut in_flight = InFlight::default();
        let messages = (0..3).map(|number| {
            in_flight.push(now + number);
            let stamp = Stamp { number, connection, time: now + number };
            contents.message(stamp).slices().concat()
        });
        let messages = messages.collect();
        (contents, in_flight, messages)
    }

    fn sender<'a>(contents: &'a Contents, in_flight: &'a InFlight) -> Sender<'a> {
        Sender { contents, in_flight, connection: CONNECTION, now: NOW + 1_000 }
    }

    /// The classification, which must be the same in pieces of any size.
    #[track_caller]
    fn verify(sender: Sender<'_>, kind: Kind, payload: &[u8]) -> Echo {
        let mut whole = Verifier::new(kind);
        whole.take(sender, payload);
        let echo = whole.end(sender);
        for size in [1, 7, 24, 100] {
            let mut verifier = Verifier::new(kind);
            payload.chunks(size).for_each(|piece| verifier.take(sender, piece));
            assert_eq!(verifier.end(sender), echo, "in pieces of {size}");
        }
        if let Some(oldest) = verify_oldest(sender, kind, payload) {
            assert_eq!(oldest, echo);
        }
        echo
    }

    #[test]
    fn an_echo_is_identified_by_its_stamp() {
        for bytes in [24, 64, 3_000] {
            let (contents, mut in_flight, messages) = three(bytes);
            let sender = sender(&contents, &in_flight);
            for (number, message) in messages.iter().enumerate() {
                let number = number as u64;
                assert_eq!(verify(sender, Kind::Binary, message), Echo::Intact(number));
                assert_eq!(verify(sender, Kind::Text, message), Echo::OpcodeChanged(number));
            }
            let other_sender = Sender { connection: CONNECTION + 1, ..sender };
            assert_eq!(verify(other_sender, Kind::Binary, &messages[0]), Echo::Misdelivered);
            in_flight.complete(1);
            let sender = self::sender(&contents, &in_flight);
            assert_eq!(verify(sender, Kind::Binary, &messages[1]), Echo::Past(1));
        }
    }

    #[test]
    fn clocks_and_numbers_of_connections_wrap_around() {
        const WRAPPED: u64 = 1 << 48;
        for now in [WRAPPED - 2, WRAPPED, WRAPPED + 5, 7 * WRAPPED - 1] {
            for connection in [CONNECTION, (1 << 24) - 1, 1 << 24, (1 << 24) + 9] {
                let (contents, mut in_flight, messages) = three_at(64, now, connection);
                let sender = Sender {
                    contents: &contents,
                    in_flight: &in_flight,
                    connection,
                    now: now + 1_000_000,
                };
                for number in [2, 1, 0] {
                    let message = &messages[number as usize];
                    assert_eq!(verify(sender, Kind::Binary, message), Echo::Intact(number));
                }
                let other_sender = Sender { connection: connection + 1, ..sender };
                assert_eq!(verify(other_sender, Kind::Binary, &messages[1]), Echo::Misdelivered);
                in_flight.complete(1);
                let now = now + 1_000_000;
                let sender = Sender { contents: &contents, in_flight: &in_flight, connection, now };
                assert_eq!(verify(sender, Kind::Binary, &messages[1]), Echo::Past(1));
            }
        }
    }

    #[test]
    fn every_flipped_bit_corrupts_only_that_message() {
        let (contents, in_flight, messages) = three(40);
        let sender = sender(&contents, &in_flight);
        for bit in 0..messages[1].len() * 8 {
            let mut message = messages[1].clone();
            message[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(sender, Kind::Binary, &message), Echo::Corrupted(1), "{bit}");
        }
        let mut long = messages[1].clone();
        long.push(b'?');
        assert_eq!(verify(sender, Kind::Binary, &long), Echo::Corrupted(1));
        assert_eq!(verify(sender, Kind::Binary, &messages[1][..39]), Echo::Corrupted(1));
        assert_eq!(verify(sender, Kind::Binary, &messages[1][..9]), Echo::Unknown);
        assert_eq!(verify(sender, Kind::Binary, b""), Echo::Unknown);
        assert_eq!(verify(sender, Kind::Binary, b"error: overloaded"), Echo::Unknown);
    }

    #[test]
    fn a_prefixed_message_of_ours_is_corrupted() {
        let (contents, in_flight, messages) = three(64);
        let sender = sender(&contents, &in_flight);
        let stamped = [b"[Thu May 10 22:00:19 2018] ", &messages[2][..]].concat();
        assert_eq!(verify(sender, Kind::Binary, &stamped), Echo::Corrupted(2));
        let text = Contents::new(&Content::Text("some text".into()), Framing::WebSocket);
        let sender = Sender { contents: &text, ..sender };
        assert_eq!(verify(sender, Kind::Text, b"some text"), Echo::Intact(0));
        assert_eq!(verify(sender, Kind::Text, b"> some text"), Echo::Corrupted(0));
        assert_eq!(verify(sender, Kind::Text, b"some test"), Echo::Unknown);
    }

    #[test]
    fn a_message_too_short_for_a_stamp_is_identified_by_its_number() {
        for bytes in 1..24 {
            let (contents, mut in_flight, messages) = three(bytes);
            for number in 0..3 {
                let sender = sender(&contents, &in_flight);
                let message = &messages[number as usize];
                assert_eq!(verify(sender, Kind::Binary, message), Echo::Intact(number), "{bytes}");
            }
            in_flight.complete(1);
            let sender = sender(&contents, &in_flight);
            assert_eq!(verify(sender, Kind::Binary, &messages[1]), Echo::Repeated(1));
            assert_eq!(verify(sender, Kind::Binary, &messages[2]), Echo::Intact(2));
            assert_eq!(verify(sender, Kind::Binary, &b" ".repeat(bytes)), Echo::Unknown);
            let long = [&messages[0][..], b" "].concat();
            let certain = if bytes < CERTAIN_BYTES { Echo::Unknown } else { Echo::Corrupted(0) };
            assert_eq!(verify(sender, Kind::Binary, &long), certain, "{bytes}");
        }
    }
}

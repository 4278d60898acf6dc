//! An echo that comes in: which message it answers, and what was done to it on the way.

use super::content::{Contents, STAMP_BYTES, Stamp};
use super::flights::Flights;
use crate::proto::Kind;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    /// The message with this number, as it was sent.
    Intact(u64),
    /// The same, but as text for binary or the reverse.
    OpcodeChanged(u64),
    /// Something else; the number, if that much can be told.
    Corrupted(Option<u64>),
    /// A message that is not on its way any more.
    Past(u64),
}

/// What is known of one connection when an echo is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) contents: &'a Contents,
    pub(super) flights: &'a Flights,
    /// The connection's number in the whole run.
    pub(super) connection: u32,
}

/// An echo of which not all is there yet.
#[derive(Debug)]
pub(super) struct Arrival {
    kind: Kind,
    offset: usize,
    stamp: [u8; STAMP_BYTES],
    /// What it answers: a number, and when that was sent.
    answers: Option<(u64, u64)>,
    /// The number of a message that is not on its way any more.
    past: Option<u64>,
    is_intact: bool,
}

/// Judges an echo that came in one piece.
#[inline]
pub(super) fn judge(sender: Sender<'_>, kind: Kind, payload: &[u8]) -> Echo {
    // Nearly always it answers the oldest, and is what was sent.
    if payload.len() == sender.contents.bytes()
        && let Some((number, sent)) = sender.flights.oldest()
        && sender.contents.message(sender.stamp(number, sent)).matches(0, payload)
    {
        return intact(number, kind, sender.contents);
    }
    let mut arrival = Arrival::new(kind);
    arrival.take(sender, payload);
    arrival.end(sender.contents)
}

impl Sender<'_> {
    fn stamp(&self, number: u64, time: u64) -> Stamp {
        Stamp { number, connection: self.connection, time }
    }
}

impl Arrival {
    /// Nothing of it is there.
    pub(super) fn new(kind: Kind) -> Self {
        let stamp = [0; STAMP_BYTES];
        Self { kind, offset: 0, stamp, answers: None, past: None, is_intact: true }
    }

    /// Bytes that are there.
    pub(super) fn bytes(&self) -> usize {
        self.offset
    }

    /// Takes the next piece.
    pub(super) fn take(&mut self, sender: Sender<'_>, mut piece: &[u8]) {
        if !sender.contents.tells_apart() {
            self.answers = self.answers.or(sender.flights.oldest());
        } else if self.offset < STAMP_BYTES {
            let count = piece.len().min(STAMP_BYTES - self.offset);
            self.stamp[self.offset..self.offset + count].copy_from_slice(&piece[..count]);
            self.offset += count;
            piece = &piece[count..];
            if self.offset == STAMP_BYTES {
                self.identify(sender);
            }
        }
        if let Some((number, sent)) = self.answers.filter(|_| self.is_intact) {
            let message = sender.contents.message(sender.stamp(number, sent));
            self.is_intact = message.matches(self.offset, piece);
        }
        self.offset += piece.len();
    }

    /// Judges it when it is all there.
    pub(super) fn end(self, contents: &Contents) -> Echo {
        match (self.answers, self.past) {
            (_, Some(number)) => Echo::Past(number),
            (Some((number, _)), _) if self.is_intact && self.offset == contents.bytes() => {
                intact(number, self.kind, contents)
            }
            (answers, _) => Echo::Corrupted(answers.map(|(number, _)| number)),
        }
    }

    /// Finds out what it answers by its stamp.
    fn identify(&mut self, sender: Sender<'_>) {
        let Some(stamp) = Stamp::decode(&self.stamp) else { return };
        if stamp.connection != sender.connection {
            return;
        }
        match sender.flights.sent(stamp.number) {
            Some(sent) if sent == stamp.time => self.answers = Some((stamp.number, sent)),
            None if stamp.number < sender.flights.next_number() => self.past = Some(stamp.number),
            _ => {}
        }
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

    /// Contents, three messages on their way, and their bytes.
    fn three(bytes: usize) -> (Contents, Flights, Vec<Vec<u8>>) {
        let content = Content::Stamped { bytes, binary: true };
        let contents = Contents::new(&content, Framing::WebSocket);
        let mut flights = Flights::default();
        let messages = (0..3).map(|number| {
            flights.depart(10 + number);
            let stamp = Stamp { number, connection: CONNECTION, time: 10 + number };
            contents.message(stamp).slices().concat()
        });
        let messages = messages.collect();
        (contents, flights, messages)
    }

    /// The same judgement, in whatever pieces it comes.
    fn judge_split(sender: Sender<'_>, kind: Kind, payload: &[u8]) -> Echo {
        let whole = judge(sender, kind, payload);
        for size in [1, 7, 24, 100] {
            let mut arrival = Arrival::new(kind);
            payload.chunks(size).for_each(|piece| arrival.take(sender, piece));
            assert_eq!(arrival.end(sender.contents), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn an_echo_is_known_by_its_stamp() {
        for bytes in [24, 64, 3_000] {
            let (contents, mut flights, messages) = three(bytes);
            let sender = Sender { contents: &contents, flights: &flights, connection: CONNECTION };
            for (number, message) in messages.iter().enumerate() {
                let number = number as u64;
                assert_eq!(judge_split(sender, Kind::Binary, message), Echo::Intact(number));
                assert_eq!(judge_split(sender, Kind::Text, message), Echo::OpcodeChanged(number));
            }
            let stranger = Sender { connection: CONNECTION + 1, ..sender };
            assert_eq!(judge_split(stranger, Kind::Binary, &messages[0]), Echo::Corrupted(None));
            flights.land(1);
            let sender = Sender { contents: &contents, flights: &flights, connection: CONNECTION };
            assert_eq!(judge_split(sender, Kind::Binary, &messages[1]), Echo::Past(1));
        }
    }

    #[test]
    fn every_flipped_bit_is_a_corruption_of_just_that_message() {
        let (contents, flights, messages) = three(40);
        let sender = Sender { contents: &contents, flights: &flights, connection: CONNECTION };
        for bit in 0..messages[1].len() * 8 {
            let mut message = messages[1].clone();
            message[bit / 8] ^= 1 << (bit % 8);
            let number = (bit / 8 >= STAMP_BYTES).then_some(1);
            assert_eq!(judge_split(sender, Kind::Binary, &message), Echo::Corrupted(number));
        }
        let mut long = messages[1].clone();
        long.push(b'?');
        assert_eq!(judge_split(sender, Kind::Binary, &long), Echo::Corrupted(Some(1)));
        assert_eq!(judge_split(sender, Kind::Binary, &messages[1][..39]), Echo::Corrupted(Some(1)));
        assert_eq!(judge_split(sender, Kind::Binary, &messages[1][..9]), Echo::Corrupted(None));
        assert_eq!(judge(sender, Kind::Binary, b""), Echo::Corrupted(None));
    }

    #[test]
    fn what_is_too_short_for_a_stamp_answers_the_oldest() {
        let (contents, flights, messages) = three(9);
        let sender = Sender { contents: &contents, flights: &flights, connection: CONNECTION };
        assert_eq!(judge_split(sender, Kind::Binary, &messages[0]), Echo::Intact(0));
        assert_eq!(judge_split(sender, Kind::Binary, b"something"), Echo::Corrupted(Some(0)));
    }
}

//! The messages of one connection that are on their way, oldest first.

use std::collections::VecDeque;
use std::iter::successors;

/// Stands for a message whose echo came before those of older ones.
const ECHOED: u64 = 0;

/// How many numbers that end in the same bits are looked at, from the expected one back: 16.
const SPANS_MAX: usize = 16;

/// See the [module documentation](self). One message on its way takes no heap.
#[derive(Debug, Default)]
pub(in crate::load) struct InFlight {
    /// The number of the oldest, or of the next to be sent if there is none.
    oldest: u64,
    /// When the oldest was sent; `ECHOED` if there is none.
    oldest_sent: u64,
    /// When each later one was sent, or `ECHOED`.
    later: VecDeque<u64>,
    /// How many of `later` are `ECHOED`.
    echoed_later: u32,
    /// How many numbers there are from the oldest to the newest message that was echoed, both included.
    newest_ahead: u32,
}

/// Where a message stands of whose number only the lowest bits are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Standing {
    /// In flight: its number, and when it was sent.
    InFlight(u64, u64),
    /// It was sent, and is not in flight any more.
    Past(u64),
    /// There was no such message.
    Unsent,
}

/// A message whose echo has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Landed {
    /// Its number on the connection.
    pub(in crate::load) number: u64,
    /// When it was sent.
    pub(in crate::load) sent: u64,
    /// Whether the echo of a later one came first.
    pub(in crate::load) is_reordered: bool,
}

impl InFlight {
    /// The number that the next message has.
    #[inline]
    pub(in crate::load) fn next_number(&self) -> u64 {
        match self.oldest_sent {
            ECHOED => self.oldest,
            _ => self.oldest + 1 + self.later.len() as u64,
        }
    }

    /// Notes that the next message is sent, at a time that is not 0.
    #[inline]
    pub(in crate::load) fn push(&mut self, sent: u64) {
        debug_assert_ne!(sent, ECHOED, "the clock has moved since it was started");
        match self.oldest_sent {
            ECHOED => self.oldest_sent = sent,
            _ => self.later.push_back(sent),
        }
    }

    /// The oldest on its way: its number, and when it was sent.
    #[inline]
    pub(in crate::load) fn oldest(&self) -> Option<(u64, u64)> {
        (self.oldest_sent != ECHOED).then_some((self.oldest, self.oldest_sent))
    }

    /// Whether a later message than the oldest was echoed.
    #[inline]
    pub(in crate::load) fn is_overtaken(&self) -> bool {
        self.newest_ahead > 0
    }

    /// When a message was sent, if it is on its way.
    pub(in crate::load) fn sent(&self, number: u64) -> Option<u64> {
        let sent = match number.checked_sub(self.oldest)? {
            0 => self.oldest_sent,
            nth => *self.later.get(nth as usize - 1)?,
        };
        (sent != ECHOED).then_some(sent)
    }

    /// Notes that an echo of this message has come; `None` if it was not on its way.
    #[inline]
    pub(in crate::load) fn complete(&mut self, number: u64) -> Option<Landed> {
        let sent = self.sent(number)?;
        let nth = number - self.oldest;
        let is_reordered = nth < u64::from(self.newest_ahead);
        match nth {
            0 => self.advance(),
            nth => {
                self.newest_ahead = self.newest_ahead.max(nth as u32 + 1);
                self.later[nth as usize - 1] = ECHOED;
                self.echoed_later += 1;
            }
        }
        Some(Landed { number, sent, is_reordered })
    }

    /// Gives the oldest up: its number, and when it was sent.
    pub(in crate::load) fn give_up(&mut self) -> Option<(u64, u64)> {
        let oldest = self.oldest()?;
        self.advance();
        Some(oldest)
    }

    /// The message whose number ends in these bits, in flight if there is one: the nearest to the message that is
    /// expected next, which follows the newest that was echoed.
    pub(in crate::load) fn nearest(&self, low: u64, bits: u32) -> Standing {
        let span = 1_u64 << bits;
        let expected = self.oldest + u64::from(self.newest_ahead);
        let ahead = low.wrapping_sub(expected) & (span - 1);
        let after = Some(expected + ahead).filter(|&number| number < self.next_number());
        let before = (expected + ahead).checked_sub(span);
        let is_after_nearer = ahead <= span / 2;
        let [first, second] = if is_after_nearer { [after, before] } else { [before, after] };
        let if_in_flight = |number| Some(Standing::InFlight(number, self.sent(number)?));
        let older = successors(before, |number| number.checked_sub(span)).take(SPANS_MAX);
        let found = first.into_iter().chain(second).chain(older.skip(1)).find_map(if_in_flight);
        let past = first.or(second).map(Standing::Past);
        found.or(past).unwrap_or(Standing::Unsent)
    }

    /// The messages in flight, oldest first: number and time.
    pub(in crate::load) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let later = self.later.iter().zip(self.oldest + 1..);
        let later =
            later.filter(|&(&sent, _)| sent != ECHOED).map(|(&sent, number)| (number, sent));
        self.oldest().into_iter().chain(later)
    }

    /// How many are on their way.
    #[inline]
    pub(in crate::load) fn len(&self) -> usize {
        let later = self.later.len() - self.echoed_later as usize;
        usize::from(self.oldest_sent != ECHOED) + later
    }

    /// Moves to the next that is on its way.
    #[inline]
    fn advance(&mut self) {
        self.oldest_sent = ECHOED;
        self.step();
        while let Some(sent) = self.later.pop_front() {
            if sent != ECHOED {
                self.oldest_sent = sent;
                return;
            }
            self.echoed_later -= 1;
            self.step();
        }
    }

    #[inline]
    fn step(&mut self) {
        self.oldest += 1;
        self.newest_ahead = self.newest_ahead.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(count: u64) -> InFlight {
        let mut in_flight = InFlight::default();
        for number in 0..count {
            assert_eq!(in_flight.next_number(), number);
            in_flight.push(100 + number);
        }
        in_flight
    }

    #[test]
    fn echoes_in_order_leave_nothing() {
        let mut in_flight = in_flight(3);
        for number in 0..3 {
            assert_eq!(in_flight.oldest(), Some((number, 100 + number)));
            let landed = Landed { number, sent: 100 + number, is_reordered: false };
            assert_eq!(in_flight.complete(number), Some(landed));
            assert_eq!(in_flight.complete(number), None, "it landed already");
        }
        assert_eq!((in_flight.len(), in_flight.oldest(), in_flight.next_number()), (0, None, 3));
    }

    #[test]
    fn an_echo_that_overtakes_makes_the_older_one_reordered() {
        let mut in_flight = in_flight(4);
        assert!(!in_flight.complete(2).unwrap().is_reordered);
        assert_eq!((in_flight.len(), in_flight.next_number()), (3, 4));
        assert!(in_flight.complete(0).unwrap().is_reordered);
        assert!(in_flight.complete(1).unwrap().is_reordered);
        assert!(!in_flight.complete(3).unwrap().is_reordered);
        assert_eq!((in_flight.len(), in_flight.next_number()), (0, 4));
    }

    #[test]
    fn what_is_given_up_is_no_longer_on_its_way() {
        let mut in_flight = in_flight(3);
        assert!(in_flight.complete(1).is_some());
        assert_eq!(in_flight.give_up(), Some((0, 100)));
        assert_eq!((in_flight.complete(0), in_flight.oldest()), (None, Some((2, 102))));
        assert_eq!(in_flight.give_up(), Some((2, 102)));
        assert_eq!((in_flight.give_up(), in_flight.next_number()), (None, 3));
        assert_eq!((in_flight.complete(3), in_flight.sent(7)), (None, None));
    }

    #[test]
    fn what_is_in_flight_is_counted_and_listed_whatever_has_landed() {
        let mut in_flight = in_flight(6);
        for (number, rest) in [(3, 5), (1, 4), (0, 3), (2, 2), (5, 1), (4, 0)] {
            assert!(in_flight.complete(number).is_some());
            assert_eq!((in_flight.len(), in_flight.iter().count()), (rest, rest));
        }
        in_flight.push(9);
        assert_eq!(in_flight.iter().collect::<Vec<_>>(), [(6, 9)]);
    }

    #[test]
    fn the_nearest_number_is_found_by_its_lowest_bits() {
        let mut in_flight = in_flight(70);
        (0..66).for_each(|number| assert!(in_flight.complete(number).is_some()));
        in_flight.complete(67);
        assert_eq!(in_flight.nearest(66 & 63, 6), Standing::InFlight(66, 166));
        assert_eq!(in_flight.nearest(69, 48), Standing::InFlight(69, 169));
        assert_eq!(in_flight.nearest(67 & 63, 6), Standing::Past(67));
        assert_eq!(in_flight.nearest(65 & 63, 6), Standing::Past(65));
        assert_eq!(in_flight.nearest(70 & 63, 6), Standing::Past(6));
        assert_eq!(in_flight.nearest(70, 48), Standing::Unsent);
        assert_eq!(InFlight::default().nearest(0, 6), Standing::Unsent);
        // An old one that was lost does not take the place of the one that is expected.
        let mut in_flight = self::in_flight(68);
        (0..67).filter(|&number| number != 3).for_each(|number| {
            assert!(in_flight.complete(number).is_some());
        });
        assert_eq!(in_flight.nearest(67 & 63, 6), Standing::InFlight(67, 167));
        assert!(in_flight.complete(67).is_some());
        assert_eq!(in_flight.nearest(3, 6), Standing::InFlight(3, 103));
    }
}

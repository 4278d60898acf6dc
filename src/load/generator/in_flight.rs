//! The messages in flight of one connection, oldest first.

use std::collections::VecDeque;
use std::iter::successors;

/// Marks a message whose echo arrived before those of older ones.
const ECHOED: u64 = 0;

/// How many numbers that end in the same bits are searched, from the expected one backwards: 16.
const SPANS_MAX: usize = 16;

/// See the [module documentation](self). A single message in flight takes no heap.
#[derive(Debug, Default)]
pub(in crate::load) struct InFlight {
    /// The number of the oldest message, or of the next one to be sent if none is in flight.
    oldest: u64,
    /// When the oldest was sent; `ECHOED` if none is in flight.
    oldest_sent: u64,
    /// When each later one was sent, or `ECHOED`.
    later: VecDeque<u64>,
    /// The number of `ECHOED` entries in `later`.
    echoed_later: u32,
    /// The number of messages from the oldest to the newest echoed one, both included.
    newest_ahead: u32,
}

/// The state of a message of whose number only the lowest bits are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Standing {
    /// In flight: its number, and when it was sent.
    InFlight(u64, u64),
    /// It was sent, and is not in flight any more.
    Past(u64),
    /// No such message was sent.
    Unsent,
}

/// A message whose echo has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Completed {
    /// Its number on the connection.
    pub(in crate::load) number: u64,
    /// When it was sent.
    pub(in crate::load) sent: u64,
    /// Whether the echo of a later one arrived first.
    pub(in crate::load) is_reordered: bool,
}

impl InFlight {
    /// The number of the next message.
    #[inline]
    pub(in crate::load) fn next_number(&self) -> u64 {
        match self.oldest_sent {
            ECHOED => self.oldest,
            _ => self.oldest + 1 + self.later.len() as u64,
        }
    }

    /// Records that the next message is sent, at a time other than 0.
    #[inline]
    pub(in crate::load) fn push(&mut self, sent: u64) {
        debug_assert_ne!(sent, ECHOED, "the clock has advanced since it was started");
        match self.oldest_sent {
            ECHOED => self.oldest_sent = sent,
            _ => self.later.push_back(sent),
        }
    }

    /// The oldest message in flight: its number, and when it was sent.
    #[inline]
    pub(in crate::load) fn oldest(&self) -> Option<(u64, u64)> {
        (self.oldest_sent != ECHOED).then_some((self.oldest, self.oldest_sent))
    }

    /// Whether a later message than the oldest was echoed.
    #[inline]
    pub(in crate::load) fn is_overtaken(&self) -> bool {
        self.newest_ahead > 0
    }

    /// When a message was sent, if it is in flight.
    pub(in crate::load) fn sent(&self, number: u64) -> Option<u64> {
        let sent = match number.checked_sub(self.oldest)? {
            0 => self.oldest_sent,
            nth => *self.later.get(nth as usize - 1)?,
        };
        (sent != ECHOED).then_some(sent)
    }

    /// Records the echo of this message; `None` if it was not in flight.
    #[inline]
    pub(in crate::load) fn complete(&mut self, number: u64) -> Option<Completed> {
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
        Some(Completed { number, sent, is_reordered })
    }

    /// Gives up the oldest message. Returns its number, and when it was sent.
    pub(in crate::load) fn give_up(&mut self) -> Option<(u64, u64)> {
        let oldest = self.oldest()?;
        self.advance();
        Some(oldest)
    }

    /// The message whose number ends in these bits, if possible one in flight: the nearest to the
    /// expected message, which follows the newest echoed one.
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

    /// The messages in flight, oldest first: number and send time.
    pub(in crate::load) fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let later = self.later.iter().zip(self.oldest + 1..);
        let later =
            later.filter(|&(&sent, _)| sent != ECHOED).map(|(&sent, number)| (number, sent));
        self.oldest().into_iter().chain(later)
    }

    /// The number of messages in flight.
    #[inline]
    pub(in crate::load) fn len(&self) -> usize {
        let later = self.later.len() - self.echoed_later as usize;
        usize::from(self.oldest_sent != ECHOED) + later
    }

    /// Moves to the next message in flight.
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
            let completed = Completed { number, sent: 100 + number, is_reordered: false };
            assert_eq!(in_flight.complete(number), Some(completed));
            assert_eq!(in_flight.complete(number), None, "it is complete already");
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
    fn a_message_that_is_given_up_is_not_in_flight() {
        let mut in_flight = in_flight(3);
        assert!(in_flight.complete(1).is_some());
        assert_eq!(in_flight.give_up(), Some((0, 100)));
        assert_eq!((in_flight.complete(0), in_flight.oldest()), (None, Some((2, 102))));
        assert_eq!(in_flight.give_up(), Some((2, 102)));
        assert_eq!((in_flight.give_up(), in_flight.next_number()), (None, 3));
        assert_eq!((in_flight.complete(3), in_flight.sent(7)), (None, None));
    }

    #[test]
    fn messages_in_flight_are_counted_and_listed_in_any_order_of_echoes() {
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
        // An old message that was lost does not replace the expected one.
        let mut in_flight = self::in_flight(68);
        (0..67).filter(|&number| number != 3).for_each(|number| {
            assert!(in_flight.complete(number).is_some());
        });
        assert_eq!(in_flight.nearest(67 & 63, 6), Standing::InFlight(67, 167));
        assert!(in_flight.complete(67).is_some());
        assert_eq!(in_flight.nearest(3, 6), Standing::InFlight(3, 103));
    }
}

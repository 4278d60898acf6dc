//! The messages of one connection that are on their way, oldest first.

use std::collections::VecDeque;

/// Stands for a message whose echo came before those of older ones.
const ECHOED: u64 = 0;

/// See the [module documentation](self). One message on its way takes no heap.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// The number of the oldest, or of the next to be sent if there is none.
    oldest: u64,
    /// When the oldest was sent; `ECHOED` if there is none.
    oldest_sent: u64,
    /// When each later one was sent, or `ECHOED`.
    later: VecDeque<u64>,
    /// One more than the number of the newest message that was echoed.
    newest_echoed: u64,
}

/// A message whose echo has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Landed {
    /// Its number on the connection.
    pub(super) number: u64,
    /// When it was sent.
    pub(super) sent: u64,
    /// Whether the echo of a later one came first.
    pub(super) is_reordered: bool,
}

impl Flights {
    /// The number that the next message has.
    #[inline]
    pub(super) fn next_number(&self) -> u64 {
        match self.oldest_sent {
            ECHOED => self.oldest,
            _ => self.oldest + 1 + self.later.len() as u64,
        }
    }

    /// Notes that the next message is sent, at a time that is not 0.
    #[inline]
    pub(super) fn depart(&mut self, sent: u64) {
        debug_assert_ne!(sent, ECHOED, "the clock has moved since it was started");
        match self.oldest_sent {
            ECHOED => self.oldest_sent = sent,
            _ => self.later.push_back(sent),
        }
    }

    /// The oldest on its way: its number, and when it was sent.
    #[inline]
    pub(super) fn oldest(&self) -> Option<(u64, u64)> {
        (self.oldest_sent != ECHOED).then_some((self.oldest, self.oldest_sent))
    }

    /// When a message was sent, if it is on its way.
    pub(super) fn sent(&self, number: u64) -> Option<u64> {
        let sent = match number.checked_sub(self.oldest)? {
            0 => self.oldest_sent,
            nth => *self.later.get(nth as usize - 1)?,
        };
        (sent != ECHOED).then_some(sent)
    }

    /// Notes that an echo of this message has come; `None` if it was not on its way.
    #[inline]
    pub(super) fn land(&mut self, number: u64) -> Option<Landed> {
        let sent = self.sent(number)?;
        let is_reordered = number < self.newest_echoed;
        self.newest_echoed = self.newest_echoed.max(number + 1);
        match number - self.oldest {
            0 => self.advance(),
            nth => self.later[nth as usize - 1] = ECHOED,
        }
        Some(Landed { number, sent, is_reordered })
    }

    /// Gives the oldest up: its number, and when it was sent.
    pub(super) fn give_up(&mut self) -> Option<(u64, u64)> {
        let oldest = self.oldest()?;
        self.advance();
        Some(oldest)
    }

    /// How many are on their way.
    pub(super) fn len(&self) -> usize {
        let later = self.later.iter().filter(|&&sent| sent != ECHOED).count();
        usize::from(self.oldest_sent != ECHOED) + later
    }

    /// Moves to the next that is on its way.
    #[inline]
    fn advance(&mut self) {
        self.oldest_sent = ECHOED;
        self.oldest += 1;
        while let Some(sent) = self.later.pop_front() {
            if sent != ECHOED {
                self.oldest_sent = sent;
                return;
            }
            self.oldest += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flights(count: u64) -> Flights {
        let mut flights = Flights::default();
        for number in 0..count {
            assert_eq!(flights.next_number(), number);
            flights.depart(100 + number);
        }
        flights
    }

    #[test]
    fn echoes_in_order_leave_nothing() {
        let mut flights = flights(3);
        for number in 0..3 {
            assert_eq!(flights.oldest(), Some((number, 100 + number)));
            let landed = Landed { number, sent: 100 + number, is_reordered: false };
            assert_eq!(flights.land(number), Some(landed));
            assert_eq!(flights.land(number), None, "it landed already");
        }
        assert_eq!((flights.len(), flights.oldest(), flights.next_number()), (0, None, 3));
    }

    #[test]
    fn an_echo_that_overtakes_makes_the_older_one_reordered() {
        let mut flights = flights(4);
        assert!(!flights.land(2).unwrap().is_reordered);
        assert_eq!((flights.len(), flights.next_number()), (3, 4));
        assert!(flights.land(0).unwrap().is_reordered);
        assert!(flights.land(1).unwrap().is_reordered);
        assert!(!flights.land(3).unwrap().is_reordered);
        assert_eq!((flights.len(), flights.next_number()), (0, 4));
    }

    #[test]
    fn what_is_given_up_is_no_longer_on_its_way() {
        let mut flights = flights(3);
        assert!(flights.land(1).is_some());
        assert_eq!(flights.give_up(), Some((0, 100)));
        assert_eq!((flights.land(0), flights.oldest()), (None, Some((2, 102))));
        assert_eq!(flights.give_up(), Some((2, 102)));
        assert_eq!((flights.give_up(), flights.next_number()), (None, 3));
        assert_eq!((flights.land(3), flights.sent(7)), (None, None));
    }
}

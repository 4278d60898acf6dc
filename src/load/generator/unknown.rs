//! Messages of which it is not clear yet what they are: each may be a wrong response to one of ours, or nobody
//! asked for it.
//!
//! What decides is what becomes of ours. An unknown message is held while a message that was sent before it came
//! is in flight. If all of those are echoed, nobody asked for it. If one is not echoed in time, the unknown
//! message was the response to it. So a server that pushes messages and one that answers wrongly are told apart
//! without knowing what they send, at any depth, and each unknown message is one fault at most.
//!
//! A closed loop cannot wait that long for each wrong response. After a moment of patience an unknown message
//! stands in for an echo: the next message is sent, and the count is still decided as above. The patience becomes
//! shorter each time that it was right, and is restored when the echo came after all.

use std::collections::VecDeque;

/// How long an echo is waited for after an unknown message, until the next message is sent: 500 ms at first.
pub(in crate::load) const PATIENCE: u64 = 500_000_000;

/// A shorter patience is none: 10 ms.
const PATIENCE_MIN: u64 = 10_000_000;

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(in crate::load) struct Unknowns {
    /// In the order in which they came.
    held: VecDeque<Unknown>,
    /// How many of the first of them stand in for echoes.
    standing_in: usize,
}

#[derive(Debug)]
struct Unknown {
    /// Messages with lower numbers had been sent when it came.
    horizon: u64,
    /// When it came.
    at: u64,
    what: What,
    /// Its beginning, if few are held: only the first difference of a run is shown.
    sample: Box<[u8]>,
}

/// How many are held until no more beginnings are kept: 4.
const SAMPLES_MAX: usize = 4;

/// What an unknown message is if it turns out not to be a response to one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum What {
    /// A message that nobody asked for.
    Unasked,
    /// The rest of one that has been counted.
    Rest,
    /// The echo of something that was echoed already.
    Repeated,
    /// A message of another connection, which has been counted: ours was not answered by it, and yet its echo
    /// will hardly come.
    Misdelivered,
}

impl Unknowns {
    /// Whether none is held.
    pub(in crate::load) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// How many are held.
    pub(in crate::load) fn len(&self) -> usize {
        self.held.len()
    }

    /// How many stand in for echoes.
    pub(in crate::load) fn standing_in(&self) -> usize {
        self.standing_in
    }

    /// Holds one that came now, when messages with numbers below `horizon` had been sent.
    pub(in crate::load) fn hold(&mut self, what: What, horizon: u64, at: u64, sample: &[u8]) {
        let sample = if self.held.len() < SAMPLES_MAX { sample } else { &[] };
        self.held.push_back(Unknown { horizon, at, what, sample: sample.into() });
    }

    /// Takes the first if there are more than `max`, or if no message from before it came is in flight: the
    /// oldest has the number `oldest`.
    pub(in crate::load) fn release(&mut self, oldest: u64, max: usize) -> Option<What> {
        let first = self.held.front()?;
        if first.horizon > oldest && self.held.len() <= max {
            return None;
        }
        self.pop().map(|first| first.what)
    }

    /// Takes one that came after the message with this number was sent, and its beginning.
    pub(in crate::load) fn take_for(&mut self, number: u64) -> Option<(What, Box<[u8]>)> {
        self.held.front().filter(|first| first.horizon > number)?;
        self.pop().map(|first| (first.what, first.sample))
    }

    /// The number below which messages had been sent when the last one came.
    pub(in crate::load) fn horizon(&self) -> Option<u64> {
        self.held.back().map(|last| last.horizon)
    }

    /// Lets those stand in for echoes that have been held for longer than this; whether there are more of them.
    pub(in crate::load) fn stand_in(&mut self, now: u64, patience: u64) -> bool {
        let before = self.standing_in;
        let rest = self.held.iter().skip(before);
        self.standing_in += rest.take_while(|unknown| unknown.at + patience <= now).count();
        self.standing_in > before
    }

    fn pop(&mut self) -> Option<Unknown> {
        self.standing_in = self.standing_in.saturating_sub(1);
        self.held.pop_front()
    }
}

/// The patience after it was right.
pub(in crate::load) fn shortened(patience: u64) -> u64 {
    if patience / 4 < PATIENCE_MIN { 0 } else { patience / 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_released_when_all_that_it_may_answer_are_echoed() {
        let mut unknowns = Unknowns::default();
        unknowns.hold(What::Unasked, 2, 10, b"first");
        unknowns.hold(What::Rest, 3, 20, b"second");
        assert_eq!(unknowns.release(1, 2), None);
        assert_eq!(unknowns.release(2, 2), Some(What::Unasked));
        assert_eq!(unknowns.release(2, 2), None);
        assert_eq!(unknowns.release(3, 2), Some(What::Rest));
        assert_eq!(unknowns.release(9, 0), None);
    }

    #[test]
    fn one_is_taken_for_what_was_sent_before_it() {
        let mut unknowns = Unknowns::default();
        unknowns.hold(What::Unasked, 2, 10, b"first");
        assert_eq!(unknowns.take_for(2), None);
        assert_eq!(unknowns.take_for(1), Some((What::Unasked, b"first"[..].into())));
        assert!(unknowns.is_empty());
    }

    #[test]
    fn one_stands_in_when_the_patience_is_over() {
        let mut unknowns = Unknowns::default();
        unknowns.hold(What::Unasked, 1, 10, b"");
        unknowns.hold(What::Unasked, 2, 20, b"");
        assert!(!unknowns.stand_in(29, 20));
        assert!(unknowns.stand_in(30, 20));
        assert_eq!((unknowns.standing_in(), unknowns.stand_in(35, 20)), (1, false));
        assert!(unknowns.stand_in(35, 0));
        unknowns.release(1, 2);
        assert_eq!((unknowns.standing_in(), unknowns.len()), (1, 1));
        assert_eq!(shortened(shortened(shortened(PATIENCE))), 0);
    }
}

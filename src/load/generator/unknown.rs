//! Unknown messages: each may be a wrong response to one of ours, or unasked.
//!
//! The fate of our own messages decides. An unknown message is held while a message that was sent
//! before it arrived is in flight. If all of those are echoed, it was unasked. If one is not echoed
//! in time, the unknown message was the response to it. So a server that pushes messages and a
//! server that sends wrong responses are distinguished without knowledge of their content, at any
//! depth, and each unknown message is one fault at most.
//!
//! A closed loop cannot wait that long for each wrong response. After some patience an unknown
//! message stands in for an echo: the next message is sent, and the count is still decided as
//! above. The patience becomes shorter each time that it was right, and is restored when the echo
//! arrives after all.

use std::collections::VecDeque;

/// How long to wait for an echo after an unknown message before the next message is sent: 500 ms at
/// first.
pub(in crate::load) const PATIENCE: u64 = 500_000_000;

/// A shorter patience is rounded down to none: 10 ms.
const PATIENCE_MIN: u64 = 10_000_000;

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(in crate::load) struct Unknowns {
    /// The held messages, in order of arrival.
    held: VecDeque<Unknown>,
    /// The number of messages at the front that stand in for echoes.
    standing_in: usize,
}

#[derive(Debug)]
struct Unknown {
    /// The number of the next message when it arrived: all lower numbers had been sent.
    horizon: u64,
    /// When it arrived.
    at: u64,
    what: What,
    /// Its beginning, if few are held: only the first difference of a run is shown.
    sample: Box<[u8]>,
}

/// The number of held messages up to which their beginnings are kept: 4.
const SAMPLES_MAX: usize = 4;

/// What an unknown message counts as if it turns out not to be a response to one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum What {
    /// An unasked message.
    Unasked,
    /// The rest of a message that was counted already.
    Rest,
    /// The echo of a message that was echoed already.
    Repeated,
    /// A message of another connection, which was counted already: it is not a response to ours,
    /// whose echo will hardly arrive either.
    Misdelivered,
}

impl Unknowns {
    /// Whether no message is held.
    pub(in crate::load) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The number of held messages.
    pub(in crate::load) fn len(&self) -> usize {
        self.held.len()
    }

    /// The number of messages that stand in for echoes.
    pub(in crate::load) fn standing_in(&self) -> usize {
        self.standing_in
    }

    /// Holds a message that arrived at `at`, when messages with numbers below `horizon` had been
    /// sent.
    pub(in crate::load) fn hold(&mut self, what: What, horizon: u64, at: u64, sample: &[u8]) {
        let sample = if self.held.len() < SAMPLES_MAX { sample } else { &[] };
        self.held.push_back(Unknown { horizon, at, what, sample: sample.into() });
    }

    /// Releases the first message if more than `max` are held, or if no message that was sent
    /// before it arrived is in flight: the oldest one in flight has the number `oldest`.
    pub(in crate::load) fn release(&mut self, oldest: u64, max: usize) -> Option<What> {
        let first = self.held.front()?;
        if first.horizon > oldest && self.held.len() <= max {
            return None;
        }
        self.pop().map(|first| first.what)
    }

    /// Takes a message that arrived after the message with this number was sent, and its beginning.
    pub(in crate::load) fn take_for(&mut self, number: u64) -> Option<(What, Box<[u8]>)> {
        self.held.front().filter(|first| first.horizon > number)?;
        self.pop().map(|first| (first.what, first.sample))
    }

    /// The horizon of the last message: all messages with lower numbers had been sent when it
    /// arrived.
    pub(in crate::load) fn horizon(&self) -> Option<u64> {
        self.held.back().map(|last| last.horizon)
    }

    /// Lets messages that were held for longer than `patience` stand in for echoes; returns whether
    /// there are more stand-ins than before.
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

/// The next patience after the current one was right.
pub(in crate::load) fn shortened(patience: u64) -> u64 {
    if patience / 4 < PATIENCE_MIN { 0 } else { patience / 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_released_when_all_messages_before_it_are_echoed() {
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
    fn a_message_is_taken_for_a_message_that_was_sent_before_it() {
        let mut unknowns = Unknowns::default();
        unknowns.hold(What::Unasked, 2, 10, b"first");
        assert_eq!(unknowns.take_for(2), None);
        assert_eq!(unknowns.take_for(1), Some((What::Unasked, b"first"[..].into())));
        assert!(unknowns.is_empty());
    }

    #[test]
    fn a_message_stands_in_when_the_patience_is_over() {
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

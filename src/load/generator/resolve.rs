//! Resolves waiting messages: ours without an echo, and unknown incoming ones.

use super::connection::{Connection, Order, Shared};
use super::recorder::Fault;
use super::stream::Junk;
use super::unknown::{PATIENCE, What};

/// Bytes of a message that are kept to display them.
pub(in crate::load) const SAMPLE_BYTES: usize = 64;

/// The most messages in flight for which the number of possible matches of an unknown message is
/// counted: 256. They are counted for each echo.
const COUNTED_MAX: usize = 256;

/// The number of given up messages that are remembered: a million. The echo of an older one counts
/// as duplicated.
const GIVEN_UP_MAX: usize = 1 << 20;

impl Connection {
    pub(in crate::load) fn hold_junk(
        &mut self,
        shared: &mut Shared,
        junk: Junk,
        sample: &[u8],
        now: u64,
    ) {
        for index in 0..junk.messages {
            let begins = index == 0 && junk.begins;
            self.hold(shared, if begins { What::Unasked } else { What::Rest }, sample, now);
        }
    }

    /// Holds a message until it can be classified; counts it at once if nothing is in flight that
    /// it may be a response to.
    pub(in crate::load) fn hold(
        &mut self,
        shared: &mut Shared,
        what: What,
        message: &[u8],
        now: u64,
    ) {
        let held = self.aside.as_ref().map_or(0, |aside| aside.unknowns.len());
        if held >= self.in_flight.len() {
            return count(shared, what, now);
        }
        let sample = &message[..message.len().min(SAMPLE_BYTES)];
        let unknowns = &mut self.aside.get_or_insert_default().unknowns;
        unknowns.hold(what, self.in_flight.next_number(), now, sample);
        if shared.patience == 0 {
            unknowns.stand_in(now, 0);
        }
    }

    /// Counts held messages that, as is now clear, are not responses to ours. The last echo took
    /// `took` nanoseconds.
    #[inline(never)]
    pub(in crate::load) fn release(&mut self, shared: &mut Shared, now: u64, took: u64) {
        let Some(aside) = &mut self.aside else { return };
        let oldest = self.in_flight.oldest().map_or(u64::MAX, |(number, _)| number);
        while let Some(horizon) = aside.unknowns.horizon() {
            let max = match self.in_flight.len() {
                few @ ..=COUNTED_MAX => {
                    let before = self.in_flight.iter().take_while(|&(number, _)| number < horizon);
                    before.count().min(few)
                }
                many => many,
            };
            let stood_in = aside.unknowns.standing_in() > 0;
            let Some(what) = aside.unknowns.release(oldest, max) else { return };
            // The echo arrived after all.
            if stood_in && what == What::Unasked {
                shared.patience = PATIENCE.max(took.saturating_mul(2));
            }
            count(shared, what, now);
        }
    }

    /// Counts all held messages: nothing is in flight any more.
    pub(in crate::load) fn release_all(&mut self, shared: &mut Shared) {
        let Some(aside) = &mut self.aside else { return };
        while let Some(what) = aside.unknowns.release(u64::MAX, 0) {
            count(shared, what, u64::MAX);
        }
    }

    /// In a closed loop, lets messages that were held for this long stand in for echoes; returns
    /// whether there are more stand-ins than before.
    pub(in crate::load) fn expire_patience(&mut self, patience: u64, now: u64) -> bool {
        self.aside.as_mut().is_some_and(|aside| aside.unknowns.stand_in(now, patience))
    }

    /// Gives up messages that were sent before `deadline` and have no echo. Returns the number of
    /// messages without any response; `None` if there was nothing to give up.
    pub(in crate::load) fn give_up_before(
        &mut self,
        shared: &mut Shared,
        deadline: u64,
        now: u64,
    ) -> Option<usize> {
        let is_over = |connection: &Self| {
            connection.in_flight.oldest().is_some_and(|(_, sent)| sent < deadline)
        };
        if !is_over(self) {
            return None;
        }
        if !shared.is_attributed() {
            if self.order == Order::Going {
                shared.recorder.forget_times_since(self.in_step_at);
            }
            self.order = Order::Lost;
        }
        self.end_junk(shared, now);
        let mut lost = 0;
        while is_over(self) {
            lost += usize::from(self.give_up_one(shared));
        }
        self.release(shared, now, 0);
        self.free_unused();
        Some(lost)
    }

    /// Gives up all messages in flight: the connection has ended.
    pub(in crate::load) fn give_up_all(&mut self, shared: &mut Shared, now: u64) {
        self.end_junk(shared, now);
        while self.in_flight.oldest().is_some() {
            self.give_up_one(shared);
        }
    }

    /// Holds, as unknown, bytes that looked like the beginning of a message for too long.
    fn end_junk(&mut self, shared: &mut Shared, now: u64) {
        let Some(mut aside) = self.aside.take() else { return };
        let junk = aside.stream.as_mut().and_then(|stream| {
            stream.give_up(self.sender(shared, now));
            Some((stream.take_junk()?, stream.sample()))
        });
        self.aside = Some(aside);
        if let Some((junk, sample)) = junk {
            self.hold_junk(shared, junk, &sample, now);
        }
    }

    /// Gives up the oldest message. If an unknown message arrived after it was sent, that was its
    /// response; otherwise it is lost.
    fn give_up_one(&mut self, shared: &mut Shared) -> bool {
        let Some((number, sent)) = self.in_flight.give_up() else { return false };
        shared.counters.in_flight -= 1;
        let intended = self.intended(shared, number, sent);
        let unknown = self.aside.as_mut().and_then(|aside| aside.unknowns.take_for(number));
        let key = (self.connection, if shared.is_attributed() { number } else { u64::MAX });
        let (is_lost, counts) = match unknown {
            Some((what, sample)) if what != What::Misdelivered => {
                shared.recorder.wrong_response(intended, 0);
                self.keep_difference(shared, number, sent, &sample);
                (false, false)
            }
            _ => (true, shared.recorder.lost(intended)),
        };
        if shared.given_up.len() >= GIVEN_UP_MAX {
            shared.given_up.clear();
        }
        shared.given_up.insert(key, counts);
        is_lost
    }
}

/// Counts a message that was not a response to one of ours.
pub(in crate::load) fn count(shared: &mut Shared, what: What, now: u64) {
    match what {
        What::Unasked => shared.recorder.unasked(),
        What::Repeated => shared.recorder.fault(Fault::Duplicated, now),
        What::Rest | What::Misdelivered => {}
    }
}

//! Deadlines: when the reactor handles a connection next, and what it does then.

use super::flags::Flag;
use super::{Connection, Shared};
use crate::limits::{CLOSE_ANSWER_WAIT, Limits};
use crate::net::deadlines::Moment;
use crate::net::network::Stream;
use crate::proto::{End, Error, Framing, Stage};
use crate::service::Service;
use std::num::NonZeroU64;
use std::time::Duration;

/// Activity is stored in ticks of 2^24 ns, about 17 ms. They wrap after two years, and are only
/// ever subtracted.
const TICK_SHIFT: u32 = 24;
const TICK: Duration = Duration::from_nanos(1 << TICK_SHIFT);

impl<T: Stream> Connection<T> {
    /// Handles a deadline that has passed.
    pub(in crate::net) fn expire<S: Service>(&mut self, now: Moment, shared: &mut Shared<'_, S>) {
        match self.session.stage() {
            Stage::Closing if self.awaits_close() => {
                self.session.stop_awaiting_close();
                self.shut_down_output();
            }
            Stage::Closing => self.abort(End::Failed(self.session.timeout_error())),
            // A Close frame cannot be sent after pending output that the peer does not read.
            Stage::Open if self.is_blocked() => self.abort(End::Failed(Error::WriteTimeout)),
            Stage::Open if !self.is_idle(now, shared.limits) => self.check_keepalive(shared),
            _ => {
                self.time_out(shared);
                // The caller waits for an outgoing connection: a slow close must not make it wait
                // longer.
                if let (true, Some(end)) = (self.flags.has(Flag::Opening), self.end) {
                    self.abort(end);
                }
            }
        }
    }

    /// Ends the session because its stage took too long.
    pub(super) fn time_out<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        shared.batch.begin(self.session.tail());
        let error = self.session.time_out(shared.batch);
        self.end_with(End::Failed(error));
        self.send(shared);
    }

    /// When the reactor should handle it next, as of `now`.
    pub(in crate::net) fn next_deadline(&self, now: Moment, limits: &Limits) -> Option<Moment> {
        // One extra tick: a time measured in ticks must not be too short by a fraction of one.
        let left = |whole: Duration| whole.saturating_sub(self.silence(now)) + TICK;
        let opening = self.deadline.filter(|_| self.flags.has(Flag::Opening));
        let wait = match self.session.stage() {
            Stage::Handshake => Some(limits.handshake_timeout),
            Stage::Auth => Some(limits.auth_timeout),
            Stage::Closing if self.awaits_close() => {
                let wait = CLOSE_ANSWER_WAIT.min(limits.close_timeout / 2);
                Some(wait.min(left(limits.close_timeout)))
            }
            Stage::Closing => Some(left(limits.close_timeout)),
            // Nothing is read while output is pending, so the peer cannot count as idle or silent.
            Stage::Open if self.is_blocked() => Some(limits.write_timeout),
            Stage::Open => {
                let idle = limits.idle_timeout.map(left);
                let ping = limits.ping_interval.filter(|_| self.has_pings());
                idle.into_iter().chain(ping).min()
            }
        };
        let deadline = wait.map(|wait| now.saturating_add(wait.as_nanos() as u64));
        // Until an outgoing connection is open, its deadline only moves closer.
        opening.map_or(deadline, |first| deadline.map(|it| it.min(first.get())))
    }

    /// Remembers a new deadline and returns the old one.
    pub(in crate::net) fn replace_deadline(&mut self, deadline: Option<Moment>) -> Option<Moment> {
        let old = self.deadline.map(NonZeroU64::get);
        self.deadline = deadline.and_then(NonZeroU64::new);
        old
    }

    /// Records the start of the closing handshake.
    pub(in crate::net) fn start_close_timer(&mut self, now: Moment) {
        self.active = tick(now);
    }

    /// Pings a silent peer; fails the session if the peer stayed silent after a ping.
    pub(super) fn check_keepalive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if shared.limits.ping_interval.is_none() || !self.has_pings() {
            return;
        }
        if self.flags.replace(Flag::Active, false) {
            self.flags.set(Flag::Pinged, false);
        } else if self.flags.has(Flag::Pinged) {
            self.fail(Error::PingTimeout, shared);
        } else {
            self.flags.set(Flag::Pinged, true);
            self.with_outbox(shared, |_, outbox| outbox.ping());
        }
    }

    pub(super) fn has_pings(&self) -> bool {
        self.session.config().framing == Framing::WebSocket
    }

    pub(super) fn is_idle(&self, now: Moment, limits: &Limits) -> bool {
        limits.idle_timeout.is_some_and(|idle| self.silence(now) >= idle)
    }

    /// Time since the last message was completed, or since closing began.
    pub(super) fn silence(&self, now: Moment) -> Duration {
        TICK * tick(now).wrapping_sub(self.active)
    }
}

pub(super) fn tick(moment: Moment) -> u32 {
    (moment >> TICK_SHIFT) as u32
}

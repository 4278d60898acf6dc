//! How a connection of a load generator handles incoming messages.

use super::connection::{Connection, Order, Shared};
use super::recorder::Fault;
use super::resolve::{SAMPLE_BYTES, count};
use super::stream::Stream;
use super::unknown::{Unknowns, What};
use super::verify::{Echo, Sender, Verifier, verify_oldest};
use crate::load::result::outcome::Difference;
use crate::proto::{Framing, Kind, Message, Outbox};

/// The number of echoes that other bytes precede directly in a stream before those count as part of
/// the echoes: 4. Below, they may be messages of their own that arrived at the same time by chance.
const PREFIXED_MIN: u64 = 4;

/// Unfinished or unknown input of a connection: most of the time there is none.
#[derive(Debug, Default)]
pub(in crate::load) struct Aside {
    verifier: Option<Verifier>,
    pub(in crate::load) stream: Option<Stream>,
    pub(in crate::load) unknowns: Unknowns,
}

impl Aside {
    fn is_needed(&self) -> bool {
        let is_in_stream = self.stream.as_ref().is_some_and(|stream| !stream.is_at_boundary());
        self.verifier.is_some() || is_in_stream || !self.unknowns.is_empty()
    }
}

impl Connection {
    /// Handles a message, or a piece of one, and in a closed loop sends the next message for each
    /// one that it completes.
    #[inline]
    pub(in crate::load) fn on_message(
        &mut self,
        shared: &mut Shared,
        message: &Message<'_>,
        now: u64,
        outbox: &mut Outbox<'_>,
    ) {
        let completed = match shared.framing {
            Framing::Raw | Framing::Line if shared.verify => {
                self.receive_bytes(shared, message.payload, now)
            }
            _ => u32::from(self.receive(shared, message, now)),
        };
        if self.aside.is_some() {
            self.free_unused();
            return self.fill(shared, now, outbox);
        }
        for _ in 0..completed {
            if shared.may_continue() {
                self.send(shared, now, outbox);
            }
        }
    }

    /// Handles a message, or a piece of one; returns whether it completed one of ours.
    #[inline]
    fn receive(&mut self, shared: &mut Shared, message: &Message<'_>, now: u64) -> bool {
        if !shared.verify {
            return message.ends && self.take_any(shared, message.payload.len(), now);
        }
        if message.is_whole()
            && let Some(echo) =
                verify_oldest(self.sender(shared, now), message.kind, message.payload)
        {
            return self.take(shared, echo, message.payload, now);
        }
        self.receive_piece(shared, message, now)
    }

    #[inline(never)]
    fn receive_piece(&mut self, shared: &mut Shared, message: &Message<'_>, now: u64) -> bool {
        let mut verifier = match &mut self.aside {
            Some(aside) if !message.begins => aside.verifier.take(),
            _ => None,
        }
        .unwrap_or_else(|| Verifier::new(message.kind));
        verifier.take(self.sender(shared, now), message.payload);
        if !message.ends {
            self.aside.get_or_insert_default().verifier = Some(verifier);
            return false;
        }
        let echo = verifier.end(self.sender(shared, now));
        let bytes = verifier.bytes();
        match echo {
            Echo::Intact(number) => self.complete(shared, number, now, bytes),
            _ if message.begins => self.take_faulty(shared, echo, message.payload, now),
            _ => self.take_faulty(shared, echo, verifier.head(), now),
        }
    }

    /// Handles bytes without reliable message boundaries; returns how many of our messages they
    /// completed.
    fn receive_bytes(&mut self, shared: &mut Shared, mut bytes: &[u8], now: u64) -> u32 {
        let whole = shared.contents.bytes();
        let mut completed = 0;
        while !bytes.is_empty() {
            let stream = self.aside.as_ref().and_then(|aside| aside.stream.as_ref());
            if stream.is_none_or(Stream::is_at_boundary)
                && let Some((message, rest)) = bytes.split_at_checked(whole)
                && let Some(echo) = verify_oldest(self.sender(shared, now), Kind::Binary, message)
            {
                completed += u32::from(self.take(shared, echo, message, now));
                bytes = rest;
                continue;
            }
            let (used, is_completed) = self.receive_some(shared, bytes, now);
            completed += u32::from(is_completed);
            bytes = &bytes[used..];
        }
        completed
    }

    /// Handles bytes up to the end of a message or of a line; returns their number, and whether
    /// they completed one of our messages.
    #[inline(never)]
    fn receive_some(&mut self, shared: &mut Shared, bytes: &[u8], now: u64) -> (usize, bool) {
        let mut aside = self.aside.take().unwrap_or_default();
        let stream = aside.stream.get_or_insert_with(Stream::new);
        let (used, echo) = stream.take(self.sender(shared, now), bytes);
        if self.in_flight.next_number() == 0 {
            // Nothing was sent that this could be part of an echo of: it is a greeting.
            stream.give_up(self.sender(shared, now));
        }
        let junk = stream.take_junk();
        let sample = junk.map(|_| stream.sample()).unwrap_or_default();
        self.aside = Some(aside);
        if let (Some(_), Some(Echo::Intact(number))) = (junk, echo)
            && self.is_part_of_echo(shared, number)
        {
            return (used, self.complete_broken(shared, number, &sample, now));
        }
        if let Some(junk) = junk {
            self.hold_junk(shared, junk, &sample, now);
        }
        let is_completed = echo.is_some_and(|echo| match echo {
            Echo::Intact(number) => self.complete(shared, number, now, shared.contents.bytes()),
            Echo::Corrupted(number) => {
                let got = self.beginning(shared, number, &bytes[used..]);
                self.complete_broken(shared, number, &got, now)
            }
            _ => self.take_faulty(shared, echo, &bytes[..used], now),
        });
        (used, is_completed)
    }

    /// The stream's bytes in place of this message, which was correct up to `rest`.
    fn beginning(&self, shared: &Shared, number: u64, rest: &[u8]) -> Vec<u8> {
        let stream = self.aside.as_ref().and_then(|aside| aside.stream.as_ref());
        let (Some(stream), Some(sent)) = (stream, self.in_flight.sent(number)) else {
            return Vec::new();
        };
        let message = shared.contents.message(self.stamp(number, sent));
        let mut beginning = match stream.broken_at() {
            0 => stream.sample(),
            offset => message.slices().concat()[..offset].to_vec(),
        };
        beginning.extend_from_slice(&rest[..rest.len().min(SAMPLE_BYTES)]);
        beginning
    }

    /// Whether the bytes directly before an echo belong to it: always on the same line; in raw
    /// bytes if such bytes precede most echoes, and no older message is in flight that they may be
    /// the response to.
    fn is_part_of_echo(&self, shared: &mut Shared, number: u64) -> bool {
        if shared.contents.are_lines() {
            return true;
        }
        if self.in_flight.oldest().is_none_or(|(oldest, _)| oldest != number) {
            return false;
        }
        shared.prefixed += 1;
        let echoes = number.saturating_mul(shared.counters.open as u64);
        shared.prefixed > PREFIXED_MIN && shared.prefixed > echoes / 2
    }

    /// Takes any message as the response to the oldest message in flight.
    fn take_any(&mut self, shared: &mut Shared, bytes: usize, now: u64) -> bool {
        match self.in_flight.oldest() {
            Some((number, _)) => self.complete(shared, number, now, bytes),
            None => {
                self.take_past(shared, u64::MAX, now, What::Unasked);
                false
            }
        }
    }

    /// Counts a message; returns whether it completed one of ours.
    #[inline]
    fn take(&mut self, shared: &mut Shared, echo: Echo, message: &[u8], now: u64) -> bool {
        match echo {
            Echo::Intact(number) => self.complete(shared, number, now, message.len()),
            _ => self.take_faulty(shared, echo, message, now),
        }
    }

    #[inline(never)]
    fn take_faulty(&mut self, shared: &mut Shared, echo: Echo, message: &[u8], now: u64) -> bool {
        match echo {
            Echo::Intact(number) => return self.complete(shared, number, now, message.len()),
            Echo::OpcodeChanged(number) => {
                let sent = self.in_flight.sent(number).unwrap_or(now);
                shared.recorder.fault(Fault::OpcodeChanged, self.intended(shared, number, sent));
                return self.complete(shared, number, now, message.len());
            }
            Echo::Corrupted(number) => return self.complete_broken(shared, number, message, now),
            Echo::Past(number) => self.take_past(shared, number, now, What::Repeated),
            Echo::Repeated(number) if shared.given_up.contains_key(&(self.connection, number)) => {
                self.take_past(shared, number, now, What::Repeated);
            }
            Echo::Repeated(_) => self.hold(shared, What::Repeated, message, now),
            Echo::Misdelivered => {
                shared.recorder.fault(Fault::Misdelivered, now);
                self.hold(shared, What::Misdelivered, message, now);
            }
            Echo::Unknown => self.hold(shared, What::Unasked, message, now),
        }
        false
    }

    /// Counts the echo of a message that is not in flight any more.
    fn take_past(&mut self, shared: &mut Shared, number: u64, now: u64, otherwise: What) {
        let number = if shared.is_attributed() { number } else { u64::MAX };
        match shared.given_up.remove(&(self.connection, number)) {
            Some(true) => shared.recorder.fault(Fault::Late, now),
            Some(false) => {}
            None => count(shared, otherwise, now),
        }
    }

    /// Counts the echo of a message in flight.
    #[inline]
    fn complete(&mut self, shared: &mut Shared, number: u64, now: u64, bytes: usize) -> bool {
        let Some(completed) = self.in_flight.complete(number) else { return false };
        shared.counters.in_flight -= 1;
        let intended = self.intended(shared, number, completed.sent);
        if shared.is_attributed() {
            shared.recorder.echoed(intended, completed.sent, now, bytes);
        } else {
            self.complete_in_order(shared, intended, completed.sent, now, bytes);
        }
        if completed.is_reordered {
            shared.recorder.fault(Fault::Reordered, intended);
        }
        if self.aside.is_some() {
            self.release(shared, now, now.saturating_sub(completed.sent));
        }
        true
    }

    /// Counts a response that is matched to its message by its order: see [`Order`].
    fn complete_in_order(
        &mut self,
        shared: &mut Shared,
        intended: u64,
        sent: u64,
        now: u64,
        bytes: usize,
    ) {
        match self.order {
            Order::Lost => shared.recorder.echoed_untimed(intended, now, bytes),
            Order::Fresh | Order::Going => shared.recorder.echoed(intended, sent, now, bytes),
        }
        if self.in_flight.len() == 0 {
            self.in_step_at = shared.recorder.interval_index();
            self.order = Order::Fresh;
        } else if self.order == Order::Fresh {
            self.order = Order::Going;
        }
    }

    /// Counts a response to a message in flight that is not its echo.
    fn complete_broken(&mut self, shared: &mut Shared, number: u64, got: &[u8], now: u64) -> bool {
        let Some(completed) = self.in_flight.complete(number) else {
            self.hold(shared, What::Unasked, got, now);
            return false;
        };
        shared.counters.in_flight -= 1;
        let intended = self.intended(shared, number, completed.sent);
        shared.recorder.wrong_response(intended, now);
        self.keep_difference(shared, number, completed.sent, got);
        self.release(shared, now, 0);
        true
    }

    pub(in crate::load) fn keep_difference(
        &self,
        shared: &mut Shared,
        number: u64,
        sent: u64,
        got: &[u8],
    ) {
        let Shared { recorder, contents, .. } = shared;
        if got.is_empty() {
            return;
        }
        recorder.differs(|| {
            let sent = contents.message(self.stamp(number, sent)).slices().concat();
            Difference::new(self.connection, Some(&sent), got)
        });
    }

    /// Frees memory when nothing is unfinished or unknown.
    #[inline]
    pub(in crate::load) fn free_unused(&mut self) {
        if self.aside.as_ref().is_some_and(|aside| !aside.is_needed()) {
            self.aside = None;
        }
    }

    #[inline]
    pub(in crate::load) fn sender<'a>(&'a self, shared: &'a Shared, now: u64) -> Sender<'a> {
        let Self { in_flight, connection, .. } = self;
        Sender { contents: &shared.contents, in_flight, connection: *connection, now }
    }
}

//! What a connection of a load generator does with messages that arrive.

use super::connection::{Connection, Order, Shared};
use super::recorder::Fault;
use super::resolve::{SAMPLE_BYTES, count};
use super::stream::Stream;
use super::unknown::{Unknowns, What};
use super::verify::{Echo, Sender, Verifier, verify_oldest};
use crate::load::result::outcome::Difference;
use crate::proto::{Framing, Kind, Message, Outbox};

/// Echoes that something comes right before in a stream, until that is taken for part of them: 4. It may be a
/// message of its own that came at the same time by chance.
const PREFIXED_MIN: u64 = 4;

/// What is unfinished or unclear on a connection: most of the time nothing is.
#[derive(Debug, Default)]
pub(in crate::load) struct Aside {
    arrival: Option<Verifier>,
    pub(in crate::load) stream: Option<Stream>,
    pub(in crate::load) unknowns: Unknowns,
}

impl Aside {
    fn is_needed(&self) -> bool {
        let is_in_stream = self.stream.as_ref().is_some_and(|stream| !stream.is_at_boundary());
        self.arrival.is_some() || is_in_stream || !self.unknowns.is_empty()
    }
}

impl Connection {
    /// Takes a message, or a piece of one, and in a closed loop sends the next for each that it completes.
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
            self.tidy();
            return self.fill(shared, now, outbox);
        }
        for _ in 0..completed {
            if shared.goes_on() {
                self.send(shared, now, outbox);
            }
        }
    }

    /// Takes a message, or a piece of one; whether it completed one of ours.
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
        let mut arrival = match &mut self.aside {
            Some(aside) if !message.begins => aside.arrival.take(),
            _ => None,
        }
        .unwrap_or_else(|| Verifier::new(message.kind));
        arrival.take(self.sender(shared, now), message.payload);
        if !message.ends {
            self.aside.get_or_insert_default().arrival = Some(arrival);
            return false;
        }
        let echo = arrival.end(self.sender(shared, now));
        let bytes = arrival.bytes();
        match echo {
            Echo::Intact(number) => self.complete(shared, number, now, bytes),
            _ if message.begins => self.take_faulty(shared, echo, message.payload, now),
            _ => self.take_faulty(shared, echo, arrival.head(), now),
        }
    }

    /// Takes bytes that nothing divides into messages for sure; how many of ours they completed.
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

    /// Takes bytes up to the end of a message or of a line: how many, and whether they completed one of ours.
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

    /// What came in a stream in place of this message, which was right up to what follows.
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

    /// Whether what came right before an echo belongs to it: on the same line for sure; in bytes if it is so more
    /// often than not, and no older message is in flight that it may be the response to.
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

    /// Takes what came for the response to the oldest, whatever it is.
    fn take_any(&mut self, shared: &mut Shared, bytes: usize, now: u64) -> bool {
        match self.in_flight.oldest() {
            Some((number, _)) => self.complete(shared, number, now, bytes),
            None => {
                self.take_past(shared, u64::MAX, now, What::Unasked);
                false
            }
        }
    }

    /// Counts a message; whether it completed one of ours.
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

    /// Takes the echo of a message that is not in flight any more.
    fn take_past(&mut self, shared: &mut Shared, number: u64, now: u64, otherwise: What) {
        let number = if shared.is_attributed() { number } else { u64::MAX };
        match shared.given_up.remove(&(self.connection, number)) {
            Some(true) => shared.recorder.fault(Fault::Late, now),
            Some(false) => {}
            None => count(shared, otherwise, now),
        }
    }

    /// The echo of a message in flight came.
    #[inline]
    fn complete(&mut self, shared: &mut Shared, number: u64, now: u64, bytes: usize) -> bool {
        let Some(landed) = self.in_flight.complete(number) else { return false };
        shared.counters.in_flight -= 1;
        let intended = self.intended(shared, number, landed.sent);
        if shared.is_attributed() {
            shared.recorder.echoed(intended, landed.sent, now, bytes);
        } else {
            self.complete_in_order(shared, intended, landed.sent, now, bytes);
        }
        if landed.is_reordered {
            shared.recorder.fault(Fault::Reordered, intended);
        }
        if self.aside.is_some() {
            self.release(shared, now, now.saturating_sub(landed.sent));
        }
        true
    }

    /// A response came that only its order matches to its message: see [`Order`].
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

    /// The response to a message in flight came, and is not its echo.
    fn complete_broken(&mut self, shared: &mut Shared, number: u64, got: &[u8], now: u64) -> bool {
        let Some(landed) = self.in_flight.complete(number) else {
            self.hold(shared, What::Unasked, got, now);
            return false;
        };
        shared.counters.in_flight -= 1;
        let intended = self.intended(shared, number, landed.sent);
        shared.recorder.wrong_response(intended, now);
        self.show_difference(shared, number, landed.sent, got);
        self.release(shared, now, 0);
        true
    }

    pub(in crate::load) fn show_difference(
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

    /// Owns no memory when nothing is unfinished or unclear.
    #[inline]
    pub(in crate::load) fn tidy(&mut self) {
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

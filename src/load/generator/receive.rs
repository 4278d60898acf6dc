//! What a connection of a load generator does with messages that arrive.

use super::connection::{Desk, Order, Talk};
use super::recorder::Fault;
use super::resolve::{SAMPLE_BYTES, count};
use super::stream::Stream;
use super::unknown::{Unknowns, What};
use super::verify::{Arrival, Echo, Sender, verify_oldest};
use crate::load::result::outcome::Difference;
use crate::proto::{Framing, Kind, Message, Outbox};

/// Echoes that something comes right before in a stream, until that is taken for part of them: 4. It may be a
/// message of its own that came at the same time by chance.
const PREFIXED_MIN: u64 = 4;

/// What is unfinished or unclear on a connection: most of the time nothing is.
#[derive(Debug, Default)]
pub(in crate::load) struct Aside {
    arrival: Option<Arrival>,
    pub(in crate::load) stream: Option<Stream>,
    pub(in crate::load) unknowns: Unknowns,
}

impl Aside {
    fn is_needed(&self) -> bool {
        let is_in_stream = self.stream.as_ref().is_some_and(|stream| !stream.is_at_boundary());
        self.arrival.is_some() || is_in_stream || !self.unknowns.is_empty()
    }
}

impl Talk {
    /// Takes a message, or a piece of one, and in a closed loop sends the next for each that it completes.
    #[inline]
    pub(in crate::load) fn on_message(
        &mut self,
        desk: &mut Desk,
        message: &Message<'_>,
        now: u64,
        outbox: &mut Outbox<'_>,
    ) {
        let completed = match desk.framing {
            Framing::Raw | Framing::Line if desk.verify => {
                self.receive_bytes(desk, message.payload, now)
            }
            _ => u32::from(self.receive(desk, message, now)),
        };
        if self.aside.is_some() {
            self.tidy();
            return self.fill(desk, now, outbox);
        }
        for _ in 0..completed {
            if desk.goes_on() {
                self.send(desk, now, outbox);
            }
        }
    }

    /// Takes a message, or a piece of one; whether it completed one of ours.
    #[inline]
    fn receive(&mut self, desk: &mut Desk, message: &Message<'_>, now: u64) -> bool {
        if !desk.verify {
            return message.ends && self.take_any(desk, message.payload.len(), now);
        }
        if message.is_whole()
            && let Some(echo) = verify_oldest(self.sender(desk, now), message.kind, message.payload)
        {
            return self.take(desk, echo, message.payload, now);
        }
        self.receive_piece(desk, message, now)
    }

    #[inline(never)]
    fn receive_piece(&mut self, desk: &mut Desk, message: &Message<'_>, now: u64) -> bool {
        let mut arrival = match &mut self.aside {
            Some(aside) if !message.begins => aside.arrival.take(),
            _ => None,
        }
        .unwrap_or_else(|| Arrival::new(message.kind));
        arrival.take(self.sender(desk, now), message.payload);
        if !message.ends {
            self.aside.get_or_insert_default().arrival = Some(arrival);
            return false;
        }
        let echo = arrival.end(self.sender(desk, now));
        let bytes = arrival.bytes();
        match echo {
            Echo::Intact(number) => self.land(desk, number, now, bytes),
            _ if message.begins => self.take_faulty(desk, echo, message.payload, now),
            _ => self.take_faulty(desk, echo, arrival.head(), now),
        }
    }

    /// Takes bytes that nothing divides into messages for sure; how many of ours they completed.
    fn receive_bytes(&mut self, desk: &mut Desk, mut bytes: &[u8], now: u64) -> u32 {
        let whole = desk.contents.bytes();
        let mut completed = 0;
        while !bytes.is_empty() {
            let stream = self.aside.as_ref().and_then(|aside| aside.stream.as_ref());
            if stream.is_none_or(Stream::is_at_boundary)
                && let Some((message, rest)) = bytes.split_at_checked(whole)
                && let Some(echo) = verify_oldest(self.sender(desk, now), Kind::Binary, message)
            {
                completed += u32::from(self.take(desk, echo, message, now));
                bytes = rest;
                continue;
            }
            let (used, is_completed) = self.receive_some(desk, bytes, now);
            completed += u32::from(is_completed);
            bytes = &bytes[used..];
        }
        completed
    }

    /// Takes bytes up to the end of a message or of a line: how many, and whether they completed one of ours.
    #[inline(never)]
    fn receive_some(&mut self, desk: &mut Desk, bytes: &[u8], now: u64) -> (usize, bool) {
        let mut aside = self.aside.take().unwrap_or_default();
        let stream = aside.stream.get_or_insert_with(Stream::new);
        let (used, echo) = stream.take(self.sender(desk, now), bytes);
        let junk = stream.take_junk();
        let sample = junk.map(|_| stream.sample()).unwrap_or_default();
        self.aside = Some(aside);
        if let (Some(_), Some(Echo::Intact(number))) = (junk, echo)
            && self.is_part_of_echo(desk, number)
        {
            return (used, self.complete_broken(desk, number, &sample, now));
        }
        if let Some(junk) = junk {
            self.hold_junk(desk, junk, &sample, now);
        }
        let is_completed = echo.is_some_and(|echo| match echo {
            Echo::Intact(number) => self.land(desk, number, now, desk.contents.bytes()),
            Echo::Corrupted(number) => {
                let got = self.beginning(desk, number, &bytes[used..]);
                self.complete_broken(desk, number, &got, now)
            }
            _ => self.take_faulty(desk, echo, &bytes[..used], now),
        });
        (used, is_completed)
    }

    /// What came in a stream in place of this message, which was right up to what follows.
    fn beginning(&self, desk: &Desk, number: u64, rest: &[u8]) -> Vec<u8> {
        let stream = self.aside.as_ref().and_then(|aside| aside.stream.as_ref());
        let (Some(stream), Some(sent)) = (stream, self.flights.sent(number)) else {
            return Vec::new();
        };
        let message = desk.contents.message(self.stamp(number, sent));
        let mut beginning = match stream.broken_at() {
            0 => stream.sample(),
            offset => message.slices().concat()[..offset].to_vec(),
        };
        beginning.extend_from_slice(&rest[..rest.len().min(SAMPLE_BYTES)]);
        beginning
    }

    /// Whether what came right before an echo belongs to it: on the same line for sure; in bytes if it is so more
    /// often than not, and no older message is in flight that it may be the response to.
    fn is_part_of_echo(&self, desk: &mut Desk, number: u64) -> bool {
        if desk.contents.are_lines() {
            return true;
        }
        if self.flights.oldest().is_none_or(|(oldest, _)| oldest != number) {
            return false;
        }
        desk.prefixed += 1;
        let echoes = number.saturating_mul(desk.tally.open as u64);
        desk.prefixed > PREFIXED_MIN && desk.prefixed > echoes / 2
    }

    /// Takes what came for the response to the oldest, whatever it is.
    fn take_any(&mut self, desk: &mut Desk, bytes: usize, now: u64) -> bool {
        match self.flights.oldest() {
            Some((number, _)) => self.land(desk, number, now, bytes),
            None => {
                self.take_past(desk, u64::MAX, now, What::Unasked);
                false
            }
        }
    }

    /// Counts a message; whether it completed one of ours.
    #[inline]
    fn take(&mut self, desk: &mut Desk, echo: Echo, message: &[u8], now: u64) -> bool {
        match echo {
            Echo::Intact(number) => self.land(desk, number, now, message.len()),
            _ => self.take_faulty(desk, echo, message, now),
        }
    }

    #[inline(never)]
    fn take_faulty(&mut self, desk: &mut Desk, echo: Echo, message: &[u8], now: u64) -> bool {
        match echo {
            Echo::Intact(number) => return self.land(desk, number, now, message.len()),
            Echo::OpcodeChanged(number) => {
                let sent = self.flights.sent(number).unwrap_or(now);
                desk.recorder.fault(Fault::OpcodeChanged, self.intended(desk, number, sent));
                return self.land(desk, number, now, message.len());
            }
            Echo::Corrupted(number) => return self.complete_broken(desk, number, message, now),
            Echo::Past(number) => self.take_past(desk, number, now, What::Repeated),
            Echo::Repeated(number) if desk.given_up.contains_key(&(self.connection, number)) => {
                self.take_past(desk, number, now, What::Repeated);
            }
            Echo::Repeated(_) => self.hold(desk, What::Repeated, message, now),
            Echo::Misdelivered => {
                desk.recorder.fault(Fault::Misdelivered, now);
                self.hold(desk, What::Misdelivered, message, now);
            }
            Echo::Unknown => self.hold(desk, What::Unasked, message, now),
        }
        false
    }

    /// Takes the echo of a message that is not in flight any more.
    fn take_past(&mut self, desk: &mut Desk, number: u64, now: u64, otherwise: What) {
        let number = if desk.is_attributed() { number } else { u64::MAX };
        match desk.given_up.remove(&(self.connection, number)) {
            Some(true) => desk.recorder.fault(Fault::Late, now),
            Some(false) => {}
            None => count(desk, otherwise, now),
        }
    }

    /// The echo of a message in flight came.
    #[inline]
    fn land(&mut self, desk: &mut Desk, number: u64, now: u64, bytes: usize) -> bool {
        let Some(landed) = self.flights.land(number) else { return false };
        desk.tally.on_their_way -= 1;
        let intended = self.intended(desk, number, landed.sent);
        if desk.is_attributed() {
            desk.recorder.echoed(intended, landed.sent, now, bytes);
        } else {
            self.land_in_order(desk, intended, landed.sent, now, bytes);
        }
        if landed.is_reordered {
            desk.recorder.fault(Fault::Reordered, intended);
        }
        if self.aside.is_some() {
            self.release(desk, now, now.saturating_sub(landed.sent));
        }
        true
    }

    /// A response came that only its order matches to its message: see [`Order`].
    fn land_in_order(&mut self, desk: &mut Desk, intended: u64, sent: u64, now: u64, bytes: usize) {
        match self.order {
            Order::Lost => desk.recorder.echoed_untimed(intended, now, bytes),
            Order::Fresh | Order::Going => desk.recorder.echoed(intended, sent, now, bytes),
        }
        if self.flights.len() == 0 {
            self.in_step_at = desk.recorder.interval_index();
            self.order = Order::Fresh;
        } else if self.order == Order::Fresh {
            self.order = Order::Going;
        }
    }

    /// The response to a message in flight came, and is not its echo.
    fn complete_broken(&mut self, desk: &mut Desk, number: u64, got: &[u8], now: u64) -> bool {
        let Some(landed) = self.flights.land(number) else {
            self.hold(desk, What::Unasked, got, now);
            return false;
        };
        desk.tally.on_their_way -= 1;
        let intended = self.intended(desk, number, landed.sent);
        desk.recorder.answered_wrongly(intended, now);
        self.show_difference(desk, number, landed.sent, got);
        self.release(desk, now, 0);
        true
    }

    pub(in crate::load) fn show_difference(
        &self,
        desk: &mut Desk,
        number: u64,
        sent: u64,
        got: &[u8],
    ) {
        let Desk { recorder, contents, .. } = desk;
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
    pub(in crate::load) fn sender<'a>(&'a self, desk: &'a Desk, now: u64) -> Sender<'a> {
        let Self { flights, connection, .. } = self;
        Sender { contents: &desk.contents, flights, connection: *connection, now }
    }
}

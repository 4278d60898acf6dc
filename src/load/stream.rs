//! Messages in a stream that nothing divides but their own stamps: raw bytes, and lines of which an end may be
//! missing. After bytes that are not ours it goes on at the next stamp, so that a fault costs what it touched.
//!
//! Every byte is looked at a bounded number of times: a window as long as a stamp moves over what is not
//! recognized.

use super::arrival::{Echo, Identity, Owner, Sender};
use super::content::STAMP_BYTES;
use crate::proto::Kind;

/// Bytes of junk that are kept to show them.
const SAMPLE_BYTES: usize = 64;

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Stream {
    stage: Stage,
    /// Bytes that may begin a message, and how many.
    window: [u8; STAMP_BYTES],
    filled: usize,
    /// Bytes of junk to come that belong to what has been reported.
    covered: usize,
    /// Whether what came last was junk.
    in_run: bool,
    /// Junk that was found and not yet [taken](Self::take_junk).
    junk: Junk,
    sample: [u8; SAMPLE_BYTES],
    sampled: usize,
    broken_at: usize,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// A message should begin.
    Boundary,
    /// A message has begun, and this many bytes of it were right.
    Body(Identity, usize),
    /// The beginning of a message is looked for.
    Search,
}

/// Bytes that are not ours, counted in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Junk {
    /// As many of our messages as would be that long, at least one.
    pub(super) messages: u32,
    /// Whether the first is something new, and not more of the junk before.
    pub(super) begins: bool,
}

impl Stream {
    /// Nothing has come.
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Boundary,
            window: [0; STAMP_BYTES],
            filled: 0,
            covered: 0,
            in_run: false,
            junk: Junk::default(),
            sample: [0; SAMPLE_BYTES],
            sampled: 0,
            broken_at: 0,
        }
    }

    /// Whether a message should begin with the next byte.
    pub(super) fn is_at_boundary(&self) -> bool {
        matches!(self.stage, Stage::Boundary) && self.filled == 0
    }

    /// Takes bytes up to the end of a message, or of a line of junk: how many, and what the message was.
    /// [Junk](Self::take_junk) that was found came before it.
    pub(super) fn take(&mut self, sender: Sender<'_>, bytes: &[u8]) -> (usize, Option<Echo>) {
        let mut used = 0;
        loop {
            if let Stage::Body(identity, offset) = self.stage {
                let (count, echo) = self.take_body(sender, identity, offset, &bytes[used..]);
                return (used + count, echo);
            }
            let Some(&byte) = bytes.get(used) else { return (used, None) };
            used += 1;
            self.window[self.filled] = byte;
            self.filled += 1;
            let (echo, ends_line) = self.look(sender);
            if echo.is_some() || ends_line {
                return (used, echo);
            }
        }
    }

    /// Junk that was found since the last time.
    pub(super) fn take_junk(&mut self) -> Option<Junk> {
        let junk = std::mem::take(&mut self.junk);
        (junk.messages > 0).then_some(junk)
    }

    /// How many bytes of the last corrupted message were right; if none, [`sample`](Self::sample) is how it began.
    pub(super) fn broken_at(&self) -> usize {
        self.broken_at
    }

    /// The beginning of the junk that was found last.
    pub(super) fn sample(&self) -> Vec<u8> {
        let sample = self.sample[..self.sampled].iter().chain(&self.window[..self.filled]);
        sample.take(SAMPLE_BYTES).copied().collect()
    }

    /// What may have begun a message has not gone on for long: it is junk.
    pub(super) fn give_up(&mut self, sender: Sender<'_>) {
        if !matches!(self.stage, Stage::Body(..)) {
            self.stage = Stage::Search;
            while self.filled > 0 {
                self.drop_first(sender);
            }
        }
    }

    /// Goes on with a message that has begun.
    fn take_body(
        &mut self,
        sender: Sender<'_>,
        identity: Identity,
        offset: usize,
        bytes: &[u8],
    ) -> (usize, Option<Echo>) {
        let whole = sender.contents.bytes();
        let piece = &bytes[..bytes.len().min(whole - offset)];
        let message = sender.contents.message(identity.stamp);
        if !message.matches(offset, piece) {
            let count = message.matching(offset, piece);
            let offset = offset + count;
            self.broken_at = offset;
            // The next message may have begun in what seemed right.
            let room = sender.contents.window_bytes() - 1;
            self.filled = message.copy_before(offset, &mut self.window[..room]);
            self.covered = self.filled + whole - offset + slack(whole);
            self.stage = Stage::Search;
            return (count, Some(identity.broken()));
        }
        let offset = offset + piece.len();
        if offset < whole {
            self.stage = Stage::Body(identity, offset);
            return (piece.len(), None);
        }
        self.stage = Stage::Boundary;
        (piece.len(), Some(identity.whole(Kind::Binary, sender.contents)))
    }

    /// Looks at the window, which has one byte more: whether a message begins there. Whether a line of junk
    /// ends.
    fn look(&mut self, sender: Sender<'_>) -> (Option<Echo>, bool) {
        let mut ends_line = false;
        while self.filled > 0 && !self.may_begin(sender) {
            ends_line |= self.drop_first(sender);
        }
        if self.filled < sender.contents.window_bytes() {
            return (None, ends_line);
        }
        let is_at_boundary = matches!(self.stage, Stage::Boundary);
        let identity = sender
            .identify(&self.window[..self.filled])
            .filter(|identity| is_at_boundary || !matches!(identity.owner, Owner::Repeated(_)));
        if let Some(identity) = identity {
            self.stage = Stage::Body(identity, self.filled);
            (self.filled, self.covered, self.in_run) = (0, 0, false);
            let (_, echo) = self.take_body(sender, identity, sender.contents.window_bytes(), &[]);
            return (echo, ends_line);
        }
        let resembling = sender.resembling(&self.window[..self.filled]).filter(|_| is_at_boundary);
        if resembling.is_some() {
            let whole = sender.contents.bytes();
            self.covered = whole + slack(whole);
            (self.sampled, self.broken_at) = (0, 0);
        }
        ends_line |= self.drop_first(sender);
        (resembling.map(Echo::Corrupted), ends_line)
    }

    /// Whether the window may be the beginning of a message.
    fn may_begin(&self, sender: Sender<'_>) -> bool {
        sender.contents.may_begin(&self.window[..self.filled])
    }

    /// The first byte of the window is junk. Whether it ends a line of junk.
    fn drop_first(&mut self, sender: Sender<'_>) -> bool {
        let byte = self.window[0];
        self.window.copy_within(1..self.filled, 0);
        self.filled -= 1;
        self.stage = Stage::Search;
        let whole = sender.contents.bytes();
        if self.covered == 0 {
            self.report(whole);
        }
        self.covered -= 1;
        if let Some(room) = self.sample.get_mut(self.sampled) {
            *room = byte;
            self.sampled += 1;
        }
        // The rest of a damaged message may begin with a newline that does not end it.
        let may_end = self.in_run || self.covered <= slack(whole);
        let ends_line = byte == b'\n' && sender.contents.are_lines() && may_end;
        if ends_line {
            (self.covered, self.in_run) = (0, false);
            self.stage = if self.filled == 0 { Stage::Boundary } else { Stage::Search };
        }
        ends_line
    }

    /// Counts junk as one message more.
    fn report(&mut self, whole: usize) {
        self.covered = whole;
        if !self.in_run {
            self.covered += slack(whole);
            self.sampled = 0;
        }
        if self.junk.messages == 0 {
            self.junk.begins = !self.in_run;
        }
        self.junk.messages += 1;
        self.in_run = true;
    }
}

/// By how much damage may make a message longer without being a message itself: half of its size.
fn slack(whole: usize) -> usize {
    whole / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::content::{Contents, Stamp};
    use crate::load::flights::Flights;
    use crate::load::plan::Content;
    use crate::proto::Framing;
    use Seen::{Echoed, Rest, Unknown};

    const CONNECTION: u32 = 7;
    const NOW: u64 = 5_000_000_000;

    /// What a stream is found to be.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Seen {
        Echoed(Echo),
        Unknown,
        Rest,
    }

    fn contents(framing: Framing, bytes: usize) -> Contents {
        Contents::new(&Content::Stamped { bytes, binary: true }, framing)
    }

    /// Messages in flight, and their bytes.
    fn in_flight(contents: &Contents, count: u64) -> (Flights, Vec<Vec<u8>>) {
        let mut flights = Flights::default();
        let messages = (0..count).map(|number| {
            flights.depart(NOW + number);
            message(contents, number)
        });
        let messages = messages.collect();
        (flights, messages)
    }

    fn message(contents: &Contents, number: u64) -> Vec<u8> {
        let stamp = Stamp { number, connection: CONNECTION, time: NOW + number };
        contents.message(stamp).slices().concat()
    }

    /// The same, in whatever pieces it comes.
    #[track_caller]
    fn read(contents: &Contents, count: u64, bytes: &[u8]) -> Vec<Seen> {
        let whole = read_by(contents, count, bytes, usize::MAX);
        for size in [1, 2, 5, 23, 24, 25, 63, 64, 65, 100] {
            let pieces = read_by(contents, count, bytes, size);
            assert_eq!(pieces, whole, "in pieces of {size}");
        }
        whole
    }

    fn read_by(contents: &Contents, count: u64, bytes: &[u8], size: usize) -> Vec<Seen> {
        let (mut flights, _) = in_flight(contents, count);
        let mut stream = Stream::new();
        let mut seen = Vec::new();
        for mut piece in bytes.chunks(size.min(bytes.len().max(1))) {
            while !piece.is_empty() {
                let now = NOW + 1_000;
                let sender = Sender { contents, flights: &flights, connection: CONNECTION, now };
                let (used, echo) = stream.take(sender, piece);
                piece = &piece[used..];
                note_junk(&mut stream, &mut seen);
                if let Some(Echo::Intact(number) | Echo::Corrupted(number)) = echo {
                    flights.land(number).expect("it was in flight");
                }
                seen.extend(echo.map(Echoed));
            }
        }
        let now = NOW + 1_000;
        stream.give_up(Sender { contents, flights: &flights, connection: CONNECTION, now });
        note_junk(&mut stream, &mut seen);
        seen
    }

    fn note_junk(stream: &mut Stream, seen: &mut Vec<Seen>) {
        let Some(junk) = stream.take_junk() else { return };
        seen.extend((0..junk.messages).map(|index| match index == 0 && junk.begins {
            true => Unknown,
            false => Rest,
        }));
    }

    fn intact(numbers: impl IntoIterator<Item = u64>) -> Vec<Seen> {
        numbers.into_iter().map(|number| Echoed(Echo::Intact(number))).collect()
    }

    const FRAMINGS: [Framing; 2] = [Framing::Raw, Framing::Line];

    #[test]
    fn echoes_are_found_in_any_pieces_and_any_order() {
        for framing in FRAMINGS {
            for bytes in [2, 5, 8, 20, 24, 25, 26, 64, 300] {
                let contents = contents(framing, bytes);
                let (_, messages) = in_flight(&contents, 4);
                assert_eq!(read(&contents, 4, &messages.concat()), intact(0..4), "{bytes}");
                let swapped = [&messages[1][..], &messages[0], &messages[3], &messages[2]].concat();
                assert_eq!(read(&contents, 4, &swapped), intact([1, 0, 3, 2]), "{bytes}");
                let one_lost = [&messages[0][..], &messages[2], &messages[3]].concat();
                assert_eq!(read(&contents, 4, &one_lost), intact([0, 2, 3]), "{bytes}");
            }
        }
    }

    #[test]
    fn a_banner_is_one_unknown_message_and_costs_nothing_else() {
        for (framing, banner) in FRAMINGS.into_iter().zip(["220 ready ", "220 ready\n"]) {
            let contents = contents(framing, 64);
            let (_, messages) = in_flight(&contents, 3);
            let expected = [vec![Unknown], intact(0..3)].concat();
            let bytes = [banner.as_bytes(), &messages.concat()].concat();
            assert_eq!(read(&contents, 3, &bytes), expected);
        }
        let contents = contents(Framing::Line, 64);
        assert_eq!(read(&contents, 1, b"one\ntwo\n\n"), [Unknown, Unknown, Unknown]);
        let long = [vec![b'!'; 64 + 33], message(&contents, 0)].concat();
        assert_eq!(read(&contents, 1, &long), [Unknown, Rest, Echoed(Echo::Intact(0))]);
    }

    #[test]
    fn a_byte_that_is_lost_costs_one_message_wherever_it_was() {
        for framing in FRAMINGS {
            let contents = contents(framing, 64);
            let (_, messages) = in_flight(&contents, 4);
            for lost in 0..64 {
                let mut bytes = messages.concat();
                bytes.remove(64 + lost);
                let seen = read(&contents, 4, &bytes);
                // A byte like its neighbour may be missing from either.
                let bad = if seen[1] == Echoed(Echo::Intact(1)) { 2 } else { 1 };
                assert_eq!(
                    seen.iter().filter(|seen| !is_intact(seen)).count(),
                    1,
                    "{lost}: {seen:?}"
                );
                assert!(is_fault_of(seen[bad], bad as u64), "{lost}: {seen:?}");
            }
        }
    }

    #[test]
    fn a_byte_that_is_inserted_costs_one_message_at_most() {
        for framing in FRAMINGS {
            let contents = contents(framing, 64);
            let (_, messages) = in_flight(&contents, 4);
            for inserted in [b'!', b'a', b'\n'] {
                for place in 1..64 {
                    let mut bytes = messages.concat();
                    bytes.insert(64 + place, inserted);
                    let seen = read(&contents, 4, &bytes);
                    let bad = seen.iter().filter(|seen| !is_intact(seen)).count();
                    let good = seen.iter().filter(|seen| is_intact(seen)).count();
                    // A newline in the stamp makes two lines of junk.
                    let is_split = framing == Framing::Line && inserted == b'\n' && place < 24;
                    let bad_max = if is_split { 2 } else { 1 };
                    assert!(bad <= bad_max && good >= 3, "{inserted} at {place}: {seen:?}");
                }
            }
        }
    }

    fn is_intact(seen: &Seen) -> bool {
        matches!(seen, Echoed(Echo::Intact(_)))
    }

    fn is_fault_of(seen: Seen, number: u64) -> bool {
        seen == Unknown || seen == Echoed(Echo::Corrupted(number))
    }

    #[test]
    fn a_flipped_bit_costs_one_message() {
        for framing in FRAMINGS {
            let contents = contents(framing, 64);
            let (_, messages) = in_flight(&contents, 3);
            for bit in 0..64 * 8 {
                let mut bytes = messages.concat();
                bytes[64 + bit / 8] ^= 1 << (bit % 8);
                let seen = read(&contents, 3, &bytes);
                assert_eq!(seen.len(), 3, "{bit}: {seen:?}");
                assert!(is_fault_of(seen[1], 1), "{bit}: {seen:?}");
                assert!(is_intact(&seen[0]) && is_intact(&seen[2]), "{bit}: {seen:?}");
            }
        }
    }

    #[test]
    fn a_short_response_is_unknown_before_more_comes() {
        let contents = contents(Framing::Raw, 64);
        let (flights, _) = in_flight(&contents, 1);
        let sender =
            Sender { contents: &contents, flights: &flights, connection: CONNECTION, now: NOW };
        let mut stream = Stream::new();
        assert_eq!(stream.take(sender, b"error: busy"), (11, None));
        assert_eq!(stream.take_junk(), Some(Junk { messages: 1, begins: true }));
        assert_eq!(stream.sample(), b"error: busy");
        // Nothing but characters of a stamp may be the beginning of one.
        let mut stream = Stream::new();
        assert_eq!(stream.take(sender, b"busy"), (4, None));
        assert_eq!(stream.take_junk(), None);
        stream.give_up(sender);
        assert_eq!(stream.take_junk(), Some(Junk { messages: 1, begins: true }));
    }

    #[test]
    fn the_search_is_linear() {
        let contents = contents(Framing::Raw, 64);
        let (flights, _) = in_flight(&contents, 1);
        let sender =
            Sender { contents: &contents, flights: &flights, connection: CONNECTION, now: NOW };
        // Every window has the characters of a stamp. Four bytes at a time, this is slow if it is not linear.
        let junk = vec![b'z'; 1 << 20];
        let mut stream = Stream::new();
        for piece in junk.chunks(4) {
            assert_eq!(stream.take(sender, piece), (4, None));
        }
        stream.take_junk();
        assert_eq!(stream.take(sender, &message(&contents, 0)), (64, Some(Echo::Intact(0))));
    }

    #[test]
    fn a_message_of_another_connection_is_that() {
        let contents = contents(Framing::Raw, 64);
        let stamp = Stamp { number: 3, connection: 1, time: NOW };
        let other = contents.message(stamp).slices().concat();
        let bytes = [&message(&contents, 0)[..], &other, &message(&contents, 1)].concat();
        let expected = [Echo::Intact(0), Echo::Misdelivered, Echo::Intact(1)].map(Echoed);
        assert_eq!(read(&contents, 2, &bytes), expected);
    }
}

//! Messages in a stream without boundaries other than their stamps: raw bytes, and lines of which a
//! newline may be missing. After foreign bytes it continues at the next stamp, so that a fault
//! costs only the messages it affects.
//!
//! Every byte is examined a bounded number of times: a window of the length of a stamp moves over
//! unrecognized input.

use super::payload::STAMP_BYTES;
use super::verify::{Echo, Identity, Owner, Sender};
use crate::proto::Kind;

/// Bytes of junk that are kept to display them.
const SAMPLE_BYTES: usize = 64;

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::load) struct Stream {
    stage: Stage,
    /// Bytes that may begin a message, and their number.
    window: [u8; STAMP_BYTES],
    filled: usize,
    /// The number of junk bytes still to come that belong to junk already reported.
    covered: usize,
    /// Whether the last bytes were junk.
    in_run: bool,
    /// Junk that was found and not yet [taken](Self::take_junk).
    junk: Junk,
    sample: [u8; SAMPLE_BYTES],
    sampled: usize,
    broken_at: usize,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The next byte should begin a message.
    Boundary,
    /// A message has begun, and this number of its bytes was correct.
    Body(Identity, usize),
    /// The stream searches for the beginning of a message.
    Search,
}

/// Foreign bytes, counted in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::load) struct Junk {
    /// The number of our messages with the same total length, at least one.
    pub(in crate::load) messages: u32,
    /// Whether the first one is new, and not a continuation of the junk before.
    pub(in crate::load) begins: bool,
}

impl Stream {
    /// Creates a stream before any input.
    pub(in crate::load) fn new() -> Self {
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

    /// Whether the next byte should begin a message.
    pub(in crate::load) fn is_at_boundary(&self) -> bool {
        matches!(self.stage, Stage::Boundary) && self.filled == 0
    }

    /// Takes bytes up to the end of a message, or of a line of junk. Returns their number, and the
    /// classified message. Any [junk](Self::take_junk) that was found precedes it.
    pub(in crate::load) fn take(
        &mut self,
        sender: Sender<'_>,
        bytes: &[u8],
    ) -> (usize, Option<Echo>) {
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
            let (echo, ends_line) = self.examine(sender);
            if echo.is_some() || ends_line {
                return (used, echo);
            }
        }
    }

    /// Returns and resets the junk that was found since the last call.
    pub(in crate::load) fn take_junk(&mut self) -> Option<Junk> {
        let junk = std::mem::take(&mut self.junk);
        (junk.messages > 0).then_some(junk)
    }

    /// The number of correct bytes of the last corrupted message; if it is 0,
    /// [`sample`](Self::sample) is the message's beginning.
    pub(in crate::load) fn broken_at(&self) -> usize {
        self.broken_at
    }

    /// The beginning of the last junk.
    pub(in crate::load) fn sample(&self) -> Vec<u8> {
        let sample = self.sample[..self.sampled].iter().chain(&self.window[..self.filled]);
        sample.take(SAMPLE_BYTES).copied().collect()
    }

    /// Gives up a possible beginning of a message that has not continued for long: it is junk.
    pub(in crate::load) fn give_up(&mut self, sender: Sender<'_>) {
        if !matches!(self.stage, Stage::Body(..)) {
            self.stage = Stage::Search;
            while self.filled > 0 {
                self.drop_first(sender);
            }
        }
    }

    /// Continues a message that has begun.
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
            // The next message may have begun within the bytes that seemed correct.
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

    /// Examines the window, which has one more byte. Returns the message that begins there, and
    /// whether a line of junk ends.
    fn examine(&mut self, sender: Sender<'_>) -> (Option<Echo>, bool) {
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

    /// Drops the first byte of the window as junk. Returns whether it ends a line of junk.
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

    /// Counts junk as one more message.
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

/// How much longer damage may make a message without counting as another message: half of its size.
fn slack(whole: usize) -> usize {
    whole / 2
}

#[cfg(test)]
mod tests;

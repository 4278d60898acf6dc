//! One buffer for one batch: what a read brought in, and the answers to it.
//!
//! ```text
//!  0          answers.start   answers.end     unread.start     unread.end      capacity
//!  | given up      | answers       | consumed        | unread         | free       |
//! ```
//!
//! Reading consumes from the left edge of *unread*; answers grow into the space that leaves. A masked
//! frame is four bytes longer than its echo, so an echo always fits where its frame stood, and a payload
//! is unmasked right where the answer to it would put it: an echo only writes a header in front of it.
//! What does not fit goes to the *spill*, and after the first such byte everything does, so order is kept.
//!
//! A few bytes of input can ask for very much: compressed zeros are a thousandth of what they stand for. So a
//! batch counts what it does ([`Batch::is_full`]), and everything that it needs beside its buffer is taken from
//! the room that it was given ([`Batch::allow`]).
//!
//! Invariant: `output.start <= output.end <= unread.start <= unread.end <= capacity`.
//! A reactor owns one batch for all its connections; between drives it holds nothing of any of them.

use super::deflate::codec::Codec;
use super::error::Error;
use super::frame::Header;
use super::mask;
use super::send_buffer::SendBuffer;
use super::spill::Spill;
use std::ops::Range;

/// Fills a slice with unpredictable bytes (masking keys, challenges).
pub type Random = Box<dyn FnMut(&mut [u8])>;

/// What one batch may do for its connection: bytes of output that do not fit where the input was, and bytes that are
/// compressed or decompressed. 1 MiB, which takes about a millisecond, so that nobody waits longer for one that
/// sends compressed zeros. One message is never divided: a large one may pass the bound, once, and then others
/// go first.
pub const BATCH_WORK_BYTES_MAX: usize = 1024 * 1024;

/// See the [module documentation](self).
pub struct Batch {
    bytes: Box<[u8]>,
    output: Range<usize>,
    unread: Range<usize>,
    /// Answers that found no room in front of the unread bytes. They follow `output`.
    spill: Spill,
    /// The message that a session collected over several reads or decompressed, while it is lent to the service.
    assembled: SendBuffer,
    random: Random,
    codec: Codec,
    /// What had been done when the batch was finished.
    finished_work: usize,
}

impl Batch {
    /// A batch with a buffer of `capacity` bytes, and the source of every random byte that sessions need.
    pub fn new(capacity: usize, random: Random) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            output: 0..0,
            unread: 0..0,
            spill: Spill::default(),
            assembled: SendBuffer::default(),
            random,
            codec: Codec::default(),
            finished_work: 0,
        }
    }

    /// Starts anew with the `tail` that the connection's last batch left unread.
    ///
    /// # Panics
    /// If the tail fills the buffer: a session keeps no more undecoded bytes than its limits allow.
    pub fn begin(&mut self, tail: &[u8]) {
        assert!(tail.len() < self.bytes.len(), "a tail leaves room to read");
        self.bytes[..tail.len()].copy_from_slice(tail);
        self.output = 0..0;
        self.unread = 0..tail.len();
        self.forget();
        self.finished_work = 0;
    }

    /// Forgets everything, now that it is sent or kept, and gives large memory back. What was done is still
    /// known.
    #[inline]
    pub fn finish(&mut self) {
        self.finished_work = self.spill.len() + self.codec.work();
        self.output = 0..0;
        self.unread = 0..0;
        self.forget();
    }

    /// Forgets what is beside the buffer.
    #[inline]
    fn forget(&mut self) {
        self.codec.forget_work();
        self.spill.clear();
        self.release_message();
    }

    /// Says how many bytes the next batches may need beside the buffer. By default there is no limit.
    pub fn allow(&mut self, room: usize) {
        self.spill.set_room(room);
    }

    /// What this batch has done so far beyond reading: bytes of answers that found no room where the input was, and
    /// those that it compressed or decompressed.
    #[inline]
    pub fn work(&self) -> usize {
        self.finished_work + self.spill.len() + self.codec.work()
    }

    /// Whether it has done so much that the unread rest should wait for another batch, so that others have
    /// their turn and the answers can be sent: [`BATCH_WORK_BYTES_MAX`], or all that there was room for.
    #[inline]
    pub fn is_full(&self) -> bool {
        // What is in the buffer cannot be too much.
        (self.spill.len() + self.codec.work() >= BATCH_WORK_BYTES_MAX || self.spill.is_exhausted())
            // A tail must leave room to read.
            && self.unread.len() < self.bytes.len()
    }

    /// Whether answers had no room and are lost: the session cannot go on. Says so once.
    pub fn take_exhaustion(&mut self) -> bool {
        self.spill.take_exhaustion()
    }

    /// Gives back the memory of the message that was lent last.
    #[inline]
    pub fn release_message(&mut self) {
        if self.spill.has_beside() {
            self.hold_assembled(SendBuffer::default());
        }
    }

    /// How many bytes may still be needed beside the buffer.
    pub(crate) fn room(&self) -> usize {
        self.spill.room_beside()
    }

    /// Where a read may put its bytes; report them with [`filled`](Self::filled).
    pub fn free(&mut self) -> &mut [u8] {
        &mut self.bytes[self.unread.end..]
    }

    /// Says that a read put `count` bytes into [`free`](Self::free).
    pub fn filled(&mut self, count: usize) {
        self.unread.end += count;
        debug_assert!(self.unread.end <= self.bytes.len());
    }

    /// What was received and not yet consumed.
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.unread.clone()]
    }

    /// The answers so far, in two parts that follow each other.
    pub fn output(&self) -> [&[u8]; 2] {
        [&self.bytes[self.output.clone()], self.spill.bytes()]
    }

    /// Gives up `count` bytes from the front of the unread ones.
    pub(crate) fn consume(&mut self, count: usize) {
        self.unread.start += count;
        debug_assert!(self.unread.start <= self.unread.end);
    }

    /// Consumes `count` bytes as a payload: moves it to where its echo would stand behind a header of
    /// `header_bytes`, unmasks it, and says where it is now. Where an echo has no room the payload stays.
    #[inline]
    pub(crate) fn take_payload(
        &mut self,
        count: usize,
        key: Option<[u8; 4]>,
        header_bytes: usize,
    ) -> Range<usize> {
        let from = self.unread.start;
        let output_end = self.output.end + header_bytes;
        let nothing_to_follow = self.output.is_empty() || !self.spill.is_empty();
        let to = if nothing_to_follow || output_end > from { from } else { output_end };
        if to != from {
            self.bytes.copy_within(from..from + count, to);
        }
        if let Some(key) = key {
            mask::apply(&mut self.bytes[to..to + count], key);
        }
        self.consume(count);
        to..to + count
    }

    /// The bytes of a payload that [`take_payload`](Self::take_payload) placed.
    pub(crate) fn payload(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Lends a payload and, beside it, the place for answers.
    #[inline]
    pub(crate) fn lend(&mut self, place: Range<usize>) -> (&mut [u8], Output<'_>) {
        debug_assert!(place.start >= self.output.end && place.end <= self.unread.start);
        let (front, payload) = self.bytes[..place.end].split_at_mut(place.start);
        let output = Output {
            front,
            payload_bytes: payload.len(),
            range: &mut self.output,
            spill: &mut self.spill,
            random: &mut self.random,
            codec: &mut self.codec,
        };
        (payload, output)
    }

    /// Takes over a collected message, to be lent. It is freed with the next one, or when the batch begins
    /// anew.
    #[inline(never)]
    pub(crate) fn hold_assembled(&mut self, message: SendBuffer) {
        self.spill.count_beside(message.len());
        self.assembled = message;
    }

    /// The collected message.
    pub(crate) fn assembled(&self) -> &[u8] {
        &self.assembled
    }

    /// Lends the collected message like [`lend`](Self::lend).
    pub(crate) fn lend_assembled(&mut self) -> (&mut [u8], Output<'_>) {
        let output = Output {
            front: &mut self.bytes[..self.unread.start],
            payload_bytes: 0,
            range: &mut self.output,
            spill: &mut self.spill,
            random: &mut self.random,
            codec: &mut self.codec,
        };
        (&mut self.assembled, output)
    }

    /// Decompresses the payload that [`take_payload`](Self::take_payload) placed.
    pub(crate) fn inflate(
        &mut self,
        place: Range<usize>,
        history: &[u8],
        limit: usize,
    ) -> Result<SendBuffer, Error> {
        let room = self.room();
        self.codec.inflate(&self.bytes[place], history, limit, room)
    }

    /// Decompresses a message that was collected.
    pub(crate) fn inflate_assembled(
        &mut self,
        message: &[u8],
        history: &[u8],
        limit: usize,
    ) -> Result<SendBuffer, Error> {
        let room = self.room();
        self.codec.inflate(message, history, limit, room)
    }

    /// The place for answers that belong to no payload.
    pub(crate) fn open_output(&mut self) -> Output<'_> {
        let place = self.unread.start..self.unread.start;
        self.lend(place).1
    }

    /// Fills a slice from the random source.
    pub(crate) fn fill_random(&mut self, bytes: &mut [u8]) {
        (self.random)(bytes);
    }
}

/// Where answers are written: into the consumed space in `front` while they fit, then into `spill`.
pub(crate) struct Output<'a> {
    front: &'a mut [u8],
    /// Bytes of the lent payload that stand directly behind `front`: none if it was assembled elsewhere.
    payload_bytes: usize,
    range: &'a mut Range<usize>,
    spill: &'a mut Spill,
    random: &'a mut Random,
    pub(crate) codec: &'a mut Codec,
}

impl Output<'_> {
    /// Appends `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self.room(bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.spill.push(&[bytes]),
        }
    }

    /// Appends two parts, or, if there is not enough room, none.
    pub(crate) fn push_both(&mut self, first: &[u8], second: &[u8]) {
        match self.room(first.len() + second.len()) {
            Some(room) => {
                let (place, behind) = room.split_at_mut(first.len());
                place.copy_from_slice(first);
                behind.copy_from_slice(second);
            }
            None => self.spill.push(&[first, second]),
        }
    }

    /// How many bytes compressing may need.
    pub(crate) fn room_beside(&self) -> usize {
        self.spill.room_beside()
    }

    /// Takes so many bytes of the room, or gives them back.
    pub(crate) fn count_beside(&mut self, bytes: usize, is_needed: bool) {
        self.spill.add_beside(bytes, is_needed);
    }

    /// Says that answers are lost, for want of memory.
    pub(crate) fn exhaust(&mut self) {
        self.spill.exhaust();
    }

    /// Appends a frame: its header, and the parts of its payload without a gap, masked if the header has a key.
    pub(crate) fn push_frame(&mut self, header: &Header, parts: &[&[u8]]) {
        let header_bytes = header.encoded_len();
        let payload = match self.room(header_bytes + header.payload_len as usize) {
            Some(room) => {
                let (head, payload) = room.split_at_mut(header_bytes);
                header.encode_into(head);
                let mut rest = &mut payload[..];
                for part in parts {
                    let (place, behind) = rest.split_at_mut(part.len());
                    place.copy_from_slice(part);
                    rest = behind;
                }
                payload
            }
            None => match self.spill.push_frame(header, parts) {
                Some(payload) => payload,
                None => return,
            },
        };
        if let Some(key) = header.masking_key {
            mask::apply(payload, key);
        }
    }

    /// The next so many bytes of answers, if there is still room for them in front of the unread ones.
    #[inline]
    fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        // Behind a payload that became an answer where it stands, there is none.
        let end = self.range.end + bytes;
        if !self.spill.is_empty() || end > self.front.len() {
            return None;
        }
        let room = &mut self.front[self.range.end..end];
        self.range.end = end;
        Some(room)
    }

    /// Makes the payload directly behind `front` an answer where it stands, by writing `header` in front
    /// of it. Returns false, and changes nothing, if the payload is not there, or not all of it, or if the
    /// answers so far do not end just where the header begins.
    #[inline]
    pub(crate) fn echo_in_place(&mut self, header: Option<&Header>, payload_len: usize) -> bool {
        let header_bytes = header.map_or(0, Header::encoded_len);
        let Some(start) = self.front.len().checked_sub(header_bytes) else { return false };
        if !self.spill.is_empty() || payload_len != self.payload_bytes {
            return false;
        }
        if self.range.start == self.range.end {
            *self.range = start..start;
        }
        if self.range.end != start {
            return false;
        }
        if let Some(header) = header {
            header.encode_into(&mut self.front[start..]);
        }
        self.range.end = self.front.len() + payload_len;
        true
    }

    /// A fresh masking key. RFC 6455 §5.3: "The masking key needs to be unpredictable".
    pub(crate) fn masking_key(&mut self) -> [u8; 4] {
        let mut key = [0; 4];
        (self.random)(&mut key);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Opcode;
    use super::*;

    const HEADER: Header =
        Header { fin: true, rsv1: false, opcode: Opcode::Text, masking_key: None, payload_len: 4 };

    fn batch(input: &[u8]) -> Batch {
        let mut batch = Batch::new(64, Box::new(|bytes| bytes.fill(7)));
        batch.begin(&[]);
        batch.free()[..input.len()].copy_from_slice(input);
        batch.filled(input.len());
        batch
    }

    #[test]
    fn a_first_echo_stays_where_it_is_and_a_second_moves_up_to_it() {
        let mut batch = batch(b"hhhhhhone.hhhhhhtwo.");
        batch.consume(6);
        let place = batch.take_payload(4, None, 2);
        assert_eq!(place, 6..10);
        assert!(batch.lend(place).1.echo_in_place(Some(&HEADER), 4));
        batch.consume(6);
        let place = batch.take_payload(4, None, 2);
        assert_eq!(place, 12..16);
        assert!(batch.lend(place).1.echo_in_place(Some(&HEADER), 4));
        assert_eq!(batch.output(), [&b"\x81\x04one.\x81\x04two."[..], b""]);
    }

    #[test]
    fn what_has_no_room_spills_and_order_is_kept() {
        let mut batch = batch(b"hhhhhhone.hhhhhhtwo.");
        batch.open_output().push(b"spilled.");
        batch.consume(6);
        let place = batch.take_payload(4, None, 2);
        assert!(!batch.lend(place).1.echo_in_place(Some(&HEADER), 4));
        batch.open_output().push(b"more");
        assert_eq!(batch.output(), [&b""[..], b"spilled.more"]);
    }
}

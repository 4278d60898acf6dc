//! One buffer for one batch: the input of a read and the output that it causes.
//!
//! ```text
//!  0         output.start    output.end      unread.start     unread.end      capacity
//!  | abandoned     | output        | consumed        | unread         | free       |
//! ```
//!
//! Parsing consumes from the left edge of *unread*; output grows into the consumed space. A masked
//! frame is four bytes longer than its echo, so an echo always fits into the place of its frame. A
//! payload is unmasked directly at the position of its echo, so an echo only writes a header in
//! front of the payload. Output that does not fit goes to the *spill*; after the first such byte,
//! all further output goes there, which preserves the order.
//!
//! A few bytes of input can cause a lot of work: compressed zeros expand a thousandfold. A batch
//! therefore counts its work ([`Batch::is_full`]), and all memory it uses outside its buffer counts
//! against the allowance of [`Batch::allow`].
//!
//! Invariant: `output.start <= output.end <= unread.start <= unread.end <= capacity`.
//! A reactor owns one batch for all its connections; between drives it holds no connection's data.

use super::deflate::codec::Codec;
use super::error::Error;
use super::frame::Header;
use super::mask;
use super::send_buffer::SendBuffer;
use super::spill::Spill;
use std::ops::Range;

/// Fills a slice with unpredictable bytes (masking keys, challenges).
pub type Random = Box<dyn FnMut(&mut [u8])>;

/// The work budget of one batch: bytes of output in the spill plus bytes compressed or
/// decompressed. 1 MiB takes about a millisecond, so a connection that sends compressed zeros
/// delays the others by no more than that. A message is never split: a large one may exceed the
/// budget once, and then other connections go first.
pub const BATCH_WORK_BYTES_MAX: usize = 1024 * 1024;

/// See the [module documentation](self).
pub struct Batch {
    bytes: Box<[u8]>,
    output: Range<usize>,
    unread: Range<usize>,
    /// Output that did not fit in front of the unread bytes. It follows `output`.
    spill: Spill,
    /// The assembled or decompressed message that is lent to the service.
    assembled: SendBuffer,
    random: Random,
    codec: Codec,
    /// The work done when the batch was finished.
    finished_work: usize,
}

impl Batch {
    /// Creates a batch with a buffer of `capacity` bytes; sessions take all random bytes from
    /// `random`.
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

    /// Resets the batch for a connection; `tail` is the unread input of the connection's last
    /// batch.
    ///
    /// # Panics
    /// If the tail fills the buffer. A session's limits prevent that: they bound its undecoded
    /// input.
    pub fn begin(&mut self, tail: &[u8]) {
        assert!(tail.len() < self.bytes.len(), "a tail must leave room to read");
        self.bytes[..tail.len()].copy_from_slice(tail);
        self.output = 0..0;
        self.unread = 0..tail.len();
        self.clear_extras();
        self.finished_work = 0;
    }

    /// Clears the batch once its data is sent or kept, and frees large buffers.
    /// [`work`](Self::work) keeps its value.
    #[inline]
    pub fn finish(&mut self) {
        self.finished_work = self.spill.len() + self.codec.work();
        self.output = 0..0;
        self.unread = 0..0;
        self.clear_extras();
    }

    /// Clears everything outside the buffer.
    #[inline]
    fn clear_extras(&mut self) {
        self.codec.reset_work();
        self.spill.clear();
        self.release_message();
    }

    /// Limits the memory of the following batches outside the buffer to `room` bytes. By default
    /// there is no limit.
    pub fn allow(&mut self, room: usize) {
        self.spill.set_room(room);
    }

    /// The work of this batch so far, beyond reading: bytes of output in the spill plus bytes
    /// compressed or decompressed.
    #[inline]
    pub fn work(&self) -> usize {
        self.finished_work + self.spill.len() + self.codec.work()
    }

    /// Whether the rest of the input should wait for another batch, so that other connections get
    /// their turn and the output can be sent: the work has reached [`BATCH_WORK_BYTES_MAX`], or the
    /// memory allowance is exhausted.
    #[inline]
    pub fn is_full(&self) -> bool {
        // Output inside the buffer does not count: the buffer limits it.
        (self.spill.len() + self.codec.work() >= BATCH_WORK_BYTES_MAX || self.spill.is_exhausted())
            // A tail must leave room to read.
            && self.unread.len() < self.bytes.len()
    }

    /// Whether output was lost because the memory allowance was exhausted, so that the session
    /// cannot continue. Resets the condition.
    pub fn take_exhaustion(&mut self) -> bool {
        self.spill.take_exhaustion()
    }

    /// Frees the memory of the message that was lent last.
    #[inline]
    pub fn release_message(&mut self) {
        if self.spill.has_charge() {
            self.hold_assembled(SendBuffer::default());
        }
    }

    /// Bytes of memory that the batch may still use outside the buffer.
    pub(crate) fn room(&self) -> usize {
        self.spill.room_left()
    }

    /// The free space for a read; report the bytes read with [`filled`](Self::filled).
    pub fn free(&mut self) -> &mut [u8] {
        &mut self.bytes[self.unread.end..]
    }

    /// Records that a read put `count` bytes into [`free`](Self::free).
    pub fn filled(&mut self, count: usize) {
        self.unread.end += count;
        debug_assert!(self.unread.end <= self.bytes.len());
    }

    /// The input received and not yet consumed.
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.unread.clone()]
    }

    /// The output so far, in two consecutive parts.
    pub fn output(&self) -> [&[u8]; 2] {
        [&self.bytes[self.output.clone()], self.spill.bytes()]
    }

    /// Consumes the first `count` unread bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.unread.start += count;
        debug_assert!(self.unread.start <= self.unread.end);
    }

    /// Consumes `count` bytes as a payload and returns its new range. The payload is unmasked and
    /// moved to the position of its echo, after the output so far and a header of `header_bytes`
    /// bytes. If the echo has no room there, the payload stays.
    #[inline]
    pub(crate) fn take_payload(
        &mut self,
        count: usize,
        key: Option<[u8; 4]>,
        header_bytes: usize,
    ) -> Range<usize> {
        let from = self.unread.start;
        let output_end = self.output.end + header_bytes;
        let may_stay = self.output.is_empty() || !self.spill.is_empty();
        let to = if may_stay || output_end > from { from } else { output_end };
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

    /// Lends a payload together with the space for output.
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

    /// Takes over an assembled message, to be lent. It is freed when the next message replaces it,
    /// or when the batch is reset.
    #[inline(never)]
    pub(crate) fn hold_assembled(&mut self, message: SendBuffer) {
        self.spill.set_charge(message.len());
        self.assembled = message;
    }

    /// The assembled message.
    pub(crate) fn assembled(&self) -> &[u8] {
        &self.assembled
    }

    /// Lends the assembled message as [`lend`](Self::lend) does a payload.
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

    /// Decompresses an assembled message.
    pub(crate) fn inflate_assembled(
        &mut self,
        message: &[u8],
        history: &[u8],
        limit: usize,
    ) -> Result<SendBuffer, Error> {
        let room = self.room();
        self.codec.inflate(message, history, limit, room)
    }

    /// The space for output, without a payload.
    pub(crate) fn open_output(&mut self) -> Output<'_> {
        let place = self.unread.start..self.unread.start;
        self.lend(place).1
    }

    /// Fills a slice from the random source.
    pub(crate) fn fill_random(&mut self, bytes: &mut [u8]) {
        (self.random)(bytes);
    }
}

/// The space for output: the consumed space in `front` while the output fits, then `spill`.
pub(crate) struct Output<'a> {
    front: &'a mut [u8],
    /// Length of the lent payload directly after `front`; 0 if the payload was assembled elsewhere.
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

    /// Appends two parts, or neither if memory is exhausted.
    pub(crate) fn push_both(&mut self, first: &[u8], second: &[u8]) {
        match self.room(first.len() + second.len()) {
            Some(room) => {
                let (place, rest) = room.split_at_mut(first.len());
                place.copy_from_slice(first);
                rest.copy_from_slice(second);
            }
            None => self.spill.push(&[first, second]),
        }
    }

    /// Bytes of memory that compression may use.
    pub(crate) fn room_left(&self) -> usize {
        self.spill.room_left()
    }

    /// Charges `bytes` to the memory allowance, or returns them if they are no longer needed.
    pub(crate) fn charge(&mut self, bytes: usize, is_needed: bool) {
        self.spill.add_charge(bytes, is_needed);
    }

    /// Records that output was lost because memory is exhausted.
    pub(crate) fn exhaust(&mut self) {
        self.spill.exhaust();
    }

    /// Appends a frame: its header and the concatenated parts of its payload, masked if the header
    /// has a key.
    pub(crate) fn push_frame(&mut self, header: &Header, parts: &[&[u8]]) {
        let header_bytes = header.encoded_len();
        let payload = match self.room(header_bytes + header.payload_len as usize) {
            Some(room) => {
                let (head, payload) = room.split_at_mut(header_bytes);
                header.encode_into(head);
                let mut rest = &mut payload[..];
                for part in parts {
                    let (place, after) = rest.split_at_mut(part.len());
                    place.copy_from_slice(part);
                    rest = after;
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

    /// Extends the output in `front` by `bytes` and returns the new space, if it fits.
    #[inline]
    fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        // After an echo in place, `front` has no room: the output ends beyond it.
        let end = self.range.end + bytes;
        if !self.spill.is_empty() || end > self.front.len() {
            return None;
        }
        let room = &mut self.front[self.range.end..end];
        self.range.end = end;
        Some(room)
    }

    /// Echoes the payload directly after `front` in place, by writing `header` in front of it.
    /// Returns false, and changes nothing, if that is not the complete payload, or if the output so
    /// far does not end exactly where the header starts.
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
    fn the_first_echo_stays_in_place_and_the_second_moves_up_to_it() {
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
    fn output_without_room_spills_and_keeps_its_order() {
        let mut batch = batch(b"hhhhhhone.hhhhhhtwo.");
        batch.open_output().push(b"spilled.");
        batch.consume(6);
        let place = batch.take_payload(4, None, 2);
        assert!(!batch.lend(place).1.echo_in_place(Some(&HEADER), 4));
        batch.open_output().push(b"more");
        assert_eq!(batch.output(), [&b""[..], b"spilled.more"]);
    }
}

//! The answers of a batch that found no room in its buffer, and what the batch may need altogether.

use super::error::Error;
use super::frame::Header;
use super::send_buffer::SendBuffer;

/// Up to so many bytes are on the heap, and the space is kept from one batch to the next: 1 MiB. More has pages
/// of its own, which go back to the system with the batch.
const BYTES_KEPT: usize = 1024 * 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Spill {
    bytes: SendBuffer,
    /// How many bytes there are: every message asks whether there are any.
    len: usize,
    /// What the batch may need beside its buffer, in bytes.
    room: usize,
    /// What it needs beside these bytes: the message that is lent.
    beside: usize,
    /// Something had no room. Nothing more is taken, so that nothing follows a gap.
    is_exhausted: bool,
}

impl Default for Spill {
    fn default() -> Self {
        Self {
            bytes: SendBuffer::default(),
            len: 0,
            room: usize::MAX,
            beside: 0,
            is_exhausted: false,
        }
    }
}

impl Spill {
    /// Forgets the bytes.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.len > 0 {
            self.bytes.clear(BYTES_KEPT);
            self.len = 0;
        }
        self.is_exhausted = false;
    }

    pub(crate) fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    pub(crate) fn count_beside(&mut self, bytes: usize) {
        self.beside = bytes;
    }

    /// The same for something that is needed for a moment more, or no longer.
    pub(crate) fn add_beside(&mut self, bytes: usize, is_needed: bool) {
        self.beside = if is_needed { self.beside + bytes } else { self.beside - bytes };
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        if self.is_empty() { &[] } else { &self.bytes }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something beside is counted.
    #[inline]
    pub(crate) fn has_beside(&self) -> bool {
        self.beside > 0
    }

    #[inline]
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    pub(crate) fn exhaust(&mut self) {
        self.is_exhausted = true;
    }

    pub(crate) fn take_exhaustion(&mut self) -> bool {
        std::mem::take(&mut self.is_exhausted)
    }

    /// How many bytes there is still room for.
    pub(crate) fn room_beside(&self) -> usize {
        self.room.saturating_sub(self.beside).saturating_sub(self.len)
    }

    /// Appends the parts, or none of them.
    #[inline(never)]
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        if self.reserve(parts.iter().map(|part| part.len()).sum()) {
            parts.iter().for_each(|part| self.bytes.append(part));
            self.len = self.bytes.len();
        }
    }

    /// Appends a frame that is not yet masked; its payload.
    #[inline(never)]
    pub(crate) fn push_frame(&mut self, header: &Header, parts: &[&[u8]]) -> Option<&mut [u8]> {
        let payload_bytes = usize::try_from(header.payload_len).ok()?;
        if !self.reserve(header.encoded_len().saturating_add(payload_bytes)) {
            return None;
        }
        self.bytes.append(&header.encode());
        let start = self.bytes.len();
        parts.iter().for_each(|part| self.bytes.append(part));
        self.len = self.bytes.len();
        Some(&mut self.bytes[start..])
    }

    /// Makes space for so many bytes more, if there is room.
    fn reserve(&mut self, bytes: usize) -> bool {
        // What the peer does not take at once is copied to where it waits: then each byte is there twice.
        let room_for_copy = (self.room / 2).saturating_sub(self.len);
        let room = self.room_beside().min(room_for_copy);
        let reserve = |it: &mut Self| it.bytes.reserve(bytes, BYTES_KEPT, room);
        if self.is_exhausted || reserve(self) == Err(Error::MemoryExhausted) {
            self.is_exhausted = true;
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_lost_with_all_that_follows_it() {
        let mut spill = Spill::default();
        spill.set_room(100);
        spill.count_beside(60);
        spill.push(&[&[1; 20], &[2; 10]]);
        assert_eq!((spill.len(), spill.room_beside(), spill.is_exhausted()), (30, 10, false));
        spill.push(&[&[3; 6], &[4; 5]]);
        spill.push(&[&[5; 1]]);
        assert_eq!(spill.len(), 30);
        assert!(spill.take_exhaustion() && !spill.is_exhausted());
        spill.count_beside(0);
        // A copy must have room too.
        spill.push(&[&[6; 21]]);
        assert!(spill.take_exhaustion());
        spill.push(&[&[6; 20]]);
        assert_eq!(spill.bytes()[28..32], [2, 2, 6, 6]);
    }
}

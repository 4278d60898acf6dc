//! The spill: a batch's output that did not fit into its buffer, and the batch's memory allowance.

use super::error::Error;
use super::frame::Header;
use super::send_buffer::SendBuffer;

/// Up to 1 MiB of spilled output is on the heap, and that space is kept from one batch to the next.
/// More output gets its own pages, which are returned to the system with the batch.
const BYTES_KEPT: usize = 1024 * 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Spill {
    bytes: SendBuffer,
    /// Length of `bytes`, cached because every message checks whether it is 0.
    len: usize,
    /// The batch's memory allowance outside its buffer, in bytes.
    room: usize,
    /// Bytes charged to the allowance in addition to `bytes`: the message that is lent, and for a
    /// moment a message that was compressed.
    charge: usize,
    /// Output was lost for lack of memory. All further output is dropped, so that nothing follows
    /// the gap.
    is_exhausted: bool,
}

impl Default for Spill {
    fn default() -> Self {
        Self {
            bytes: SendBuffer::default(),
            len: 0,
            room: usize::MAX,
            charge: 0,
            is_exhausted: false,
        }
    }
}

impl Spill {
    /// Drops the spilled output.
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

    pub(crate) fn set_charge(&mut self, bytes: usize) {
        self.charge = bytes;
    }

    /// Adds `bytes` to the charge if they are needed; subtracts them otherwise.
    pub(crate) fn add_charge(&mut self, bytes: usize, is_needed: bool) {
        self.charge = if is_needed { self.charge + bytes } else { self.charge - bytes };
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

    /// Whether anything is charged in addition to the spilled output.
    #[inline]
    pub(crate) fn has_charge(&self) -> bool {
        self.charge > 0
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

    /// Bytes left of the allowance.
    pub(crate) fn room_left(&self) -> usize {
        self.room.saturating_sub(self.charge).saturating_sub(self.len)
    }

    /// Appends all of the parts, or none if memory is exhausted.
    #[inline(never)]
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        if self.reserve(parts.iter().map(|part| part.len()).sum()) {
            parts.iter().for_each(|part| self.bytes.append(part));
            self.len = self.bytes.len();
        }
    }

    /// Appends an unmasked frame and returns its payload for masking; `None` if memory is
    /// exhausted.
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

    /// Reserves space for `bytes` more bytes. Returns false if memory is exhausted.
    fn reserve(&mut self, bytes: usize) -> bool {
        // Output that the kernel does not accept at once is copied to the session's backlog: each
        // byte then exists twice.
        let room_for_copy = (self.room / 2).saturating_sub(self.len);
        let room = self.room_left().min(room_for_copy);
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
    fn output_without_room_is_lost_and_so_is_all_further_output() {
        let mut spill = Spill::default();
        spill.set_room(100);
        spill.set_charge(60);
        spill.push(&[&[1; 20], &[2; 10]]);
        assert_eq!((spill.len(), spill.room_left(), spill.is_exhausted()), (30, 10, false));
        spill.push(&[&[3; 6], &[4; 5]]);
        spill.push(&[&[5; 1]]);
        assert_eq!(spill.len(), 30);
        assert!(spill.take_exhaustion() && !spill.is_exhausted());
        spill.set_charge(0);
        // There must be room for a second copy.
        spill.push(&[&[6; 21]]);
        assert!(spill.take_exhaustion());
        spill.push(&[&[6; 20]]);
        assert_eq!(spill.bytes()[28..32], [2, 2, 6, 6]);
    }
}

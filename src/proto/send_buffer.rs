//! A growable byte buffer: small on the heap, larger in memory-mapped pages of its own.
//!
//! A heap only shrinks from its end. The buffers of thousands of slow readers would stay in it
//! forever, below one small allocation that outlives them. Mapped pages are returned to the system
//! as soon as the buffer is dropped.
//!
//! Running out of memory never aborts the process. The caller passes the allowed number of bytes,
//! `room`, and gets [`Error::MemoryExhausted`] if that or the system's memory does not suffice.

use super::error::Error;
use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};

/// The size from which a buffer gets its own pages, in bytes: half a page, so that at most half of
/// a page is wasted.
pub(crate) const PAGED_BYTES_MIN: usize = 2 * 1024;

/// The page size used for counting, in bytes. On systems with larger pages only the count is wrong.
const PAGE_BYTES: usize = 4 * 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) enum SendBuffer {
    Heap(Vec<u8>),
    /// The first `len` bytes of the pages are in use.
    Pages {
        pages: MmapMut,
        len: usize,
    },
}

impl Default for SendBuffer {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl SendBuffer {
    /// Appends bytes, in amortized linear time.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub(crate) fn extend(&mut self, bytes: &[u8], room: usize) -> Result<(), Error> {
        self.reserve(bytes.len(), PAGED_BYTES_MIN - 1, room)?;
        self.append(bytes);
        Ok(())
    }

    /// Appends bytes for which space is already [reserved](Self::reserve).
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        match self {
            Self::Heap(heap) => heap.extend_from_slice(bytes),
            Self::Pages { pages, len } => {
                pages[*len..*len + bytes.len()].copy_from_slice(bytes);
                *len += bytes.len();
            }
        }
    }

    /// Reserves space for `additional` bytes: on the heap up to `heap_bytes_max` bytes in total,
    /// beyond that in pages.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`] if `additional` exceeds `room`, if the present bytes must move to
    /// new pages and exceed `room`, or if the system has no memory.
    #[inline]
    pub(crate) fn reserve(
        &mut self,
        additional: usize,
        heap_bytes_max: usize,
        room: usize,
    ) -> Result<(), Error> {
        if additional > room {
            return Err(Error::MemoryExhausted);
        }
        let has_space = match self {
            Self::Heap(heap) => additional <= heap.capacity() - heap.len(),
            Self::Pages { pages, len } => additional <= pages.len() - *len,
        };
        if has_space { Ok(()) } else { self.grow(additional, heap_bytes_max, room) }
    }

    /// Bytes of memory in use: the capacity on the heap, or the pages that were touched.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Heap(heap) => heap.capacity(),
            Self::Pages { len, .. } => len.next_multiple_of(PAGE_BYTES),
        }
    }

    /// Removes all bytes. Keeps the allocation unless it is larger than `kept` bytes.
    pub(crate) fn clear(&mut self, kept: usize) {
        match self {
            Self::Heap(heap) if heap.capacity() <= kept => heap.clear(),
            Self::Pages { pages, len } if pages.len() <= kept => *len = 0,
            _ => *self = Self::default(),
        }
    }

    /// Shortens the buffer to its first `count` bytes.
    pub(crate) fn truncate(&mut self, count: usize) {
        match self {
            Self::Heap(heap) => heap.truncate(count),
            Self::Pages { len, .. } => *len = count.min(*len),
        }
    }

    /// Removes the first `count` bytes and moves the rest to the front.
    pub(crate) fn drop_front(&mut self, count: usize) {
        let len = self.len();
        self.copy_within(count.., 0);
        self.truncate(len - count);
    }

    #[cold]
    fn grow(&mut self, additional: usize, heap_bytes_max: usize, room: usize) -> Result<(), Error> {
        let wanted = self.len().checked_add(additional).ok_or(Error::MemoryExhausted)?;
        match self {
            Self::Heap(heap) if wanted <= heap_bytes_max => {
                heap.try_reserve(additional).map_err(|_| Error::MemoryExhausted)
            }
            _ if self.len() > room => Err(Error::MemoryExhausted),
            _ => self.move_to_pages(wanted),
        }
    }

    /// Moves the bytes to new pages: twice the old ones, or just enough for `wanted` bytes. Falls
    /// back to the heap if the system has no pages.
    fn move_to_pages(&mut self, wanted: usize) -> Result<(), Error> {
        let len = self.len();
        let grown = match self {
            Self::Heap(_) => 0,
            Self::Pages { pages, .. } => pages.len().saturating_mul(2),
        };
        let whole = |bytes: usize| bytes.checked_next_multiple_of(PAGE_BYTES);
        let maps = [whole(wanted.max(grown)), whole(wanted)];
        let map = maps.into_iter().flatten().find_map(|bytes| MmapMut::map_anon(bytes).ok());
        if let Some(mut pages) = map {
            pages[..len].copy_from_slice(self);
            *self = Self::Pages { pages, len };
            return Ok(());
        }
        let mut heap = std::mem::take(self).into_vec()?;
        let result = heap.try_reserve(wanted - len).map_err(|_| Error::MemoryExhausted);
        *self = Self::Heap(heap);
        result
    }

    fn into_vec(self) -> Result<Vec<u8>, Error> {
        if let Self::Heap(heap) = self {
            return Ok(heap);
        }
        let mut heap = Vec::new();
        heap.try_reserve_exact(self.len()).map_err(|_| Error::MemoryExhausted)?;
        heap.extend_from_slice(&self);
        Ok(heap)
    }
}

impl Deref for SendBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(heap) => heap,
            Self::Pages { pages, len } => &pages[..*len],
        }
    }
}

impl DerefMut for SendBuffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(heap) => heap,
            Self::Pages { pages, len } => &mut pages[..*len],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|index| (index % 251) as u8).collect()
    }

    #[test]
    fn appended_bytes_are_kept_on_the_heap_and_in_pages() {
        let bytes = bytes(20_000);
        for step in [1_000, 1_999, PAGED_BYTES_MIN, PAGE_BYTES, 7_000] {
            let mut buffer = SendBuffer::default();
            for (index, piece) in bytes.chunks(step).enumerate() {
                buffer.extend(piece, usize::MAX).unwrap();
                let len = index * step + piece.len();
                assert_eq!(buffer[..], bytes[..len], "in steps of {step}");
                assert!((len..=2 * len + PAGE_BYTES).contains(&buffer.capacity()));
                assert_eq!(matches!(buffer, SendBuffer::Pages { .. }), len >= PAGED_BYTES_MIN);
            }
            buffer.drop_front(5_000);
            assert_eq!(buffer[..], bytes[5_000..]);
        }
    }

    #[test]
    fn bytes_without_room_change_nothing() {
        let bytes = bytes(PAGE_BYTES);
        let mut buffer = SendBuffer::default();
        assert_eq!(buffer.extend(&bytes, PAGE_BYTES - 1), Err(Error::MemoryExhausted));
        buffer.extend(&bytes, PAGE_BYTES).unwrap();
        // Moving needs room for a second copy.
        assert_eq!(buffer.extend(b"x", PAGE_BYTES - 1), Err(Error::MemoryExhausted));
        assert_eq!(buffer.reserve(usize::MAX, 0, usize::MAX), Err(Error::MemoryExhausted));
        assert_eq!(buffer[..], bytes);
        buffer.extend(b"x", PAGE_BYTES).unwrap();
        assert_eq!(buffer.len(), PAGE_BYTES + 1);
    }
}

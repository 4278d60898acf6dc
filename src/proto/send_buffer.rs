//! Bytes that one connection owns, or one batch for a moment: a few on the heap, more in pages of their own.
//!
//! A heap only shrinks from its end. What thousands of slow readers took of it would stay there for ever, below
//! one small thing that outlives them; pages of their own go back to the system with the connection.
//!
//! Nothing here aborts the process for want of memory. Whoever asks for more says how much room there is, and
//! gets [`Error::MemoryExhausted`] where that or the system's memory is not enough.

use super::error::Error;
use memmap2::MmapMut;
use std::ops::{Deref, DerefMut};

/// From so many bytes on they get pages of their own: half a page, so that no more than half of one is wasted
/// for the sake of giving it back.
pub(crate) const PAGED_BYTES_MIN: usize = 2 * 1024;

/// What pages are counted in. Where they are larger the system rounds up, and nothing but a count is wrong.
const PAGE_BYTES: usize = 4 * 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) enum SendBuffer {
    Heap(Vec<u8>),
    /// The first `len` bytes of the pages.
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
    /// Appends bytes. To append often takes no more than twice as long as to append at once.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub(crate) fn extend(&mut self, bytes: &[u8], room: usize) -> Result<(), Error> {
        self.reserve(bytes.len(), PAGED_BYTES_MIN - 1, room)?;
        self.append(bytes);
        Ok(())
    }

    /// Appends bytes for which there is space already.
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

    /// Makes space for so many bytes more: on the heap up to `heap_bytes_max` altogether, beyond in pages.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`] if that needs more than `room` bytes beside those that are there, at the
    /// end or while they move; or if the system has no more.
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

    /// Bytes of memory in use: on the heap filled or not, of pages those that were touched.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Heap(heap) => heap.capacity(),
            Self::Pages { len, .. } => len.next_multiple_of(PAGE_BYTES),
        }
    }

    /// Forgets all bytes, but keeps the space for others unless that is more than `kept` bytes.
    pub(crate) fn clear(&mut self, kept: usize) {
        match self {
            Self::Heap(heap) if heap.capacity() <= kept => heap.clear(),
            Self::Pages { pages, len } if pages.len() <= kept => *len = 0,
            _ => *self = Self::default(),
        }
    }

    /// Forgets all bytes from this one on.
    pub(crate) fn truncate(&mut self, count: usize) {
        match self {
            Self::Heap(heap) => heap.truncate(count),
            Self::Pages { len, .. } => *len = count.min(*len),
        }
    }

    /// Forgets the first bytes. The others are moved.
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

    /// Moves to more pages. If the system has none, the heap may have to do.
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
    fn what_is_appended_is_there_wherever_it_is_kept() {
        let bytes = bytes(20_000);
        for step in [1_000, 1_999, PAGED_BYTES_MIN, PAGE_BYTES, 7_000] {
            let mut store = SendBuffer::default();
            for (index, piece) in bytes.chunks(step).enumerate() {
                store.extend(piece, usize::MAX).unwrap();
                let len = index * step + piece.len();
                assert_eq!(store[..], bytes[..len], "in steps of {step}");
                assert!((len..=2 * len + PAGE_BYTES).contains(&store.capacity()));
                assert_eq!(matches!(store, SendBuffer::Pages { .. }), len >= PAGED_BYTES_MIN);
            }
            store.drop_front(5_000);
            assert_eq!(store[..], bytes[5_000..]);
        }
    }

    #[test]
    fn what_has_no_room_changes_nothing() {
        let bytes = bytes(PAGE_BYTES);
        let mut store = SendBuffer::default();
        assert_eq!(store.extend(&bytes, PAGE_BYTES - 1), Err(Error::MemoryExhausted));
        store.extend(&bytes, PAGE_BYTES).unwrap();
        // To move takes room for a second copy.
        assert_eq!(store.extend(b"x", PAGE_BYTES - 1), Err(Error::MemoryExhausted));
        assert_eq!(store.reserve(usize::MAX, 0, usize::MAX), Err(Error::MemoryExhausted));
        assert_eq!(store[..], bytes);
        store.extend(b"x", PAGE_BYTES).unwrap();
        assert_eq!(store.len(), PAGE_BYTES + 1);
    }
}

//! Bytes that wait for one connection's peer: a few on the heap, more in pages of their own.
//!
//! A heap only shrinks from its end. What thousands of slow readers took of it would stay there for ever, below
//! one small thing that outlives them; pages of their own go back to the system with the connection.

use memmap2::MmapMut;
use std::ops::Deref;

/// From so many bytes on they get pages of their own: half a page, so that no more than half of one is wasted
/// for the sake of giving it back.
const PAGED_BYTES_MIN: usize = 2 * 1024;

/// What pages are counted in. Where they are larger the system rounds up, and nothing but a count is wrong.
const PAGE_BYTES: usize = 4 * 1024;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) enum Store {
    Heap(Vec<u8>),
    /// The first `len` bytes of the pages.
    Pages {
        pages: MmapMut,
        len: usize,
    },
}

impl Default for Store {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Store {
    /// Appends bytes. To append often takes no more than twice as long as to append at once.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let len = self.len() + bytes.len();
        match self {
            Self::Pages { pages, len: filled } if len <= pages.len() => {
                pages[*filled..len].copy_from_slice(bytes);
                *filled = len;
            }
            Self::Heap(heap) if len < PAGED_BYTES_MIN => heap.extend_from_slice(bytes),
            _ => self.move_and_extend(bytes),
        }
    }

    /// Bytes of memory in use, filled or not.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Heap(heap) => heap.capacity(),
            Self::Pages { pages, .. } => pages.len(),
        }
    }

    /// Moves to more pages. If the system has none, the heap has to do.
    #[cold]
    fn move_and_extend(&mut self, bytes: &[u8]) {
        let len = self.len() + bytes.len();
        let grown = if matches!(self, Self::Pages { .. }) { 2 * self.capacity() } else { 0 };
        match MmapMut::map_anon(len.max(grown).next_multiple_of(PAGE_BYTES)) {
            Ok(mut pages) => {
                let (old, new) = pages[..len].split_at_mut(self.len());
                old.copy_from_slice(self);
                new.copy_from_slice(bytes);
                *self = Self::Pages { pages, len };
            }
            Err(_) => {
                let mut heap = std::mem::take(self).into_vec();
                heap.extend_from_slice(bytes);
                *self = Self::Heap(heap);
            }
        }
    }

    fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Heap(heap) => heap,
            Self::Pages { .. } => self.to_vec(),
        }
    }
}

impl Deref for Store {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(heap) => heap,
            Self::Pages { pages, len } => &pages[..*len],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_there_wherever_it_is_kept() {
        let bytes: Vec<u8> = (0..20_000).map(|index| (index % 251) as u8).collect();
        for step in [1_000, 1_999, PAGED_BYTES_MIN, PAGE_BYTES, 7_000] {
            let mut store = Store::default();
            for (index, piece) in bytes.chunks(step).enumerate() {
                store.extend(piece);
                let len = index * step + piece.len();
                assert_eq!(store[..], bytes[..len], "in steps of {step}");
                assert!((len..=2 * len + PAGE_BYTES).contains(&store.capacity()));
                assert_eq!(matches!(store, Store::Pages { .. }), len >= PAGED_BYTES_MIN);
            }
        }
    }
}

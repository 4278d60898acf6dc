//! Connections by slot: the `slab` crate, on shelves that never move.
//!
//! A growing slab copies all of its values, and leaves a hole of the old size in the heap. So
//! values are stored on shelves of a fixed size, each a slab of its own. This layer tracks which
//! shelves have room, releases empty shelves, and lets a freed slot rest until
//! [`Slab::reuse_freed`]: an event of the same poll then cannot reach a new connection. In later
//! polls the generation in the token tells them apart.

use super::network::{Subject, Token};
use std::collections::BTreeSet;

/// A value that knows its token.
pub(super) trait Tokened {
    fn token(&self) -> Token;
}

/// The number of slots of a shelf: 512, which are 64 KiB of connections. From 128 KiB on the C
/// library would map a shelf, and glibc returns less of its heap once a mapped block was freed.
const SHELF_SLOTS: usize = 512;

/// The number of values that counts as a crowd: 64, which own several megabytes if they use TLS.
const CROWD_MIN: usize = 64;

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Slab<T> {
    /// A slot without a value was freed in this turn and rests.
    shelves: Vec<slab::Slab<Option<T>>>,
    /// The shelves with a free slot.
    with_room: BTreeSet<usize>,
    /// Freed slots that rest.
    resting: Vec<u32>,
    len: usize,
    /// The most values since memory was last released.
    peak: usize,
    /// There was a crowd, and some of it is still here.
    has_crowd: bool,
}

impl<T: Tokened> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            shelves: Vec::new(),
            with_room: BTreeSet::new(),
            resting: Vec::new(),
            len: 0,
            peak: 0,
            has_crowd: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Inserts the value that `make` creates for the slot's index.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> &mut T {
        let at = self.with_room.first().copied().unwrap_or_else(|| self.add_shelf());
        self.len += 1;
        self.peak = self.peak.max(self.len);
        let shelf = &mut self.shelves[at];
        if shelf.capacity() == 0 {
            shelf.reserve_exact(SHELF_SLOTS);
        }
        if shelf.len() + 1 == SHELF_SLOTS {
            self.with_room.remove(&at);
        }
        let slot = shelf.vacant_entry();
        let index = at * SHELF_SLOTS + slot.key();
        slot.insert(None).insert(make(index as u32))
    }

    /// The value with this token, unless it was removed.
    #[inline]
    pub(super) fn find(&mut self, token: Token) -> Option<&mut T> {
        let Subject::Connection { index } = token.subject() else { return None };
        let value = self.slot(index)?.as_mut()?;
        (value.token() == token).then_some(value)
    }

    /// Removes and returns the value with this token.
    pub(super) fn remove(&mut self, token: Token) -> Option<T> {
        self.find(token)?;
        let Subject::Connection { index } = token.subject() else { return None };
        self.resting.push(index);
        self.len -= 1;
        self.slot(index)?.take()
    }

    /// Frees the resting slots. Each time that half of the values have gone, memory is released;
    /// returns whether they were part of a crowd.
    pub(super) fn reuse_freed(&mut self) -> bool {
        if self.resting.is_empty() {
            return false;
        }
        while let Some(index) = self.resting.pop() {
            let (at, key) = place(index);
            self.shelves[at].remove(key);
            self.with_room.insert(at);
        }
        if self.len > self.peak / 2 {
            return false;
        }
        // The last few connections of a crowd keep as much from the system as the first.
        let has_crowd = self.has_crowd || self.peak >= CROWD_MIN;
        self.release_memory();
        self.peak = self.len;
        self.has_crowd = has_crowd && self.peak > 0;
        has_crowd
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.shelves.iter().flat_map(|shelf| shelf.iter()).filter_map(|(_, slot)| slot.as_ref())
    }

    fn slot(&mut self, index: u32) -> Option<&mut Option<T>> {
        let (at, key) = place(index);
        self.shelves.get_mut(at)?.get_mut(key)
    }

    /// Releases the memory of empty shelves. An empty shelf before others keeps its position.
    fn release_memory(&mut self) {
        while self.shelves.pop_if(|last| last.is_empty()).is_some() {
            self.with_room.remove(&self.shelves.len());
        }
        for shelf in self.shelves.iter_mut().filter(|shelf| shelf.is_empty()) {
            *shelf = slab::Slab::new();
        }
        self.resting.shrink_to_fit();
        if self.shelves.is_empty() {
            self.shelves = Vec::new();
        }
    }

    /// Adds a shelf with room, and returns its position.
    fn add_shelf(&mut self) -> usize {
        let at = self.shelves.len();
        self.shelves.push(slab::Slab::new());
        self.with_room.insert(at);
        at
    }
}

/// The shelf of a slot, and the slot's key there.
fn place(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / SHELF_SLOTS, index % SHELF_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Tokened for Token {
        fn token(&self) -> Token {
            *self
        }
    }

    #[test]
    fn a_slot_is_reused_in_the_next_turn_and_under_another_token() {
        let mut slab = Slab::new();
        let first = *slab.insert(|index| Token::connection(index, 1));
        assert_eq!(slab.remove(first), Some(first));
        let second = *slab.insert(|index| Token::connection(index, 2));
        assert_ne!(second.subject(), first.subject());
        slab.reuse_freed();
        let third = *slab.insert(|index| Token::connection(index, 3));
        assert_eq!(third.subject(), first.subject());
        assert_eq!(slab.find(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.find(third).copied(), Some(third));
        assert_eq!(slab.len(), 2);
    }

    #[test]
    fn an_empty_slab_releases_its_memory() {
        let mut slab = Slab::new();
        let tokens: Vec<Token> =
            (0..1_500).map(|n| *slab.insert(|index| Token::connection(index, n))).collect();
        assert_eq!((slab.len(), slab.iter().count()), (1_500, 1_500));
        for &token in &tokens {
            assert_eq!(slab.find(token).copied(), Some(token));
        }
        for token in tokens {
            slab.remove(token);
        }
        assert!(slab.reuse_freed());
        assert_eq!((slab.len(), slab.shelves.capacity()), (0, 0));
    }

    #[test]
    fn empty_shelves_are_released_when_half_of_the_values_have_gone() {
        let mut slab = Slab::new();
        let tokens: Vec<Token> =
            (0..2_000).map(|n| *slab.insert(|index| Token::connection(index, n))).collect();
        for &token in &tokens[600..] {
            slab.remove(token);
        }
        assert!(slab.reuse_freed());
        assert_eq!((slab.len(), slab.shelves.len()), (600, 2));
        assert!(tokens[..600].iter().all(|&token| slab.find(token).is_some()));
        assert!(tokens[600..].iter().all(|&token| slab.find(token).is_none()));
        for n in 2_000..3_000 {
            let token = *slab.insert(|index| Token::connection(index, n));
            assert_eq!(slab.find(token).copied(), Some(token));
        }
        assert_eq!((slab.len(), slab.iter().count()), (1_600, 1_600));
    }

    #[test]
    fn an_empty_shelf_among_others_releases_its_memory_and_is_reused() {
        let mut slab = Slab::new();
        let tokens: Vec<Token> =
            (0..2_000).map(|n| *slab.insert(|index| Token::connection(index, n))).collect();
        for &token in &tokens[..1_100] {
            slab.remove(token);
        }
        assert!(slab.reuse_freed());
        let capacities: Vec<usize> = slab.shelves.iter().map(slab::Slab::capacity).collect();
        assert_eq!(capacities, [0, 0, SHELF_SLOTS, SHELF_SLOTS]);
        for n in 3_000..4_148 {
            let token = *slab.insert(|index| Token::connection(index, n));
            assert_eq!(slab.find(token).copied(), Some(token));
        }
        assert_eq!((slab.len(), slab.shelves.len()), (2_048, 4), "no shelf is added");
        assert!(slab.with_room.is_empty());
        assert!(slab.shelves.iter().all(|shelf| shelf.capacity() == SHELF_SLOTS), "none moved");
    }

    #[test]
    fn a_slot_is_no_larger_than_a_connection() {
        // What the crate stores for each slot: a value, or the key of the next free slot.
        enum Entry<T> {
            Vacant(usize),
            Occupied(T),
        }
        type Connection = crate::net::connection::Connection<Option<Box<[u64; 2]>>>;
        assert!(size_of::<Entry<Option<Connection>>>() <= 128);
        assert!(matches!(Entry::<u8>::Vacant(0), Entry::Vacant(0)));
        assert!(matches!(Entry::Occupied(1), Entry::Occupied(1)));
    }
}

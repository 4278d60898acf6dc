//! Connections by slot. A slot that was freed is not used again before [`Slab::reuse_freed`], so that no
//! event of one batch can reach a stranger; across batches the generation in the token tells.
//!
//! The slots are in chunks that stay where they are: a vector that grows by moving needs the old place beside
//! the new one, and leaves it behind.

use super::network::{Subject, Token};

/// A value that knows the token it was given.
pub(super) trait Tokened {
    fn token(&self) -> Token;
}

/// Slots in a chunk: 512, which are 64 KiB of connections. From 128 KiB on the C library would map a chunk, and
/// glibc gives back less of its heap once it was given back something that it had mapped.
const CHUNK_SLOTS: usize = 512;

/// So many values or more are a crowd: 64, which have several megabytes of memory if they speak TLS.
const CROWD_MIN: usize = 64;

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    /// Free slots that may be used.
    free: Vec<u32>,
    /// Free slots that may be used from the next turn on.
    freed: Vec<u32>,
    /// The most values there were since memory was last given back.
    peak: usize,
    /// A crowd came, and some of it is still here.
    has_crowd: bool,
}

impl<T: Tokened> Slab<T> {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), freed: Vec::new(), peak: 0, has_crowd: false }
    }

    pub(super) fn len(&self) -> usize {
        self.slots() - self.free.len() - self.freed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts in what `make` makes of the slot's index.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> &mut T {
        let index = self.free.pop().unwrap_or_else(|| self.add_slot());
        self.peak = self.peak.max(self.len());
        let (chunk, slot) = place(index);
        self.chunks[chunk][slot].insert(make(index))
    }

    /// The value with this token, unless it is gone.
    pub(super) fn find(&mut self, token: Token) -> Option<&mut T> {
        let Subject::Connection { index } = token.subject() else { return None };
        let (chunk, slot) = place(index);
        let value = self.chunks.get_mut(chunk)?.get_mut(slot)?.as_mut()?;
        (value.token() == token).then_some(value)
    }

    /// Takes out the value with this token.
    pub(super) fn remove(&mut self, token: Token) -> Option<T> {
        self.find(token)?;
        let Subject::Connection { index } = token.subject() else { return None };
        self.freed.push(index);
        let (chunk, slot) = place(index);
        self.chunks[chunk][slot].take()
    }

    /// Makes the freed slots usable. Each time that half of the values have gone, memory is given back; whether
    /// they were part of a crowd.
    pub(super) fn reuse_freed(&mut self) -> bool {
        if self.freed.is_empty() {
            return false;
        }
        self.free.append(&mut self.freed);
        if self.len() > self.peak / 2 {
            return false;
        }
        // Of a crowd the last few hold as much back as the first.
        let has_crowd = self.has_crowd || self.peak >= CROWD_MIN;
        self.give_back();
        self.peak = self.len();
        self.has_crowd = has_crowd && self.peak > 0;
        has_crowd
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().flatten()
    }

    /// Gives back the chunks behind the last value; an empty slab all that it has.
    fn give_back(&mut self) {
        while self.chunks.last().is_some_and(|chunk| chunk.iter().all(Option::is_none)) {
            self.chunks.pop();
        }
        let slots = self.slots();
        self.free.retain(|&index| (index as usize) < slots);
        self.free.shrink_to_fit();
        self.freed.shrink_to_fit();
        if self.chunks.is_empty() {
            self.chunks = Vec::new();
        }
    }

    /// How many slots there are, free or not. All chunks but the last are full.
    fn slots(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_SLOTS + last.len())
    }

    /// Adds a free slot; its index.
    fn add_slot(&mut self) -> u32 {
        let index = self.slots();
        if index.is_multiple_of(CHUNK_SLOTS) {
            self.chunks.push(Vec::with_capacity(CHUNK_SLOTS));
        }
        self.chunks[index / CHUNK_SLOTS].push(None);
        index as u32
    }
}

/// The chunk of a slot, and where in it the slot is.
fn place(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK_SLOTS, index % CHUNK_SLOTS)
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
    fn an_empty_slab_gives_its_memory_back() {
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
        assert_eq!((slab.len(), slab.chunks.capacity()), (0, 0));
    }

    #[test]
    fn when_half_have_gone_what_is_behind_the_others_is_given_back() {
        let mut slab = Slab::new();
        let tokens: Vec<Token> =
            (0..2_000).map(|n| *slab.insert(|index| Token::connection(index, n))).collect();
        for &token in &tokens[600..] {
            slab.remove(token);
        }
        assert!(slab.reuse_freed());
        assert_eq!((slab.len(), slab.slots()), (600, 2 * CHUNK_SLOTS));
        assert!(tokens[..600].iter().all(|&token| slab.find(token).is_some()));
        assert!(tokens[600..].iter().all(|&token| slab.find(token).is_none()));
        for n in 2_000..3_000 {
            let token = *slab.insert(|index| Token::connection(index, n));
            assert_eq!(slab.find(token).copied(), Some(token));
        }
        assert_eq!((slab.len(), slab.iter().count()), (1_600, 1_600));
    }
}

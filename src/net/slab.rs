//! Connections by slot. A slot that was freed is not used again before [`Slab::reuse_freed`], so that no
//! event of one batch can reach a stranger; across batches the generation in the token tells.

use super::network::{Subject, Token};

/// A value that knows the token it was given.
pub(super) trait Tokened {
    fn token(&self) -> Token;
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    /// Free slots that may be used.
    free: Vec<u32>,
    /// Free slots that may be used from the next turn on.
    freed: Vec<u32>,
}

impl<T: Tokened> Slab<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), freed: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len() - self.freed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts in what `make` makes of the slot's index.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> &mut T {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[index as usize].insert(make(index))
    }

    /// The value with this token, unless it is gone.
    pub(super) fn find(&mut self, token: Token) -> Option<&mut T> {
        let Subject::Connection { index } = token.subject() else { return None };
        let value = self.slots.get_mut(index as usize)?.as_mut()?;
        (value.token() == token).then_some(value)
    }

    /// Takes out the value with this token.
    pub(super) fn remove(&mut self, token: Token) -> Option<T> {
        self.find(token)?;
        let Subject::Connection { index } = token.subject() else { return None };
        self.freed.push(index);
        self.slots[index as usize].take()
    }

    /// Makes the freed slots usable. An empty slab gives its memory back.
    pub(super) fn reuse_freed(&mut self) {
        if self.freed.is_empty() {
            return;
        }
        self.free.append(&mut self.freed);
        if self.is_empty() {
            *self = Self::new();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }
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
            (0..100).map(|n| *slab.insert(|index| Token::connection(index, n))).collect();
        for token in tokens {
            slab.remove(token);
        }
        slab.reuse_freed();
        assert_eq!((slab.len(), slab.slots.capacity()), (0, 0));
    }
}

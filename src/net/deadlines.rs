//! The deadlines of all connections, in order. A tick costs only the deadlines that are due;
//! connections without a deadline cost nothing.

use super::network::Token;
use std::collections::BTreeSet;

/// A moment, in nanoseconds of the network's clock. 64 bits last for 584 years.
pub(super) type Moment = u64;

/// See the [module documentation](self). A connection has at most one deadline, and remembers it.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Moment, u64)>);

impl Deadlines {
    pub(super) fn next(&self) -> Option<Moment> {
        self.0.first().map(|&(when, _)| when)
    }

    /// Replaces a connection's deadline.
    pub(super) fn change(&mut self, token: Token, old: Option<Moment>, new: Option<Moment>) {
        if let Some(when) = old {
            self.0.remove(&(when, token.0));
            self.release();
        }
        if let Some(when) = new {
            self.0.insert((when, token.0));
        }
    }

    /// Removes and returns one connection whose deadline has passed.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<Token> {
        let &(when, token) = self.0.first()?;
        if when > now {
            return None;
        }
        self.0.pop_first();
        self.release();
        Some(Token(token))
    }

    /// An empty set still owns one node, somewhere in the middle of memory that was used by many
    /// and is free again.
    fn release(&mut self) {
        if self.0.is_empty() {
            self.0 = BTreeSet::new();
        }
    }
}

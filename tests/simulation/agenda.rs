//! The agenda of a simulated world: which action happens when. Actions of the same time happen in
//! the order in which they were added.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(crate) struct Agenda<A> {
    heap: BinaryHeap<Reverse<(u64, u64, A)>>,
    sequence: u64,
}

impl<A: Copy + Ord> Agenda<A> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    pub(crate) fn add(&mut self, when: u64, action: A) {
        self.sequence += 1;
        self.heap.push(Reverse((when, self.sequence, action)));
    }

    pub(crate) fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((when, ..))| *when)
    }

    /// The next action and its time, if one is due at `now`.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(u64, A)> {
        let Reverse((when, _, action)) = *self.heap.peek()?;
        if when > now {
            return None;
        }
        self.heap.pop();
        Some((when, action))
    }
}

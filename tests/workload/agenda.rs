//! What will happen in the simulated world, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens without the load generator. The number is that of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// A connect succeeds or is refused.
    Connect(usize),
    /// Bytes, or their end, reach the server.
    Deliver(usize),
    /// Bytes, or their end, reach the load generator's kernel.
    Arrive(usize),
    /// There is room again in the send window of the load generator.
    Room(usize),
    /// The server sends the response with this number.
    Respond(usize),
    /// The server sends a message that nobody asked for.
    Push(usize),
    /// The server ends the connection.
    End(usize),
}

#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(u64, u64, Action)>>,
    sequence: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, when: u64, action: Action) {
        self.sequence += 1;
        self.heap.push(Reverse((when, self.sequence, action)));
    }

    pub(crate) fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((when, ..))| *when)
    }

    /// The next action and its time, if it is due at `now`.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<(u64, Action)> {
        let Reverse((when, _, action)) = *self.heap.peek()?;
        if when > now {
            return None;
        }
        self.heap.pop();
        Some((when, action))
    }
}

//! What will happen in the simulated world, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens by itself. The number is that of the client and its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// The client's connect reaches the listener.
    Connect(usize),
    /// The client does the next thing of its script.
    Step(usize),
    /// Bytes, or their end, reach the server's kernel.
    Deliver(usize),
    /// The client reads.
    Read(usize),
    /// What a read was told not to be there yet, is there.
    Reveal(usize),
    /// There is room again where a write was told that there was none.
    Room(usize),
    /// The client's reset reaches the server's kernel.
    Reset(usize),
    /// The server's reset reaches the client.
    Refuse(usize),
    /// Our side connects to a server, and learns what came of it.
    Call(usize),
    Answer(usize),
    /// Our side has something to say there without being asked.
    Tell(usize),
    /// The server is asked to stop.
    Stop,
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

    /// The next action, if it is due at `now`.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<Action> {
        let Reverse((when, _, action)) = *self.heap.peek()?;
        if when > now {
            return None;
        }
        self.heap.pop();
        Some(action)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

//! The agenda of the simulated world: which action happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// An action of the simulated world. The number is the index of a client and of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// The client's connection attempt reaches the listener.
    Connect(usize),
    /// The client takes the next step of its script.
    Step(usize),
    /// Bytes or an end of output reach the server's kernel.
    Deliver(usize),
    /// The client reads.
    Read(usize),
    /// Input becomes visible that a read did not return before.
    Reveal(usize),
    /// The send buffer has room again after a refused or short write.
    Room(usize),
    /// The client's reset reaches the server's kernel.
    Reset(usize),
    /// The server's reset reaches the client.
    Refuse(usize),
    /// Our connection attempt to a server ends, in success or failure.
    Call(usize),
    Answer(usize),
    /// Our side has something to send on that connection on its own initiative.
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

    /// The next action, if one is due at `now`.
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

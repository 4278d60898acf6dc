//! Deliberate bugs, to prove that the invariants find them.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The poll loses an event that says readable.
    LostEdge,
    /// Each poll waits half a minute too long.
    LateTimers,
    /// The service forgets a message.
    DroppedMessage,
    /// The service answers a message twice.
    DoubledMessage,
    /// The service answers a message with another one.
    ForeignMessage,
    /// The poll loses the event that says that a connection is made.
    LostConnect,
    /// The service is lent a message that is not the one that was sent.
    ForeignReply,
}

/// A bug that shows itself once, after so many chances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sabotage {
    bug: Bug,
    chances: u32,
}

impl Sabotage {
    pub(crate) fn new(bug: Bug, chances: u32) -> Self {
        Self { bug, chances }
    }

    pub(crate) fn is(&self, bug: Bug) -> bool {
        self.bug == bug
    }

    /// Counts a chance for this bug; whether it is the one to take.
    pub(crate) fn strikes(&mut self, bug: Bug) -> bool {
        if !self.is(bug) || self.chances == 0 {
            return false;
        }
        self.chances -= 1;
        self.chances == 0
    }
}

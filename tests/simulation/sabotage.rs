//! Deliberate bugs, to prove that the invariants find them.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The poll loses a readable event.
    LostEdge,
    /// Each poll waits half a minute too long.
    LateTimers,
    /// The service drops a message.
    DroppedMessage,
    /// The service responds to a message twice.
    DoubledMessage,
    /// The service responds with a different message.
    ForeignMessage,
    /// The poll loses the event of an established connection.
    LostConnect,
    /// The service is lent a message that differs from the one sent.
    ForeignReply,
}

/// A bug that occurs once, after a number of chances.
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

    /// Counts a chance for this bug. Returns whether to take it.
    pub(crate) fn strikes(&mut self, bug: Bug) -> bool {
        if !self.is(bug) || self.chances == 0 {
            return false;
        }
        self.chances -= 1;
        self.chances == 0
    }
}

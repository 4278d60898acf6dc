//! The state of a connection, one bit for each fact.

/// A set of [`Flag`]s in two bytes: one `bool` each would take a tenth of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct Flags(u16);

/// See [`Connection`](super::Connection) for the meaning of each combination.
///
/// [`Readable`](Self::Readable) and [`Writable`](Self::Writable) are latches: an event sets them,
/// and only the stream clears them, with `WouldBlock` or with a short read or write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(in crate::net) enum Flag {
    /// A read may return input.
    Readable = 1 << 0,
    /// A write may accept output.
    Writable = 1 << 1,
    /// An event reported that the peer ended its output. Then a short read does not mean that
    /// everything was read: the end of input is still to be read, and will not be reported again.
    ReadClosed = 1 << 2,
    /// The end of input was read.
    Eof = 1 << 3,
    /// The connection is in the reactor's queue.
    Queued = 1 << 4,
    /// Its last read returned as much as it may read while others wait.
    Bulk = 1 << 5,
    /// An outgoing connection whose transport is not connected yet: the first write shows whether
    /// it is.
    Connecting = 1 << 6,
    /// The connection has an opening handshake or authentication, and has not completed it.
    Unauthenticated = 1 << 7,
    /// We ended our output.
    ShutdownSent = 1 << 8,
    /// Input has arrived since the last keepalive check.
    Active = 1 << 9,
    /// A ping was sent because no input arrived.
    Pinged = 1 << 10,
    /// The connection ends at once: pending output is discarded.
    Aborted = 1 << 11,
    /// An outgoing connection that is not open yet: one deadline covers everything until then.
    Opening = 1 << 12,
    /// An event reported an urgent mark in the input. A read stops there, so a short read does not
    /// mean that everything was read; only `WouldBlock` does.
    Urgent = 1 << 13,
    /// The last batch ended before its input did: complete messages may be left in the tail.
    InputLeft = 1 << 14,
    /// The last batch used the whole budget of a connection for one turn.
    OverBudget = 1 << 15,
}

impl Flags {
    /// Whether `flag` is set.
    pub(in crate::net) fn has(self, flag: Flag) -> bool {
        self.0 & flag as u16 != 0
    }

    /// Sets `flag` to `value`.
    pub(in crate::net) fn set(&mut self, flag: Flag, value: bool) {
        self.0 = if value { self.0 | flag as u16 } else { self.0 & !(flag as u16) };
    }

    /// Sets `flag` if `value` is true; otherwise leaves it unchanged.
    pub(in crate::net) fn raise(&mut self, flag: Flag, value: bool) {
        self.0 |= if value { flag as u16 } else { 0 };
    }

    /// Sets `flag` to `value`, and returns the old value.
    pub(in crate::net) fn replace(&mut self, flag: Flag, value: bool) -> bool {
        let before = self.has(flag);
        self.set(flag, value);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_independent() {
        let mut flags = Flags::default();
        flags.set(Flag::Readable, true);
        assert!(!flags.replace(Flag::Eof, true));
        assert!(flags.has(Flag::Readable) && flags.has(Flag::Eof) && !flags.has(Flag::Writable));
        assert!(flags.replace(Flag::Readable, false));
        assert!(!flags.has(Flag::Readable) && flags.has(Flag::Eof));
    }
}

//! What is known about a connection, one bit each.

/// A set of [`Flag`]s in two bytes: twelve `bool`s would be a tenth of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct Flags(u16);

/// See [`Connection`](super::Connection) for what follows from each.
///
/// [`Readable`](Self::Readable) and [`Writable`](Self::Writable) are latches: an event sets them, and only
/// the stream itself clears them, by saying that it would block, or by giving or taking less than it was
/// asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(in crate::net) enum Flag {
    /// A read may bring something.
    Readable = 1 << 0,
    /// A write may take something.
    Writable = 1 << 1,
    /// An event said that the peer ended its output. Then a short read is no sign of having read it all:
    /// the end of input is still to be read, and will not be announced again.
    ReadClosed = 1 << 2,
    /// The end of input was read.
    Eof = 1 << 3,
    /// It stands in the reactor's queue.
    Queued = 1 << 4,
    /// Its last read brought as much as it may read while others wait.
    Bulk = 1 << 5,
    /// We make it, and the transport is not there yet: a first write would say whether it comes.
    Connecting = 1 << 6,
    /// It is not through its opening handshake and authentication yet, and has one of them.
    Unauthenticated = 1 << 7,
    /// We ended our output.
    ShutdownSent = 1 << 8,
    /// Something arrived since the last look for silence.
    Active = 1 << 9,
    /// A ping was sent because nothing arrived.
    Pinged = 1 << 10,
    /// It ends without another word: what still waits to be sent is given up.
    Aborted = 1 << 11,
    /// We make it, and it is not open yet: one deadline is for all that is to be done until then.
    Opening = 1 << 12,
    /// An event said that an urgent mark is in the input. A read stops there, so that a short one is not a
    /// sign of having read everything; only `WouldBlock` is.
    Urgent = 1 << 13,
    /// The last batch ended before its input did: complete messages may be left in the tail.
    InputLeft = 1 << 14,
    /// The last batch took all that a connection may take in one turn.
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

    /// Sets `flag` if `value` is true; otherwise it stays as it is.
    pub(in crate::net) fn raise(&mut self, flag: Flag, value: bool) {
        self.0 |= if value { flag as u16 } else { 0 };
    }

    /// Sets `flag` to `value`, and says what it was before.
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
    fn each_flag_is_its_own() {
        let mut flags = Flags::default();
        flags.set(Flag::Readable, true);
        assert!(!flags.replace(Flag::Eof, true));
        assert!(flags.has(Flag::Readable) && flags.has(Flag::Eof) && !flags.has(Flag::Writable));
        assert!(flags.replace(Flag::Readable, false));
        assert!(!flags.has(Flag::Readable) && flags.has(Flag::Eof));
    }
}

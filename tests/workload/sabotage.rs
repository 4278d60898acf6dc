//! Faults of the world itself, to check that the oracle finds what it looks for.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The clock is 1 ms ahead when it is read after input.
    LyingClock,
    /// The report believes every figure, as if the load generator had seen none of its stalls.
    BlindBelief,
    /// A dropped message is in the books as echoed.
    ForgottenDrop,
    /// A second echo is not in the books.
    ForgottenCopy,
    /// A changed echo is in the books as a good one.
    ForgottenDamage,
    /// A connection that the server ended is not in the books.
    ForgottenEnd,
}

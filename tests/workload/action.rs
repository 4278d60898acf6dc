//! What can happen in the simulated world without the load generator.

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

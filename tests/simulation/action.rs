//! What can happen in the simulated world by itself.

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

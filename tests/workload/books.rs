//! The world's own books: what the server received, what it sent, and when. The oracle reads
//! nothing else.

/// A message that the server received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) link: usize,
    /// Its number on the connection, from 0.
    pub(crate) number: u64,
    /// When the kernel took the last byte of it from the load generator.
    pub(crate) written: u64,
    pub(crate) fate: Fate,
    /// Its response among [`Books::sent`].
    pub(crate) response: Option<usize>,
}

/// What the server does about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Echoed,
    Dropped,
    Corrupted,
    OpcodeChanged,
    Misdelivered,
    WrongResponse,
}

/// A message that the server sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) link: usize,
    pub(crate) what: What,
    /// When all of it was in the load generator's kernel; 0 if never.
    pub(crate) readable: u64,
    /// When the load generator had read all of it; 0 if never.
    pub(crate) taken: u64,
}

/// What a message of the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The response to this message of [`Books::received`].
    Response(usize),
    /// A second echo.
    Copy,
    /// An echo of another connection.
    Misdelivered,
    Unasked,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) received: Vec<Received>,
    pub(crate) sent: Vec<Sent>,
    /// Links that the server ended, and how.
    pub(crate) ended: Vec<(usize, &'static str)>,
    /// Connects that were refused.
    pub(crate) refused: u64,
    /// When the load began: the schedule of an open loop starts then.
    pub(crate) load_start: u64,
    pub(crate) window_start: u64,
    /// The first thing that contradicts the rules of the protocol.
    pub(crate) violation: Option<String>,
}

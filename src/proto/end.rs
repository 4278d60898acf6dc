//! How a connection ended: every accepted connection ends in exactly one [`End`].

use super::error::Error;
use std::fmt;

/// The one reason a connection ended. The first that applies is kept; later ones are consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The peer ended it as the protocol provides: a closing handshake, or end of input.
    Peer,
    /// The service ended it.
    Service,
    /// A stop was asked for, and everything received whole had been answered.
    Drained,
    /// A stop was asked for, and the drain timeout passed first.
    Abandoned,
    /// A rule was broken or a deadline passed.
    Failed(Error),
    /// The transport broke: the peer reset it.
    Reset,
    /// The transport broke: the peer was already gone when we wrote.
    BrokenPipe,
    /// The transport broke in another way, or a connection attempt failed.
    Transport,
    /// It was turned away at the door: more connections than one address may have.
    TooManyFromAddress,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Peer => "the peer closed",
            Self::Service => "the service closed",
            Self::Drained => "the server stopped",
            Self::Abandoned => "the drain timeout passed",
            Self::Failed(error) => return error.fmt(formatter),
            Self::Reset => "the peer reset the connection",
            Self::BrokenPipe => "the peer was gone",
            Self::Transport => "the transport failed",
            Self::TooManyFromAddress => "too many connections from this address",
        };
        formatter.write_str(words)
    }
}

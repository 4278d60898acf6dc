//! How a connection ended: every accepted connection ends in exactly one [`End`].

use super::error::{CloseCode, Error};
use super::tls_failure::TlsFailure;
use std::fmt;

/// The one reason a connection ended. The first that applies is kept; later ones are consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The peer ended it as the protocol provides: with a close frame that carries no code, or with the
    /// end of input where there are no such frames.
    Peer,
    /// The peer ended it with a close frame that carries this code.
    PeerWithCode(CloseCode),
    /// The service ended it.
    Service,
    /// A stop was asked for, and everything received whole had been answered.
    Drained,
    /// A stop was asked for, and the drain timeout passed first.
    DrainTimeout,
    /// A rule was broken or a deadline passed.
    Failed(Error),
    /// TLS refused the peer, or the peer refused us.
    Tls(TlsFailure),
    /// The transport broke: the peer reset it.
    Reset,
    /// The transport broke: the peer was already gone when we wrote.
    BrokenPipe,
    /// The connection attempt was refused: nobody listens there.
    Refused,
    /// The transport gave up waiting for the peer.
    TimedOut,
    /// The transport broke in another way.
    Transport,
    /// A bug of ours: the code that served it panicked.
    Panicked,
    /// It was turned away at the door: more connections than one address may have.
    TooManyFromAddress,
    /// It was turned away at the door by chance: many connections had not got through their opening
    /// handshake or authentication yet.
    DroppedEarly,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Peer => "the peer closed",
            Self::PeerWithCode(code) => {
                return write!(formatter, "the peer closed with code {code}");
            }
            Self::Service => "the service closed",
            Self::Drained => "the server stopped",
            Self::DrainTimeout => "the drain timeout passed",
            Self::Failed(error) => return error.fmt(formatter),
            Self::Tls(failure) => return failure.fmt(formatter),
            Self::Reset => "the peer reset the connection",
            Self::BrokenPipe => "the peer was gone",
            Self::Refused => "the connection was refused",
            Self::TimedOut => "the peer could not be reached any more",
            Self::Transport => "the transport failed",
            Self::Panicked => "a bug in the server ended it",
            Self::TooManyFromAddress => "too many connections from this address",
            Self::DroppedEarly => "too many connections that are not let in yet",
        };
        formatter.write_str(words)
    }
}

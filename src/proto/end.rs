//! Why a connection ended: every accepted connection ends with exactly one [`End`].

use super::error::{CloseCode, Error};
use super::tls_failure::TlsFailure;
use std::fmt;

/// The reason why a connection ended. The first that applies is kept; later ones are consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The peer closed regularly: with a Close frame without a code, or with the end of input in
    /// framings without Close frames.
    Peer,
    /// The peer closed with a Close frame that carries this code.
    PeerWithCode(CloseCode),
    /// The service closed.
    Service,
    /// The server stopped, and all complete messages had been processed.
    Drained,
    /// The server stopped, and the drain timeout expired first.
    DrainTimeout,
    /// The peer broke a rule, or a deadline expired.
    Failed(Error),
    /// TLS rejected the peer, or the peer rejected us.
    Tls(TlsFailure),
    /// The transport broke: the peer reset it.
    Reset,
    /// The transport broke: the peer had already closed when we wrote.
    BrokenPipe,
    /// The connection attempt was refused: no listener at the address.
    Refused,
    /// The transport timed out waiting for the peer.
    TimedOut,
    /// The transport broke in another way.
    Transport,
    /// The code that served the connection panicked: a bug in this program.
    Panicked,
    /// Rejected on accept: the client's address already has its maximum number of connections.
    TooManyFromAddress,
    /// Rejected on accept, at random: too many connections had not completed their opening
    /// handshake and authentication.
    DroppedEarly,
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
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
            Self::BrokenPipe => "the peer had already closed the connection",
            Self::Refused => "the connection was refused",
            Self::TimedOut => "the connection timed out",
            Self::Transport => "the transport failed",
            Self::Panicked => "a bug in the server ended the connection",
            Self::TooManyFromAddress => "too many connections from this address",
            Self::DroppedEarly => "too many unauthenticated connections",
        };
        formatter.write_str(sentence)
    }
}

//! The names that results use for the ends of connections.

use super::outcome::EndedBy;
use crate::proto::{End, Error};

/// Who ended a connection, and how. `is_websocket` tells whether end of input is the regular end.
pub(in crate::load) fn ending(end: End, is_websocket: bool) -> (EndedBy, String) {
    match end {
        End::Peer if is_websocket => (EndedBy::Server, "close without a code".into()),
        End::Peer | End::Failed(Error::ClosedAbnormally) => (EndedBy::Server, "FIN".into()),
        End::PeerWithCode(code) => (EndedBy::Server, format!("close {code}")),
        End::Reset | End::BrokenPipe => (EndedBy::Network, "RST".into()),
        End::TimedOut => (EndedBy::Network, SILENCE.into()),
        End::Refused | End::Transport => (EndedBy::Network, end.to_string()),
        _ => (EndedBy::Us, end.to_string()),
    }
}

/// The peer fell silent without any sign of the reason.
pub(in crate::load) const SILENCE: &str = "silence";

/// Why a connection never opened, in a few words.
pub(in crate::load) fn failure(end: End) -> String {
    match end {
        End::Failed(Error::UpgradeRefused(status)) => format!("HTTP {status}"),
        End::Reset | End::BrokenPipe => "reset while connecting".into(),
        End::TimedOut | End::Failed(Error::HandshakeTimeout | Error::AuthTimeout) => {
            "timed out while connecting".into()
        }
        End::Refused => "connection refused".into(),
        End::Peer | End::Failed(Error::HandshakeTruncated | Error::AuthTruncated) => {
            "closed while connecting".into()
        }
        _ => end.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::CloseCode;

    #[test]
    fn ends_are_named_by_what_was_observed() {
        let how = |end, is_websocket| ending(end, is_websocket).1;
        assert_eq!(how(End::PeerWithCode(CloseCode(1001)), true), "close 1001");
        assert_eq!(how(End::Failed(Error::ClosedAbnormally), true), "FIN");
        assert_eq!(how(End::Peer, false), "FIN");
        assert_eq!(ending(End::Reset, true), (EndedBy::Network, "RST".into()));
        assert_eq!(ending(End::TimedOut, true), (EndedBy::Network, "silence".into()));
        assert_eq!(failure(End::Failed(Error::UpgradeRefused(503))), "HTTP 503");
    }
}

//! Why a connection ended, or never opened, as results name it.

use super::outcome::EndedBy;
use crate::proto::{End, Error};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Why a connection ended, or never opened. In JSON it is the text that [`Display`](fmt::Display)
/// shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum EndReason {
    /// A Close frame with this code.
    Close(u16),
    /// A Close frame without a code.
    CloseWithoutCode,
    /// End of input.
    Fin,
    /// A reset.
    Reset,
    /// The peer fell silent without any sign of the reason.
    Silence,
    /// The connection attempt was refused.
    Refused,
    /// The connection was reset before it opened.
    ResetWhileConnecting,
    /// The connection did not open in time.
    ConnectTimeout,
    /// The connection was closed before it opened.
    ClosedWhileConnecting,
    /// The upgrade was refused with this HTTP status.
    Http(u16),
    /// Anything else, in words.
    Other(String),
}

/// Those that are always the same words.
const NAMES: [(EndReason, &str); 8] = [
    (EndReason::CloseWithoutCode, "close without a code"),
    (EndReason::Fin, "FIN"),
    (EndReason::Reset, "RST"),
    (EndReason::Silence, "silence"),
    (EndReason::Refused, "connection refused"),
    (EndReason::ResetWhileConnecting, "reset while connecting"),
    (EndReason::ConnectTimeout, "timed out while connecting"),
    (EndReason::ClosedWhileConnecting, "closed while connecting"),
];

impl EndReason {
    /// Who ended an open connection, and how. `is_websocket` tells whether end of input is not the
    /// regular end.
    pub(in crate::load) fn of_end(end: End, is_websocket: bool) -> (EndedBy, Self) {
        match end {
            End::Peer if is_websocket => (EndedBy::Server, Self::CloseWithoutCode),
            End::Peer | End::Failed(Error::ClosedAbnormally) => (EndedBy::Server, Self::Fin),
            End::PeerWithCode(code) => (EndedBy::Server, Self::Close(code.0)),
            End::Reset | End::BrokenPipe => (EndedBy::Network, Self::Reset),
            End::TimedOut => (EndedBy::Network, Self::Silence),
            End::Refused | End::Transport => (EndedBy::Network, Self::Other(end.to_string())),
            _ => (EndedBy::Us, Self::Other(end.to_string())),
        }
    }

    /// Why a connection never opened.
    pub(in crate::load) fn of_failure(end: End) -> Self {
        match end {
            End::Failed(Error::UpgradeRefused(status)) => Self::Http(status),
            End::Reset | End::BrokenPipe => Self::ResetWhileConnecting,
            End::TimedOut | End::Failed(Error::HandshakeTimeout | Error::AuthTimeout) => {
                Self::ConnectTimeout
            }
            End::Refused => Self::Refused,
            End::Peer | End::Failed(Error::HandshakeTruncated | Error::AuthTruncated) => {
                Self::ClosedWhileConnecting
            }
            _ => Self::Other(end.to_string()),
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(code) => write!(formatter, "close {code}"),
            Self::Http(status) => write!(formatter, "HTTP {status}"),
            Self::Other(words) => formatter.write_str(words),
            named => {
                let name = NAMES.iter().find(|(reason, _)| reason == named);
                formatter.write_str(name.map_or("", |(_, name)| name))
            }
        }
    }
}

impl FromStr for EndReason {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        // What is not shown the same again, such as `close 01000`, stays as it is.
        let number = |prefix| {
            let digits: &str = text.strip_prefix(prefix)?;
            digits.parse::<u16>().ok().filter(|number| number.to_string() == digits)
        };
        if let Some((reason, _)) = NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(reason.clone());
        }
        let close = number("close ").map(Self::Close);
        let http = || number("HTTP ").map(Self::Http);
        Ok(close.or_else(http).unwrap_or_else(|| Self::Other(text.to_owned())))
    }
}

impl From<String> for EndReason {
    fn from(text: String) -> Self {
        let Ok(reason) = text.parse();
        reason
    }
}

impl From<&str> for EndReason {
    fn from(text: &str) -> Self {
        let Ok(reason) = text.parse();
        reason
    }
}

impl From<EndReason> for String {
    fn from(reason: EndReason) -> Self {
        reason.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::CloseCode;

    #[test]
    fn an_end_is_named_after_what_was_seen_of_it() {
        let how = |end, is_websocket| EndReason::of_end(end, is_websocket).1.to_string();
        assert_eq!(how(End::PeerWithCode(CloseCode(1001)), true), "close 1001");
        assert_eq!(how(End::Failed(Error::ClosedAbnormally), true), "FIN");
        assert_eq!(how(End::Peer, false), "FIN");
        assert_eq!(EndReason::of_end(End::Reset, true), (EndedBy::Network, EndReason::Reset));
        assert_eq!(EndReason::of_end(End::TimedOut, true), (EndedBy::Network, EndReason::Silence));
        let refused = EndReason::of_failure(End::Failed(Error::UpgradeRefused(503)));
        assert_eq!(refused.to_string(), "HTTP 503");
    }

    #[test]
    fn every_text_is_shown_as_it_was_read() {
        let texts = ["close 1001", "close 01001", "close 99999", "HTTP 503", "HTTP x", "", "else"];
        for text in texts.into_iter().chain(NAMES.map(|(_, name)| name)) {
            assert_eq!(EndReason::from(text).to_string(), text);
        }
        assert_eq!(EndReason::from("close 1001"), EndReason::Close(1001));
        assert_eq!(EndReason::from("HTTP 503"), EndReason::Http(503));
        assert_eq!(EndReason::from("RST"), EndReason::Reset);
    }
}

//! The framings, by the schemes of their URLs.

/// How bytes become messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    WebSocket,
    Line,
    Raw,
}

impl Framing {
    /// The framing of a URL.
    pub(crate) fn of(url: &str) -> Self {
        match url.split_once(':') {
            Some(("ws" | "wss" | "ws+unix", _)) => Self::WebSocket,
            Some(("line" | "line+tls" | "line+unix", _)) => Self::Line,
            Some(("tcp" | "tls" | "unix", _)) => Self::Raw,
            _ => panic!("{url} has no scheme that this test knows"),
        }
    }
}

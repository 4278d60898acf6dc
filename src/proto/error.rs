//! Protocol errors: every way a peer can break a rule, with its close code or HTTP status.
//!
//! Each violation is one variant; each variant has exactly one close code (RFC 6455 §7.4) or,
//! before the WebSocket is open, one HTTP status. `Error` is `Copy` and holds no strings, so that
//! data from the peer cannot reach a log through it.

use std::fmt;

/// A rule that the peer broke, or a limit or deadline of ours. The close code or HTTP status that
/// is sent for it is in parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// The request head is longer than the limit (431).
    HeadTooLarge,
    /// The request has more header fields than the limit (431).
    TooManyHeaders,
    /// The bytes are not an HTTP/1.1 request head (400).
    RequestMalformed,
    /// The method is not GET (405). RFC 6455 §4.1: "The method of the request MUST be GET".
    MethodNotGet,
    /// The HTTP version is not 1.1 (505).
    HttpVersion,
    /// The request announces a body (400). An upgrade request has none, and a body could hide a
    /// second request (request smuggling).
    RequestHasBody,
    /// `Host` is missing, duplicated, empty or malformed (400). RFC 9112 §3.2.
    HostInvalid,
    /// `Host` is not one of the configured host names (421).
    HostRefused,
    /// `Origin` is not one of the configured origins (403).
    OriginRefused,
    /// The path is not the one that this listener serves (404).
    PathNotServed,
    /// The request does not ask for an upgrade to `websocket` (426).
    UpgradeMissing,
    /// `Connection` does not list `Upgrade` (400). RFC 6455 §4.2.1.
    ConnectionNotUpgrade,
    /// `Sec-WebSocket-Key` is missing, duplicated, or not 16 bytes in base64 (400). RFC 6455
    /// §4.2.1.
    KeyInvalid,
    /// `Sec-WebSocket-Version` is not exactly one `13` (426). RFC 6455 §4.4.
    WebSocketVersion,
    /// `Sec-WebSocket-Protocol` is not a list of tokens (400).
    SubprotocolInvalid,
    /// `Sec-WebSocket-Extensions` is not a list of extensions (400). RFC 6455 §9.1.
    ExtensionsMalformed,
    /// The opening handshake was not completed in time (408).
    HandshakeTimeout,
    /// The server is stopping and accepts no new session (503).
    ServiceUnavailable,
    /// The connection ended before the opening handshake was complete.
    HandshakeTruncated,

    /// The server's response is not an HTTP/1.1 response head.
    ResponseMalformed,
    /// The server responded to the upgrade with this HTTP status instead of 101.
    UpgradeRefused(u16),
    /// The 101 response lacks `Upgrade: websocket` or `Connection: Upgrade`. RFC 6455 §4.1.
    UpgradeNotConfirmed,
    /// `Sec-WebSocket-Accept` is missing or is not the hash of our key. RFC 6455 §4.1.
    AcceptMismatch,
    /// The server chose a subprotocol that was not offered. RFC 6455 §4.1.
    SubprotocolNotOffered,
    /// The server chose an extension, or a parameter of one, that was not offered. RFC 6455 §4.1.
    ExtensionNotOffered,

    /// The response to the challenge matches none of the keys (1008).
    AuthWrong,
    /// The input ended before the response or challenge was complete (1008).
    AuthTruncated,
    /// The response has the wrong length (1008).
    AuthLength,
    /// The peer sent more bytes than it may send before the response is verified (1008).
    AuthTooLong,
    /// The response or challenge did not arrive in time (1008).
    AuthTimeout,
    /// The server's challenge is not one binary message of 32 bytes (1008).
    ChallengeMalformed,

    /// A reserved bit is set, and no negotiated extension uses it (1002). RFC 6455 §5.2.
    ReservedBits,
    /// The opcode is reserved (1002). RFC 6455 §5.2.
    ReservedOpcode,
    /// A control frame is fragmented (1002). RFC 6455 §5.5.
    ControlFragmented,
    /// A control frame is longer than 125 bytes (1002). RFC 6455 §5.5.
    ControlTooLong,
    /// The length of a client's frame is not in its shortest form (1002). RFC 6455 §5.2.
    LengthNotMinimal,
    /// The top bit of a 64-bit length is set (1002). RFC 6455 §5.2.
    LengthTopBit,
    /// A client sent an unmasked frame (1002). RFC 6455 §5.1.
    MaskMissing,
    /// A server sent a masked frame (1002). RFC 6455 §5.1.
    MaskUnexpected,
    /// A continuation frame arrived without a message in progress (1002). RFC 6455 §5.4.
    ContinuationUnexpected,
    /// A message starts inside another (1002). RFC 6455 §5.4.
    MessageInterrupted,
    /// A text message or a close reason is not UTF-8 (1007). RFC 6455 §8.1.
    InvalidUtf8,
    /// A compressed message does not decompress, or is truncated (1007). RFC 7692 §7.2.2.
    DeflateInvalid,
    /// A message, including the charge for its frames, is larger than the limit (1009).
    MessageTooBig,
    /// A Close frame has a payload of one byte (1002). RFC 6455 §5.5.1.
    CloseTruncated,
    /// A Close frame carries a code that must not be sent (1002). RFC 6455 §7.4.
    CloseCodeInvalid,
    /// The connection ended without a closing handshake, in or between messages (1006, never sent).
    ClosedAbnormally,

    /// No message arrived within the idle timeout (1001).
    IdleTimeout,
    /// No input arrived after a ping (1001).
    PingTimeout,
    /// The peer read none of its pending output for too long.
    WriteTimeout,
    /// The closing handshake was not completed in time.
    CloseTimeout,
    /// The memory limit for connections is reached, or the system has no memory (1013).
    MemoryExhausted,
}

impl Error {
    /// The code of the Close frame for this error (RFC 6455 §7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::AuthWrong
            | Self::AuthTruncated
            | Self::AuthLength
            | Self::AuthTooLong
            | Self::AuthTimeout
            | Self::ChallengeMalformed => CloseCode::POLICY_VIOLATION,
            Self::InvalidUtf8 | Self::DeflateInvalid => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::IdleTimeout | Self::PingTimeout | Self::ServiceUnavailable => {
                CloseCode::GOING_AWAY
            }
            Self::MemoryExhausted => CloseCode::TRY_AGAIN_LATER,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The HTTP status for this error before the WebSocket is open (RFC 9110 §15).
    pub fn http_status(self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::MethodNotGet => 405,
            Self::HttpVersion => 505,
            Self::HostRefused => 421,
            Self::OriginRefused => 403,
            Self::PathNotServed => 404,
            Self::UpgradeMissing | Self::WebSocketVersion => 426,
            Self::HandshakeTimeout => 408,
            Self::ServiceUnavailable | Self::MemoryExhausted => 503,
            _ => 400,
        }
    }

    /// Whether the peer failed to authenticate, in whatever way.
    pub fn is_auth_failure(self) -> bool {
        matches!(
            self,
            Self::AuthWrong
                | Self::AuthTruncated
                | Self::AuthLength
                | Self::AuthTooLong
                | Self::AuthTimeout
        )
    }

    /// A fixed sentence for logs and for the content of HTTP responses.
    pub fn reason(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "the request head is too large",
            Self::TooManyHeaders => "the request has too many header fields",
            Self::RequestMalformed => "this is not an HTTP/1.1 request",
            Self::MethodNotGet => "the method must be GET",
            Self::HttpVersion => "the version must be HTTP/1.1",
            Self::RequestHasBody => "the request must not have a body",
            Self::HostInvalid => "there must be exactly one well-formed Host",
            Self::HostRefused => "this Host is not served here",
            Self::OriginRefused => "this Origin is not served here",
            Self::PathNotServed => "this path is not served here",
            Self::UpgradeMissing => "this is a WebSocket server: the request must ask to upgrade",
            Self::ConnectionNotUpgrade => "Connection must list Upgrade",
            Self::KeyInvalid => "there must be exactly one Sec-WebSocket-Key of 16 bytes in base64",
            Self::WebSocketVersion => "Sec-WebSocket-Version must be 13",
            Self::SubprotocolInvalid => "Sec-WebSocket-Protocol must be a list of tokens",
            Self::ExtensionsMalformed => "Sec-WebSocket-Extensions must be a list of extensions",
            Self::HandshakeTimeout => "the request was not complete in time",
            Self::ServiceUnavailable => "the server is stopping",
            Self::HandshakeTruncated => "the connection ended in the opening handshake",
            Self::ResponseMalformed => "the server's response is not an HTTP/1.1 response",
            Self::UpgradeRefused(_) => "the server refused the upgrade",
            Self::UpgradeNotConfirmed => "the response does not confirm the upgrade to WebSocket",
            Self::AcceptMismatch => "Sec-WebSocket-Accept does not match the key that was sent",
            Self::SubprotocolNotOffered => "the server chose a subprotocol that was not offered",
            Self::ExtensionNotOffered => "the server chose an extension that was not offered",
            Self::AuthWrong => "the response to the challenge is wrong",
            Self::AuthTruncated => "the connection ended during authentication",
            Self::AuthLength => "the response to the challenge has the wrong length",
            Self::AuthTooLong => "too much data before the response to the challenge was verified",
            Self::AuthTimeout => "the response to the challenge did not arrive in time",
            Self::ChallengeMalformed => "the server sent no challenge of 32 bytes",
            Self::ReservedBits => "a reserved bit is set",
            Self::ReservedOpcode => "the opcode is reserved",
            Self::ControlFragmented => "a control frame is fragmented",
            Self::ControlTooLong => "a control frame is longer than 125 bytes",
            Self::LengthNotMinimal => "a frame length is not in its shortest form",
            Self::LengthTopBit => "the top bit of a frame length is set",
            Self::MaskMissing => "a client frame is not masked",
            Self::MaskUnexpected => "a server frame is masked",
            Self::ContinuationUnexpected => "a continuation frame without a message in progress",
            Self::MessageInterrupted => "a message starts inside another",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::DeflateInvalid => "a compressed message does not decompress",
            Self::MessageTooBig => "a message is too big",
            Self::CloseTruncated => "a Close frame has a payload of one byte",
            Self::CloseCodeInvalid => "a Close frame carries a code that must not be sent",
            Self::ClosedAbnormally => "the connection ended without a closing handshake",
            Self::IdleTimeout => "no message for too long",
            Self::PingTimeout => "no response to a ping",
            Self::WriteTimeout => "the peer read none of its pending output for too long",
            Self::CloseTimeout => "the closing handshake was not completed in time",
            Self::MemoryExhausted => "the server's memory limit is reached",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpgradeRefused(status) => {
                write!(formatter, "{} with HTTP status {status}", self.reason())
            }
            _ => formatter.write_str(self.reason()),
        }
    }
}

impl std::error::Error for Error {}

/// A WebSocket close code (RFC 6455 §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// 1000: normal closure.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: a protocol error.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1005: stands for a Close frame without a code; never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1007: data not consistent with its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1013: try again later (IANA WebSocket Close Code registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Whether an endpoint may send this code in a Close frame (RFC 6455 §7.4.1 and §7.4.2, and the
    /// IANA registry for 1012-1014). 1004 is reserved; 1005, 1006 and 1015 "MUST NOT be set as a
    /// status code in a Close control frame".
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

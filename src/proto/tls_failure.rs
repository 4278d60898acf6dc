//! Why TLS ended a connection. TLS itself is the transport's; its reasons are counted beside all others.

use std::fmt;

/// What the peer, or its certificate, did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFailure {
    /// It does not speak TLS.
    NotTls,
    /// No version, cipher suite or application protocol is common to both.
    Incompatible,
    /// It gave no certificate where one is demanded.
    NoCertificate,
    /// Its certificate comes from nobody we trust.
    UnknownIssuer,
    /// Its certificate names an issuer that we trust, and has another's signature.
    WrongSignature,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate names no host where names are looked for.
    NoName,
    /// Its certificate was valid until some time ago.
    Expired,
    /// Its certificate will be valid only later.
    NotYetValid,
    /// Its certificate is an authority's own, which may only sign others (RFC 5280 §4.2.1.9).
    Authority,
    /// Its certificate is wrong in another way.
    BadCertificate,
    /// It refused us with this alert (RFC 8446 §6).
    Alert(u8),
    /// It ended the stream without close_notify: what came before may not be all (RFC 8446 §6.1).
    Truncated,
    /// It broke another rule of TLS.
    Broken,
}

impl std::error::Error for TlsFailure {}

impl fmt::Display for TlsFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NotTls => "the peer does not speak TLS",
            Self::Incompatible => "no TLS version, cipher suite or protocol in common",
            Self::NoCertificate => "the peer gave no certificate",
            Self::UnknownIssuer => "the peer's certificate comes from an unknown issuer",
            Self::WrongSignature => {
                "the signature of the peer's certificate is not by the authority of this name that is trusted"
            }
            Self::NoName => {
                "the peer's certificate has no subjectAltName: a common name (CN) alone names no host"
            }
            Self::WrongName => "the peer's certificate is for another name",
            Self::Expired => "the peer's certificate has expired",
            Self::NotYetValid => "the peer's certificate is not valid yet",
            Self::Authority => {
                "the peer's certificate is an authority's: it may sign others, but not stand for a host"
            }
            Self::BadCertificate => "the peer's certificate is bad",
            Self::Alert(alert) => {
                return match alert_name(*alert) {
                    Some(name) => write!(formatter, "the peer refused TLS: {name}"),
                    None => write!(formatter, "the peer refused TLS with alert {alert}"),
                };
            }
            Self::Truncated => "the peer ended the stream without TLS's close_notify",
            Self::Broken => "the peer broke the rules of TLS",
        };
        formatter.write_str(words)
    }
}

/// The alerts one may meet, as RFC 8446 §6.2 names them.
fn alert_name(alert: u8) -> Option<&'static str> {
    Some(match alert {
        10 => "unexpected message",
        20 => "bad record MAC",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "certificate revoked",
        45 => "certificate expired",
        46 => "certificate unknown",
        47 => "illegal parameter",
        48 => "unknown certificate authority",
        49 => "access denied",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        90 => "user canceled",
        109 => "missing extension",
        112 => "unrecognized name",
        116 => "certificate required",
        120 => "no application protocol",
        _ => return None,
    })
}

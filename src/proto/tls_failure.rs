//! Why TLS ended a connection. TLS is part of the transport; its failures are counted with all
//! other reasons.

use std::fmt;

/// A failure of the peer or its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFailure {
    /// The peer does not speak TLS.
    NotTls,
    /// The two sides have no TLS version, cipher suite or application protocol in common.
    Incompatible,
    /// The peer sent no certificate, although one is required.
    NoCertificate,
    /// The certificate's issuer is not trusted.
    UnknownIssuer,
    /// The certificate names a trusted issuer, but is not signed by it.
    WrongSignature,
    /// The certificate is for another name.
    WrongName,
    /// The certificate has no subjectAltName, the only place where host names are looked up.
    NoName,
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is a CA certificate, which may only sign others (RFC 5280 §4.2.1.9).
    Authority,
    /// The certificate is invalid in another way.
    BadCertificate,
    /// The peer rejected us with this alert (RFC 8446 §6).
    Alert(u8),
    /// The peer ended the stream without close_notify: the data may be truncated (RFC 8446 §6.1).
    Truncated,
    /// The peer broke another rule of TLS.
    Broken,
}

impl std::error::Error for TlsFailure {}

impl fmt::Display for TlsFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::NotTls => "the peer does not speak TLS",
            Self::Incompatible => "no TLS version, cipher suite or protocol in common",
            Self::NoCertificate => "the peer gave no certificate",
            Self::UnknownIssuer => "the peer's certificate comes from an unknown issuer",
            Self::WrongSignature => {
                "the peer's certificate names a trusted issuer, but is not signed by it"
            }
            Self::NoName => {
                "the peer's certificate has no subjectAltName: a common name (CN) is not enough"
            }
            Self::WrongName => "the peer's certificate is for another name",
            Self::Expired => "the peer's certificate has expired",
            Self::NotYetValid => "the peer's certificate is not valid yet",
            Self::Authority => {
                "the peer's certificate is a CA certificate, which cannot identify a host"
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
        formatter.write_str(sentence)
    }
}

/// The names of the common alerts (RFC 8446 §6.2).
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

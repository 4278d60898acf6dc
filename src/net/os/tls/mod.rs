//! TLS as a [`Stream`](crate::net::Stream): rustls with aws-lc-rs, versions 1.2 and 1.3, no early
//! data.
//!
//! [`Identity`] is what a side presents; [`Acceptor`] and [`Connector`] are the two roles, and both
//! create a [`TlsStream`].

mod accept;
mod connect;
mod identity;
mod records;
mod stream;

pub use accept::Acceptor;
pub use connect::{Connector, Trust};
pub use identity::{Identity, SelfSigned};
pub use stream::TlsStream;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The protocol of WebSocket's opening handshake, for ALPN (RFC 7301 §6).
const ALPN_HTTP_1_1: &[u8] = b"http/1.1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

//! The server's side of TLS.

use super::{ALPN_HTTP_1_1, Identity, TlsStream, provider};
use crate::proto::Framing;
use mio::net::TcpStream;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Turns accepted connections into TLS connections. Clones share one configuration, which can be
/// replaced while they serve: existing connections keep the one they began with.
#[derive(Debug, Clone)]
pub struct Acceptor {
    framing: Framing,
    config: Rc<RefCell<Arc<ServerConfig>>>,
}

/// A checked configuration that an [`Acceptor`] can switch to.
#[derive(Debug)]
pub struct Renewal(Arc<ServerConfig>);

impl Acceptor {
    /// Creates an acceptor that presents `identity`. With `client_ca`, PEM text, it serves only
    /// clients whose certificates one of these authorities has signed.
    ///
    /// # Errors
    /// The problem with the client authorities, as a sentence that follows their name.
    pub fn new(
        framing: Framing,
        identity: &Identity,
        client_ca: Option<&[u8]>,
    ) -> Result<Self, String> {
        let config = config(framing, identity, client_ca)?;
        Ok(Self { framing, config: Rc::new(RefCell::new(config)) })
    }

    /// Checks a replacement for the current configuration.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn renewal(
        &self,
        identity: &Identity,
        client_ca: Option<&[u8]>,
    ) -> Result<Renewal, String> {
        config(self.framing, identity, client_ca).map(Renewal)
    }

    /// Uses the renewed configuration for new connections.
    pub fn renew(&self, renewal: Renewal) {
        *self.config.borrow_mut() = renewal.0;
    }

    pub(in crate::net) fn accept(&self, socket: TcpStream) -> io::Result<TlsStream> {
        let connection =
            ServerConnection::new(Arc::clone(&self.config.borrow())).map_err(io::Error::other)?;
        Ok(TlsStream::new(socket, connection.into()))
    }
}

fn config(
    framing: Framing,
    identity: &Identity,
    client_ca: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, String> {
    let verifier = match client_ca {
        None => Arc::new(NoClientAuth),
        Some(pem) => WebPkiClientVerifier::builder_with_provider(roots(pem)?.into(), provider())
            .build()
            .map_err(|error| format!("cannot be used: {error}"))?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("cannot be used: {error}"))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.0))));
    if framing == Framing::WebSocket {
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
    }
    // Only this process can read its tickets, and their keys change every six hours: a client that
    // resumes costs no signature, and a client that does not costs no memory.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()
        .map_err(|error| format!("cannot be used: {error}"))?;
    // RFC 8446 §2.3: early data can be replayed. 0 is the library's default, set explicitly because
    // the server relies on it.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The authorities in a PEM text.
pub(in crate::net::os::tls) fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("is not PEM: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("has a certificate that cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("has no certificate: expected -----BEGIN CERTIFICATE-----".into());
    }
    Ok(roots)
}

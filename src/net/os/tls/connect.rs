//! The client's side of TLS.

use super::accept::roots;
use super::{ALPN_HTTP_1_1, Identity, TlsStream, provider};
use crate::proto::Framing;
use mio::net::TcpStream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::io;
use std::sync::Arc;

/// Which servers are trusted.
#[derive(Debug, Clone, Copy)]
pub enum Trust<'a> {
    /// Servers whose certificates an authority of this system's trust store has signed.
    System,
    /// Servers whose certificates one of these authorities, PEM text, has signed.
    Authorities(&'a [u8]),
    /// Any server: the connection is encrypted, but the server is not verified.
    Anybody,
}

/// Turns connections to servers into TLS connections.
#[derive(Debug, Clone)]
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Creates a connector that trusts the servers of `trust` and presents `identity` to servers
    /// that request it.
    ///
    /// # Errors
    /// The problem with the authorities, as a sentence that follows their name.
    pub fn new(
        framing: Framing,
        trust: Trust<'_>,
        identity: Option<&Identity>,
    ) -> Result<Self, String> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot be used: {error}"))?;
        let builder = match trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::Authorities(pem) => builder.with_root_certificates(roots(pem)?),
            Trust::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider())))
            }
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                Arc::clone(&identity.0),
            ))),
        };
        if framing == Framing::WebSocket {
            config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        }
        Ok(Self(Arc::new(config)))
    }

    pub(in crate::net) fn connect(&self, socket: TcpStream, name: &str) -> io::Result<TlsStream> {
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "its name is not valid in a certificate")
        })?;
        let connection =
            ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        Ok(TlsStream::new(socket, connection.into()))
    }
}

/// The authorities of this system's trust store: the files of OpenSSL's directories, or
/// `SSL_CERT_FILE`.
fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Trust stores have contained certificates that no verifier accepts; the others are used.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err("has no trusted authorities: name them with --cacert".into());
    }
    Ok(roots)
}

/// Accepts every certificate, but still checks that the server has its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! The identity that one side presents: a certificate chain and its key.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A certificate chain and its private key.
#[derive(Debug, Clone)]
pub struct Identity(pub(in crate::net::os::tls) Arc<CertifiedKey>);

/// A new self-signed certificate.
#[derive(Debug)]
pub struct SelfSigned {
    /// The certificate and its key, PEM.
    pub pem: Zeroizing<String>,
    /// SHA-256 over the certificate, as browsers and `openssl x509 -fingerprint -sha256` show it.
    pub fingerprint: String,
}

impl Identity {
    /// Reads PEM text: the chain with the own certificate first, and the key (PKCS #8, PKCS #1 or
    /// SEC 1).
    ///
    /// # Errors
    /// The problem, as a sentence that follows the words "certificate and key".
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("are not PEM: {error}"))?;
        if chain.is_empty() {
            return Err("have no certificate: expected -----BEGIN CERTIFICATE-----".into());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("have no private key: {error}"))?;
        Self::new(chain, key)
    }

    /// Creates a key and a certificate for these host names and addresses, signed with that key.
    ///
    /// # Errors
    /// When a name is not valid in a certificate.
    pub fn self_signed(names: Vec<String>) -> Result<SelfSigned, String> {
        let failure = |error: rcgen::Error| format!("cannot be made: {error}");
        let mut parameters = rcgen::CertificateParams::new(names).map_err(failure)?;
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "halloo, self-signed");
        parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let key = rcgen::KeyPair::generate().map_err(failure)?;
        let certificate = parameters.self_signed(&key).map_err(failure)?;
        let fingerprint = fingerprint(certificate.der());
        let key = Zeroizing::new(key.serialize_pem());
        let pem = Zeroizing::new(format!("{}{}", certificate.pem(), *key));
        Ok(SelfSigned { pem, fingerprint })
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let key = CertifiedKey::from_der(chain, key, &super::provider())
            .map_err(|error| format!("do not fit: {error}"))?;
        Ok(Self(Arc::new(key)))
    }
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in Sha256::digest(certificate).iter().enumerate() {
        let colon = if index > 0 { ":" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

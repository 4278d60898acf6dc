//! Certificates made for this run: an authority and the certificates that it issues.

use super::support::KeyFile;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

static COUNT: AtomicU32 = AtomicU32::new(1);

/// A certificate authority.
pub(crate) struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: CertificateDer<'static>,
    /// The authority's certificate.
    pub(crate) pem: KeyFile,
}

/// A certificate with its key, and the two as files.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
    pub(crate) cert_pem: KeyFile,
    pub(crate) key_pem: KeyFile,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each authority has its own name: one that shares another's name is a forger, not an
        // unknown authority.
        let name = format!("authority {} of the tests", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("it can be signed").der().clone();
        let pem = KeyFile::new(pem("CERTIFICATE", &certificate));
        Self { params, key, certificate, pem }
    }

    /// The authority that all clients of these tests trust by default.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Authority> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    /// A certificate for this host.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.sign(&params_for(name))
    }

    /// A certificate that expired long ago.
    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        let mut params = params_for(name);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(&params)
    }

    /// A certificate that may issue others, as `openssl req -x509` makes them.
    pub(crate) fn issue_as_authority(&self, name: &str) -> Issued {
        let mut params = params_for(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("it can be signed");
        let (certificate, key) = (certificate.der().clone(), key.serialize_der());
        let cert_pem = KeyFile::new(pem("CERTIFICATE", &certificate));
        let key_pem = KeyFile::new(pem("PRIVATE KEY", &key));
        Issued { certificate, key, cert_pem, key_pem }
    }

    /// The root store of a client that trusts this authority.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("it is a certificate");
        Arc::new(roots)
    }
}

impl Issued {
    /// The identity that all servers of these tests present by default.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Issued> = OnceLock::new();
        SHARED.get_or_init(|| Authority::shared().issue("127.0.0.1"))
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }

    /// The flags that present it.
    pub(crate) fn flags(&self) -> [&str; 4] {
        ["--tls-cert", self.cert_pem.path(), "--tls-key", self.key_pem.path()]
    }

    /// Overwrites the files with the content of another identity, as a renewal does.
    pub(crate) fn replace_by(&self, other: &Self) {
        for (to, from) in [(&self.cert_pem, &other.cert_pem), (&self.key_pem, &other.key_pem)] {
            std::fs::copy(from.path(), to.path()).expect("both files can be written");
        }
    }
}

fn params_for(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("it is a name")
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

//! The flags of TLS, and reading what they name.

use crate::cli::Failure;
use crate::cli::secrets::{keep_secrets, read_public, read_secret};
use crate::net::os::tls::{Acceptor, Connector, Identity, Trust};
use crate::net::{Address, System};
use crate::serve::certificate_names;
use clap::Args;
use log::{info, warn};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The longest PEM file: 1 MiB, more than all authorities a system trusts take.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Flags that `serve` and `connect` share.
#[derive(Debug, Clone, Args)]
struct IdentityArgs {
    /// The certificate to show, PEM, followed by those up to the one that the peer knows
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct TlsServerArgs {
    #[command(flatten)]
    identity: IdentityArgs,
    /// Make a certificate for this run, signed by itself, and log its fingerprint
    #[arg(long, conflicts_with = "tls_cert")]
    tls_self_signed: bool,
    /// Serve only clients with a certificate that one of these authorities has signed
    #[arg(long, value_name = "PEM")]
    tls_client_ca: Option<PathBuf>,
}

/// Flags of `connect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TlsClientArgs {
    /// Believe servers that these authorities vouch for [default: those this system trusts]
    #[arg(long, value_name = "PEM")]
    cacert: Option<PathBuf>,
    /// Believe any server, whatever its certificate
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// What a server shows and demands, read from files.
struct Shown {
    identity: Identity,
    client_ca: Option<Zeroizing<Vec<u8>>>,
}

/// The acceptors of a server, which can be renewed together.
pub(in crate::cli) struct TlsServer {
    arguments: TlsServerArgs,
    shown: Option<Shown>,
    acceptors: Vec<Acceptor>,
}

impl TlsServerArgs {
    /// Reads the files, if any of the addresses needs them.
    ///
    /// `prepared` is what [`prepare`](Self::prepare) gave to whoever started this process.
    pub(in crate::cli) fn load(
        &self,
        addresses: &[Address],
        prepared: Option<&str>,
    ) -> Result<TlsServer, Failure> {
        let secure = addresses.iter().find(|address| address.tls);
        let shown = match secure {
            None if self.tls_self_signed || self.identity.tls_cert.is_some() => {
                warn!("no address is for TLS (wss://, tls://, line+tls://): its flags do nothing");
                None
            }
            None => None,
            Some(address) => Some(self.shown(address, addresses, prepared)?),
        };
        Ok(TlsServer { arguments: self.clone(), shown, acceptors: Vec::new() })
    }

    /// A certificate and key, PEM, that several processes are to show.
    pub(in crate::cli) fn prepare(
        &self,
        addresses: &[Address],
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        let is_wanted = self.tls_self_signed && addresses.iter().any(|address| address.tls);
        is_wanted.then(|| self_signed(addresses)).transpose()
    }

    fn shown(
        &self,
        address: &Address,
        addresses: &[Address],
        prepared: Option<&str>,
    ) -> Result<Shown, Failure> {
        let client_ca = self.tls_client_ca.as_deref().map(|path| read("--tls-client-ca", path));
        let client_ca = client_ca.transpose()?;
        let identity = match self.identity.load()? {
            Some(identity) => identity,
            None if self.tls_self_signed => {
                keep_secrets();
                let pem = match prepared {
                    Some(pem) => Zeroizing::new(pem.to_owned()),
                    None => self_signed(addresses)?,
                };
                Identity::from_pem(pem.as_bytes(), pem.as_bytes())
                    .map_err(|why| Failure::Runtime(format!("a certificate and key {why}")))?
            }
            None => {
                return Err(Failure::Usage(format!(
                    "{address} needs --tls-cert and --tls-key, or --tls-self-signed"
                )));
            }
        };
        Ok(Shown { identity, client_ca })
    }

    fn refuse(&self, why: &str) -> Failure {
        let path = self.tls_client_ca.as_deref().unwrap_or(Path::new(""));
        Failure::Usage(format!("--tls-client-ca '{}' {why}", path.display()))
    }
}

impl TlsServer {
    /// What makes TLS of connections to `address`, unless it is not for TLS.
    pub(in crate::cli) fn acceptor(
        &mut self,
        address: &Address,
    ) -> Result<Option<Acceptor>, Failure> {
        let Some(shown) = self.shown.as_ref().filter(|_| address.tls) else { return Ok(None) };
        let client_ca = shown.client_ca.as_ref().map(|pem| &pem[..]);
        let acceptor = Acceptor::new(address.framing, &shown.identity, client_ca)
            .map_err(|why| self.arguments.refuse(&why))?;
        self.acceptors.push(acceptor.clone());
        Ok(Some(acceptor))
    }

    /// Whether there are files that could be read again.
    pub(in crate::cli) fn can_reload(&self) -> bool {
        let has_files = !self.arguments.tls_self_signed || self.arguments.tls_client_ca.is_some();
        self.shown.is_some() && has_files
    }

    /// Reads the files again. The returned function takes over what they say; until then nothing changes.
    pub(in crate::cli) fn reload(&self) -> Result<impl FnOnce() + use<>, Failure> {
        let mut renewals = Vec::new();
        if let Some(shown) = &self.shown {
            // A certificate that was made for this run stays for this run.
            let identity = self.arguments.identity.load()?;
            let identity = identity.as_ref().unwrap_or(&shown.identity);
            let path = self.arguments.tls_client_ca.as_deref();
            let client_ca = path.map(|path| read("--tls-client-ca", path)).transpose()?;
            for acceptor in &self.acceptors {
                let renewal = acceptor
                    .renewal(identity, client_ca.as_ref().map(|pem| &pem[..]))
                    .map_err(|why| self.arguments.refuse(&why))?;
                renewals.push((acceptor.clone(), renewal));
            }
        }
        Ok(move || {
            for (acceptor, renewal) in renewals {
                acceptor.renew(renewal);
            }
        })
    }
}

impl TlsClientArgs {
    /// Tells the network how to connect to `address`, if it is for TLS.
    pub(in crate::cli) fn set_up(
        &self,
        network: &mut System,
        address: &Address,
    ) -> Result<(), Failure> {
        if !address.tls {
            return Ok(());
        }
        let identity = self.identity.load()?;
        let authorities = self.cacert.as_deref().map(|path| read("--cacert", path)).transpose()?;
        let trust = match &authorities {
            Some(pem) => Trust::Authorities(pem),
            None if self.insecure => Trust::Anybody,
            None => Trust::System,
        };
        let connector = Connector::new(address.framing, trust, identity.as_ref());
        let connector = connector.map_err(|why| match &self.cacert {
            Some(path) => Failure::Usage(format!("--cacert '{}' {why}", path.display())),
            None => Failure::Runtime(format!("this system {why}")),
        })?;
        network.set_connector(connector);
        Ok(())
    }
}

impl IdentityArgs {
    fn load(&self) -> Result<Option<Identity>, Failure> {
        let (Some(cert_path), Some(key_path)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let chain = read("--tls-cert", cert_path)?;
        let key = read_secret("--tls-key", key_path, PEM_BYTES_MAX)?;
        let identity = Identity::from_pem(&chain, &key).map_err(|why| {
            let (cert, key) = (cert_path.display(), key_path.display());
            Failure::Usage(format!("--tls-cert '{cert}' and --tls-key '{key}' {why}"))
        })?;
        Ok(Some(identity))
    }
}

fn read(flag: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read_public(flag, path, PEM_BYTES_MAX)
}

fn self_signed(addresses: &[Address]) -> Result<Zeroizing<String>, Failure> {
    keep_secrets();
    let made = Identity::self_signed(certificate_names(addresses))
        .map_err(|why| Failure::Runtime(format!("a certificate for --tls-self-signed {why}")))?;
    info!("self-signed certificate, SHA-256 fingerprint {}", made.fingerprint);
    Ok(made.pem)
}

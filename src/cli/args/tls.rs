//! The flags for TLS, and reading the files that they name.

use super::heading;
use crate::cli::Failure;
use crate::cli::secrets::{keep_secrets, read_public, read_secret};
use crate::net::os::tls::{Acceptor, Connector, Identity, Trust};
use crate::net::{Address, System};
use crate::serve::certificate_names;
use clap::Args;
use log::{info, warn};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest PEM file that is read: 1 MiB, more than all the authorities that a system trusts.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Flags that servers and clients share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = heading::TLS)]
struct IdentityArgs {
    /// Present this certificate, a PEM file with the chain up to an authority that peers know
    #[arg(long, value_name = "PEM", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Use this PEM file as the certificate's private key
    #[arg(long, value_name = "PEM", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = heading::TLS)]
pub(in crate::cli) struct TlsServerArgs {
    #[command(flatten)]
    identity: IdentityArgs,
    /// Create a self-signed certificate for this run and log its fingerprint
    #[arg(long, conflicts_with = "tls_cert")]
    tls_self_signed: bool,
    /// Accept only clients with a certificate signed by one of these authorities (PEM)
    #[arg(long, value_name = "PEM")]
    tls_client_ca: Option<PathBuf>,
}

/// Flags of the commands that connect.
#[derive(Debug, Args)]
#[command(next_help_heading = heading::TLS)]
pub(in crate::cli) struct TlsClientArgs {
    /// Trust these authorities (PEM) [default: those the system trusts]
    #[arg(long, value_name = "PEM")]
    cacert: Option<PathBuf>,
    /// Accept any certificate: the connection is encrypted, but to whom is unknown
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    insecure: bool,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// What a server presents and demands, read from files.
struct Shown {
    identity: Identity,
    client_ca: Option<Zeroizing<Vec<u8>>>,
}

/// The TLS acceptors of a server, which are renewed together.
pub(in crate::cli) struct TlsServer {
    arguments: TlsServerArgs,
    shown: Option<Shown>,
    acceptors: Vec<Acceptor>,
}

impl TlsServerArgs {
    /// Reads the files, if any of the addresses uses TLS.
    ///
    /// `prepared` is what [`prepare`](Self::prepare) returned in the process that started this one.
    ///
    /// # Errors
    ///
    /// [`Failure`] if a file cannot be used, or an address uses TLS and no certificate was given.
    pub(in crate::cli) fn load(
        &self,
        addresses: &[Address],
        prepared: Option<&str>,
    ) -> Result<TlsServer, Failure> {
        let secure = addresses.iter().find(|address| address.tls);
        let shown = match secure {
            None if self.tls_self_signed || self.identity.tls_cert.is_some() => {
                warn!(
                    "no address uses TLS (wss://, tls://, line+tls://): TLS flags have no effect"
                );
                None
            }
            None => None,
            Some(address) => Some(self.shown(address, addresses, prepared)?),
        };
        Ok(TlsServer { arguments: self.clone(), shown, acceptors: Vec::new() })
    }

    /// Creates the certificate and key, as PEM, that several processes are to present. `None` if
    /// no self-signed certificate is needed.
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
    /// Creates the acceptor for connections to `address`; `None` if the address does not use TLS.
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

    /// Whether there are files that could be reloaded.
    pub(in crate::cli) fn can_reload(&self) -> bool {
        let has_files = !self.arguments.tls_self_signed || self.arguments.tls_client_ca.is_some();
        self.shown.is_some() && has_files
    }

    /// Reads the files again. Nothing changes until the returned function is called.
    pub(in crate::cli) fn reload(&self) -> Result<impl FnOnce() + use<>, Failure> {
        let mut renewals = Vec::new();
        if let Some(shown) = &self.shown {
            // A self-signed certificate lasts for the whole run.
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
    /// Sets up the network for TLS, if `address` uses it.
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

/// Creates a certificate for the names under which the addresses can be reached on this machine.
fn self_signed(addresses: &[Address]) -> Result<Zeroizing<String>, Failure> {
    keep_secrets();
    let made = Identity::self_signed(certificate_names(addresses))
        .map_err(|why| Failure::Runtime(format!("a certificate for --tls-self-signed {why}")))?;
    info!("self-signed certificate, SHA-256 fingerprint {}", made.fingerprint);
    Ok(made.pem)
}

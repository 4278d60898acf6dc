//! What stands for the flags of TLS in a build without it: none, and a sentence for those who need them.

use crate::cli::Failure;
use crate::net::os::tls::Acceptor;
use crate::net::{Address, System};
use clap::Args;
use zeroize::Zeroizing;

/// No flags of `serve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TlsServerArgs {}

/// No flags of `connect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TlsClientArgs {}

/// No acceptors.
pub(in crate::cli) struct TlsServer;

impl TlsServerArgs {
    pub(in crate::cli) fn prepare(
        &self,
        _addresses: &[Address],
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        Ok(None)
    }

    pub(in crate::cli) fn load(
        &self,
        addresses: &[Address],
        _prepared: Option<&str>,
    ) -> Result<TlsServer, Failure> {
        addresses.iter().try_for_each(refuse_tls).map(|()| TlsServer)
    }
}

impl TlsServer {
    pub(in crate::cli) fn acceptor(
        &mut self,
        _address: &Address,
    ) -> Result<Option<Acceptor>, Failure> {
        Ok(None)
    }

    pub(in crate::cli) fn can_reload(&self) -> bool {
        false
    }

    pub(in crate::cli) fn reload(&self) -> Result<impl FnOnce() + use<>, Failure> {
        Ok(|| {})
    }
}

impl TlsClientArgs {
    pub(in crate::cli) fn set_up(
        &self,
        _network: &mut System,
        address: &Address,
    ) -> Result<(), Failure> {
        refuse_tls(address)
    }
}

fn refuse_tls(address: &Address) -> Result<(), Failure> {
    match address.tls {
        true => Err(Failure::Usage(format!("{address} is for TLS, which this build is without"))),
        false => Ok(()),
    }
}

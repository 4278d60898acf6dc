//! The flags for TLS in a build without it: there are none, and TLS addresses are refused.

use crate::cli::Failure;
use crate::net::os::tls::Acceptor;
use crate::net::{Address, System};
use clap::Args;
use zeroize::Zeroizing;

/// The flags of `serve`: none.
#[derive(Debug, Args)]
pub(in crate::cli) struct TlsServerArgs {}

/// The flags of the commands that connect: none.
#[derive(Debug, Args)]
pub(in crate::cli) struct TlsClientArgs {}

/// The acceptors of a server: none.
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
        true => Err(Failure::Usage(format!("{address}: this build has no TLS support"))),
        false => Ok(()),
    }
}

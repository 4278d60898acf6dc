//! What stands for the flags of TLS in a build without it: none, and a sentence for those who need them.

use super::Failure;
use crate::net::tls::Acceptor;
use crate::net::{Address, System};
use clap::Args;
use zeroize::Zeroizing;

/// No flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct TlsServerArgs {}

/// No flags of `connect`.
#[derive(Debug, Args)]
pub(super) struct TlsClientArgs {}

/// No acceptors.
pub(super) struct TlsServer;

impl TlsServerArgs {
    pub(super) fn prepare(
        &self,
        _addresses: &[Address],
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        Ok(None)
    }

    pub(super) fn load(
        &self,
        addresses: &[Address],
        _prepared: Option<&str>,
    ) -> Result<TlsServer, Failure> {
        addresses.iter().try_for_each(refuse_tls).map(|()| TlsServer)
    }
}

impl TlsServer {
    pub(super) fn acceptor(&mut self, _address: &Address) -> Result<Option<Acceptor>, Failure> {
        Ok(None)
    }

    pub(super) fn can_reload(&self) -> bool {
        false
    }

    pub(super) fn reload(&self) -> Result<impl FnOnce() + use<>, Failure> {
        Ok(|| {})
    }
}

impl TlsClientArgs {
    pub(super) fn set_up(&self, _network: &mut System, address: &Address) -> Result<(), Failure> {
        refuse_tls(address)
    }
}

fn refuse_tls(address: &Address) -> Result<(), Failure> {
    match address.tls {
        true => Err(Failure::Usage(format!("{address} is for TLS, which this build is without"))),
        false => Ok(()),
    }
}

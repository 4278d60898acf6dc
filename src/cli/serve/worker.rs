//! A worker of a server: it receives its configuration and listeners from the parent, and serves.
//!
//! Standard input is the channel to the parent. The parent sends one packet with a [`WorkerConfig`]
//! and the listeners; the worker sends `ready`, and when it stops `stopped CONNECTIONS MESSAGES`.

use super::ServeArgs;
use super::server::Server;
use crate::cli::Failure;
use crate::net::Address;
use crate::net::os::ipc::Channel;
use crate::net::os::listener::SystemListener;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use signal_hook_mio::v1_0::Signals;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use zeroize::Zeroizing;

/// The message of a worker that serves.
pub(super) const READY: &str = "ready";

/// The message of a worker that has stopped, followed by its two totals.
pub(super) const STOPPED: &str = "stopped";

/// The configuration of a worker.
#[derive(Debug)]
pub(super) struct WorkerConfig {
    /// The addresses of its listeners; the descriptors come in the same order.
    pub(super) addresses: Vec<Address>,
    /// The certificate and key that all workers present, as PEM, if the parent created them.
    pub(super) pem: Option<Zeroizing<String>>,
}

impl WorkerConfig {
    /// Encodes it as one packet.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let addresses: Vec<String> = self.addresses.iter().map(Address::to_string).collect();
        let pem = self.pem.as_ref().map(|pem| pem.as_str());
        let config = serde_json::json!({ "addresses": addresses, "pem": pem });
        Zeroizing::new(config.to_string().into_bytes())
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let config: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let addresses = config["addresses"].as_array()?.iter();
        let addresses = addresses.map(|address| address.as_str()?.parse().ok());
        Some(Self {
            addresses: addresses.collect::<Option<_>>()?,
            pem: config["pem"].as_str().map(|pem| Zeroizing::new(pem.to_owned())),
        })
    }
}

/// Serves as worker number `index`, until a signal or the end of the parent stops it.
pub(super) fn run(arguments: &ServeArgs, index: u32, signals: Signals) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure::Runtime(format!("worker {index}: {error}"));
    let parent = Channel::inherited(io::stdin().as_fd()).map_err(failure)?;
    let (config, descriptors) = receive(&parent).map_err(failure)?;
    if arguments.workers.pin {
        pin(index as usize).map_err(failure)?;
    }
    let tls = arguments.tls.load(&config.addresses, config.pem.as_ref().map(|pem| pem.as_str()))?;
    let mut server = Server::new(arguments, arguments.limits()?, tls, signals)?;
    for (address, descriptor) in config.addresses.iter().zip(descriptors) {
        server.listen(address, |acceptor| {
            Ok(vec![(SystemListener::from_fd(descriptor, address, acceptor)?, address.clone())])
        })?;
    }
    server.follow(parent)?;
    server.report(READY);
    let metrics = server.run()?;
    let totals = format!("{STOPPED} {} {}", metrics.ended_total(), metrics.messages);
    server.report(&totals);
    Ok(())
}

fn receive(parent: &Channel) -> io::Result<(WorkerConfig, Vec<OwnedFd>)> {
    poll(&mut [PollFd::new(parent, PollFlags::IN)], None)?;
    let no_config =
        || io::Error::new(io::ErrorKind::InvalidData, "standard input is not the parent's channel");
    let (bytes, descriptors) = parent.receive()?.ok_or_else(no_config)?;
    let config = WorkerConfig::decode(&Zeroizing::new(bytes)).ok_or_else(no_config)?;
    match config.addresses.len() == descriptors.len() {
        true => Ok((config, descriptors)),
        false => Err(no_config()),
    }
}

/// Binds this process to one of the CPUs that it may run on: the one at `index`, modulo their
/// number.
pub(super) fn pin(index: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let processors: Vec<usize> =
        (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect();
    let mut one = CpuSet::new();
    one.set(processors[index % processors.len()]);
    Ok(sched_setaffinity(None, &one)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_survives_its_encoding() {
        let addresses = ["wss://127.0.0.1:9527/chat", "unix:/run/halloo.sock"];
        let addresses = addresses.map(|address| address.parse().unwrap()).to_vec();
        let pem = Some(Zeroizing::new("-----BEGIN".to_owned()));
        let config = WorkerConfig { addresses: addresses.clone(), pem: pem.clone() };
        let decoded = WorkerConfig::decode(&config.encode()).unwrap();
        assert_eq!((decoded.addresses, decoded.pem), (addresses, pem));
        assert!(WorkerConfig::decode(b"{}").is_none() && WorkerConfig::decode(b"?").is_none());
    }
}

//! How many processes and addresses it takes, and whether the machine allows it.

use halloo::load::host::{self, Host, Limit, Place};
use halloo::load::sources::Sources;

/// More processes than this are no way to hold connections.
const PROCESSES_MAX: u64 = 512;

/// Where connections come from: the first network that is large enough. All of 127.0.0.0/8 is this machine's.
const SOURCES: [&str; 2] = ["127.1.0.0/24", "127.1.0.0/16"];

/// Linux looks for a free port in one half of the range first, which is quick until this half is full; so that
/// an address never needs more than half of a half.
const PORTS_USED: u64 = 4;

/// How a number of connections is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) connections: u32,
    /// Workers of the server, and as many client processes.
    pub(crate) processes: u64,
    /// Addresses that connections come from, all processes together.
    pub(crate) sources: &'static str,
}

impl Plan {
    /// # Errors
    /// What stands against it, in a sentence.
    pub(crate) fn new(connections: u32, machine: &Host) -> Result<Self, String> {
        let sources = sources(connections, machine)?;
        let spread = |processes| Self { connections, processes, sources };
        let limits = |processes| spread(processes).limits(machine);
        let fits = |processes: &u64| {
            let limits = limits(*processes);
            let of_processes = limits.iter().find(|limit| limit.name == "descriptors");
            of_processes.is_none_or(|limit| limit.connections >= connections.into())
        };
        let most = PROCESSES_MAX.min(connections.into());
        let processes = (1..=most).find(fits).unwrap_or(most);
        match limits(processes).first() {
            Some(limit) if limit.connections < connections.into() => Err(limit.to_string()),
            _ => Ok(spread(processes)),
        }
    }

    fn limits(&self, machine: &Host) -> Vec<Limit> {
        machine.limits(&host::Demand {
            connections: Some(self.connections.into()),
            processes: self.processes,
            sources: self.sources.parse().as_ref().map_or(1, Sources::len),
            place: Place::Loopback4,
            ..host::Demand::default()
        })
    }
}

/// Addresses that have ports enough.
fn sources(connections: u32, machine: &Host) -> Result<&'static str, String> {
    let Some(ports) = machine.ports else { return Ok(SOURCES[0]) };
    let suffice = |network: &&str| {
        let addresses = network.parse().as_ref().map_or(0, Sources::len);
        addresses * (ports.len() / PORTS_USED) >= connections.into()
    };
    let network = SOURCES.into_iter().find(suffice);
    network.ok_or_else(|| format!("{ports} are too few ports: see net.ipv4.ip_local_port_range"))
}

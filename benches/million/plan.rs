//! Plans the number of processes and addresses, and checks the machine's limits.

use halloo::load::host::{self, Host, Limit, Place};
use halloo::load::sources::Sources;

/// The largest reasonable number of processes.
const PROCESSES_MAX: u64 = 512;

/// Source addresses: the first network that is large enough. All of 127.0.0.0/8 belongs to this
/// machine.
const SOURCES: [&str; 2] = ["127.1.0.0/24", "127.1.0.0/16"];

/// Linux searches one half of the port range first, which is fast until that half is full, so each
/// address uses at most half of that half.
const PORTS_USED: u64 = 4;

/// The distribution of connections over processes and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) connections: u32,
    /// The number of server workers, and of client processes.
    pub(crate) processes: u64,
    /// Source addresses of all processes together.
    pub(crate) sources: &'static str,
}

impl Plan {
    /// # Errors
    /// The limit that rules the plan out, as a sentence.
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

/// The number of addresses that provide enough ports.
fn sources(connections: u32, machine: &Host) -> Result<&'static str, String> {
    let Some(ports) = machine.ports else { return Ok(SOURCES[0]) };
    let suffice = |network: &&str| {
        let addresses = network.parse().as_ref().map_or(0, Sources::len);
        addresses * (ports.len() / PORTS_USED) >= connections.into()
    };
    let network = SOURCES.into_iter().find(suffice);
    network.ok_or_else(|| format!("{ports} are too few ports: see net.ipv4.ip_local_port_range"))
}

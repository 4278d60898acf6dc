//! How many processes and addresses it takes.

use crate::client::AT_ONCE;
use crate::limits::Machine;

/// Descriptors of each process that are not for connections.
const DESCRIPTORS_RESERVED: u64 = 100;

/// Workers get their connections by a hash of addresses and ports (`SO_REUSEPORT`), not in turns, so that one
/// has more than another. With 7.5 standard deviations of slack, 1 in 10^13 gets more than it can hold.
const DEVIATIONS: f64 = 7.5;

/// More processes than this are no way to hold connections.
const PROCESSES_MAX: usize = 512;

/// How a number of connections is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    /// Workers of the server, and as many client processes.
    pub(crate) processes: usize,
    /// Addresses that each client process connects from. Linux looks for a free port in one half of the range
    /// first, which is quick until this half is full; so that an address never needs more than half of a half.
    pub(crate) sources: usize,
}

impl Plan {
    /// # Errors
    /// What stands against it, in a sentence.
    pub(crate) fn new(connections: usize, machine: &Machine) -> Result<Self, String> {
        let room = machine.descriptors.saturating_sub(DESCRIPTORS_RESERVED) as f64;
        let fits = |processes: &usize| {
            let mean = connections as f64 / *processes as f64;
            let deviation = if *processes == 1 { 0.0 } else { mean.sqrt() };
            mean + DEVIATIONS * deviation <= room
        };
        let Some(processes) = (1..=PROCESSES_MAX).find(fits) else {
            return Err(format!(
                "{connections} connections with {} file descriptors a process need more than \
                 {PROCESSES_MAX} processes at each end: raise the limit (ulimit -Hn, at most \
                 {} by fs.nr_open)",
                machine.descriptors, machine.descriptors_ceiling
            ));
        };
        let a_client = connections.div_ceil(processes);
        let ports = (machine.ports / 4).max(1) as usize;
        let plan = Self { connections, processes, sources: a_client.div_ceil(ports) };
        plan.check(machine)?;
        Ok(plan)
    }

    /// How many connections client `index` makes.
    pub(crate) fn share(&self, index: usize) -> usize {
        let Self { connections, processes, .. } = *self;
        connections / processes + usize::from(index < connections % processes)
    }

    fn check(&self, machine: &Machine) -> Result<(), String> {
        let both_ends = 2 * self.connections as u64;
        let waiting = AT_ONCE as u64 * self.processes.min(4) as u64;
        let needs = [
            (both_ends, machine.files, "open files of the whole system", "fs.file-max"),
            (both_ends, machine.watches, "files watched by epoll", "fs.epoll.max_user_watches"),
            (
                waiting,
                machine.backlog,
                "connections that may wait for accept",
                "net.core.somaxconn",
            ),
            (1024, machine.ports, "ports to connect from", "net.ipv4.ip_local_port_range"),
            (both_ends, machine.tracked, "tracked connections", "net.netfilter.nf_conntrack_max"),
        ];
        for (needed, there, what, setting) in needs {
            if there < needed {
                return Err(format!(
                    "{there} {what} are too few, {needed} are needed: see {setting}"
                ));
            }
        }
        let memory = self.connections as u64 * BYTES_OF_A_PAIR + Machine::MEMORY_LEFT;
        if machine.memory < memory {
            return Err(format!(
                "{} MiB of memory are available, and {} MiB would be needed",
                machine.memory >> 20,
                memory >> 20
            ));
        }
        Ok(())
    }
}

/// What a connection takes with both ends, in the kernel and in processes, and some more.
const BYTES_OF_A_PAIR: u64 = 9 * 1024;

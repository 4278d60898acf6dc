//! What the machine allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// See the [module documentation](self).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// File descriptors that a process may have.
    pub(crate) descriptors: u64,
    /// To which that limit can be raised.
    pub(crate) descriptors_ceiling: u64,
    /// Files that may be opened, beside those that are.
    pub(crate) files: u64,
    pub(crate) watches: u64,
    /// Connections that may wait for one listener.
    pub(crate) backlog: u64,
    /// Ports that connections are made from.
    pub(crate) ports: u64,
    /// Connections that the firewall may come to know, if it looks at all.
    pub(crate) tracked: u64,
    /// Bytes that can be had without anybody else's loss.
    pub(crate) memory: u64,
}

impl Machine {
    /// Bytes that are left to the rest of the machine, whatever happens.
    pub(crate) const MEMORY_LEFT: u64 = 1 << 30;

    /// Raises the descriptor limit of this process, which its children inherit, and looks at the others. What
    /// the system does not tell is taken to be enough.
    pub(crate) fn look() -> Self {
        let plenty = u64::MAX;
        let file_numbers = numbers("/proc/sys/fs/file-nr");
        let ports = numbers("/proc/sys/net/ipv4/ip_local_port_range");
        let setting = |path: &str| numbers(path).first().copied();
        Self {
            descriptors: raise_descriptors().unwrap_or(plenty),
            descriptors_ceiling: setting("/proc/sys/fs/nr_open").unwrap_or(plenty),
            files: match file_numbers[..] {
                [open, _, most] => most.saturating_sub(open),
                _ => plenty,
            },
            watches: setting("/proc/sys/fs/epoll/max_user_watches").unwrap_or(plenty),
            backlog: setting("/proc/sys/net/core/somaxconn").unwrap_or(plenty),
            ports: match ports[..] {
                [first, last] => (last + 1).saturating_sub(first),
                _ => plenty,
            },
            tracked: match setting("/proc/sys/net/netfilter/nf_conntrack_count") {
                None | Some(0) => plenty,
                Some(known) => setting("/proc/sys/net/netfilter/nf_conntrack_max")
                    .map_or(plenty, |most| most.saturating_sub(known)),
            },
            memory: available_bytes().unwrap_or(plenty),
        }
    }
}

/// What can be had of the machine's memory.
pub(crate) fn available_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

fn raise_descriptors() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If it cannot be raised, the one there is counts.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}

/// The numbers in a file of the kernel's.
fn numbers(path: &str) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

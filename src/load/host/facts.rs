//! What this machine and this process may have, read from `/proc` and `/sys` before anything is tried.

use super::cgroup::{self, ControlGroupLimit};
use super::procfs::Procfs;
use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// The limits of a machine and of this process. What the system does not tell is `None` and stands in nobody's
/// way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// File descriptors that this process may have now (`ulimit -Sn`). Programs raise it to the hard limit by
    /// themselves.
    pub descriptors_soft: Option<u64>,
    /// File descriptors that a process may have at most (`ulimit -Hn`).
    pub descriptors_hard: Option<u64>,
    /// To which the hard limit can be raised (`fs.nr_open`).
    pub descriptors_ceiling: Option<u64>,
    /// Files that are open on the whole machine.
    pub files_open: Option<u64>,
    /// Files that may be (`fs.file-max`).
    pub files_max: Option<u64>,
    /// Descriptors that the epolls of one user may watch (`fs.epoll.max_user_watches`).
    pub epoll_watches_max: Option<u64>,
    /// Where connections get their own ports from.
    pub ports: Option<Ports>,
    /// Connections that may wait for one listener to accept them (`net.core.somaxconn`).
    pub backlog_max: Option<u64>,
    /// Connections that may wait for the last packet of TCP's handshake (`net.ipv4.tcp_max_syn_backlog`).
    pub syn_backlog_max: Option<u64>,
    /// The memory that TCP may take for what waits in its buffers.
    pub tcp_memory: Option<TcpMemory>,
    /// Connections that the firewall knows (`nf_conntrack_count`); 0 means that it does not look.
    pub tracked: Option<u64>,
    /// Connections that it can know (`nf_conntrack_max`).
    pub tracked_max: Option<u64>,
    /// Bytes of memory that can be had without anybody else's loss (`MemAvailable`).
    pub memory_available: Option<u64>,
    /// Bytes of memory that the machine has (`MemTotal`).
    pub memory_total: Option<u64>,
    /// Bytes of memory for this process's control group: that of its ancestors which has the least left.
    pub memory_of_group: Option<ControlGroupLimit>,
    /// The same for processes.
    pub processes_of_group: Option<ControlGroupLimit>,
    /// Processes that this user may have (`ulimit -u`).
    pub processes_of_user: Option<u64>,
    /// Processes and threads that there are on the machine.
    pub threads: Option<u64>,
    /// Those that there may be: the lesser of `kernel.threads-max` and `kernel.pid_max`.
    pub threads_max: Option<u64>,
    /// Processors that this process may run on.
    pub processors: Option<u64>,
    /// The congestion control of new connections, by its name in the kernel.
    pub congestion_control: Option<String>,
}

/// The ports that the system gives to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The first of `net.ipv4.ip_local_port_range`, which is for IPv6, too.
    pub first: u64,
    /// The last of it.
    pub last: u64,
    /// How many of them `net.ipv4.ip_local_reserved_ports` keeps back.
    pub reserved: u64,
}

/// What `net.ipv4.tcp_mem` says, and what of it is taken, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpMemory {
    /// Below so many, TCP does not regulate its memory.
    pub low: u64,
    /// From so many, it gives connections less room.
    pub pressure: u64,
    /// At so many, it drops what arrives.
    pub high: u64,
    /// So many it holds.
    pub held: u64,
}

impl Machine {
    /// Looks at this machine as it is now.
    pub fn look() -> Self {
        let mut machine = Self::look_in(Path::new("/"));
        // Where there is no /proc, these limits are known all the same.
        let limit = getrlimit(Resource::Nofile);
        machine.descriptors_soft = limit.current;
        machine.descriptors_hard = limit.maximum;
        machine
    }

    /// Looks at a machine whose `/proc` and `/sys` are below this directory.
    pub fn look_in(root: &Path) -> Self {
        let procfs = Procfs::new(root);
        let sysctl = |name: &str| procfs.number(format!("proc/sys/{name}"));
        let (descriptors_soft, descriptors_hard) = procfs.process_limit("Max open files");
        Self {
            descriptors_soft,
            descriptors_hard,
            descriptors_ceiling: sysctl("fs/nr_open"),
            files_open: procfs.files_open(),
            files_max: sysctl("fs/file-max"),
            epoll_watches_max: sysctl("fs/epoll/max_user_watches"),
            ports: procfs.ports(),
            backlog_max: sysctl("net/core/somaxconn"),
            syn_backlog_max: sysctl("net/ipv4/tcp_max_syn_backlog"),
            tcp_memory: procfs.tcp_memory(),
            tracked: sysctl("net/netfilter/nf_conntrack_count"),
            tracked_max: sysctl("net/netfilter/nf_conntrack_max"),
            memory_available: procfs.memory_available(),
            memory_total: procfs.memory_total(),
            memory_of_group: cgroup::memory(&procfs),
            processes_of_group: cgroup::processes(&procfs),
            processes_of_user: procfs.process_limit("Max processes").1,
            threads: procfs.threads(),
            threads_max: least([sysctl("kernel/threads-max"), sysctl("kernel/pid_max")]),
            processors: procfs.processors(),
            congestion_control: procfs.word("proc/sys/net/ipv4/tcp_congestion_control"),
        }
    }
}

impl Ports {
    /// How many connections one address can have to one place.
    pub fn len(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first).saturating_sub(self.reserved)
    }

    /// Whether no port is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The least of the limits that are known.
pub(super) fn least<const N: usize>(limits: [Option<u64>; N]) -> Option<u64> {
    limits.into_iter().flatten().min()
}

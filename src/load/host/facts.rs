//! The limits of this host and this process, read from `/proc` and `/sys` before any attempt.

use super::cgroup::{self, ControlGroupLimit};
use super::procfs::Procfs;
use rustix::process::{Resource, getrlimit};
use std::path::Path;

/// The limits of a host and of this process. A value that the system does not provide is `None` and
/// limits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// File descriptors that this process may have now (`ulimit -Sn`). A program can raise it to
    /// the hard limit itself.
    pub descriptors_soft: Option<u64>,
    /// File descriptors that a process may have at most (`ulimit -Hn`).
    pub descriptors_hard: Option<u64>,
    /// The highest value of the hard limit (`fs.nr_open`).
    pub descriptors_ceiling: Option<u64>,
    /// Open files on the whole host.
    pub files_open: Option<u64>,
    /// The most files that may be open (`fs.file-max`).
    pub files_max: Option<u64>,
    /// File descriptors that the epoll instances of one user may watch
    /// (`fs.epoll.max_user_watches`).
    pub epoll_watches_max: Option<u64>,
    /// The ephemeral port range.
    pub ports: Option<Ports>,
    /// The longest accept queue of a listener (`net.core.somaxconn`).
    pub backlog_max: Option<u64>,
    /// The longest queue of half-open connections (`net.ipv4.tcp_max_syn_backlog`).
    pub syn_backlog_max: Option<u64>,
    /// The limits of TCP's buffer memory.
    pub tcp_memory: Option<TcpMemory>,
    /// Connections that the firewall tracks (`nf_conntrack_count`); 0 means that tracking is
    /// inactive.
    pub tracked: Option<u64>,
    /// The most connections it can track (`nf_conntrack_max`).
    pub tracked_max: Option<u64>,
    /// Bytes of memory available without swapping (`MemAvailable`).
    pub memory_available: Option<u64>,
    /// Bytes of memory of the host (`MemTotal`).
    pub memory_total: Option<u64>,
    /// The memory limit of this process's control group, in bytes: of its ancestors and itself, the
    /// one with the least left.
    pub memory_of_group: Option<ControlGroupLimit>,
    /// The same for processes.
    pub processes_of_group: Option<ControlGroupLimit>,
    /// Processes that this user may have (`ulimit -u`).
    pub processes_of_user: Option<u64>,
    /// Processes and threads running on the host.
    pub threads: Option<u64>,
    /// The most processes and threads: the lesser of `kernel.threads-max` and `kernel.pid_max`.
    pub threads_max: Option<u64>,
    /// CPUs that this process may run on.
    pub processors: Option<u64>,
    /// The congestion control algorithm of new connections, by its kernel name.
    pub congestion_control: Option<String>,
}

/// The range of ports that the system assigns to outgoing connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The first port of `net.ipv4.ip_local_port_range`, which also applies to IPv6.
    pub first: u64,
    /// The last port of the range.
    pub last: u64,
    /// How many ports of the range `net.ipv4.ip_local_reserved_ports` excludes.
    pub reserved: u64,
}

/// The thresholds of `net.ipv4.tcp_mem` and the memory in use, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpMemory {
    /// Below this, TCP does not regulate its memory.
    pub low: u64,
    /// From here on, TCP shrinks the buffers of connections.
    pub pressure: u64,
    /// At this, TCP drops incoming data.
    pub high: u64,
    /// Pages in use.
    pub held: u64,
}

impl Host {
    /// Reads the current limits of this host.
    pub fn read() -> Self {
        let mut host = Self::read_from(Path::new("/"));
        // These limits are known even without /proc.
        let limit = getrlimit(Resource::Nofile);
        host.descriptors_soft = limit.current;
        host.descriptors_hard = limit.maximum;
        host
    }

    /// Reads the limits of a host whose `/proc` and `/sys` are below this directory.
    pub fn read_from(root: &Path) -> Self {
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
    /// How many connections one source address can have to one target.
    pub fn len(&self) -> u64 {
        (self.last + 1).saturating_sub(self.first).saturating_sub(self.reserved)
    }

    /// Whether the range contains no usable port.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The lowest of the known limits.
pub(super) fn least<const N: usize>(limits: [Option<u64>; N]) -> Option<u64> {
    limits.into_iter().flatten().min()
}

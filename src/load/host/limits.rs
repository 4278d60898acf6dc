//! How many connections each limit of this machine allows, and how to raise it.

use super::cgroup::ControlGroupLimit;
use super::demand::{Demand, Place};
use super::facts::{Host, Ports};
use super::limit::Limit;
use crate::limits::DESCRIPTORS_RESERVED;
use crate::load::units::{size, thousands};

/// The most memory left to the rest of the machine: an eighth of what is available, capped at 1
/// GiB.
const MEMORY_RESERVED_MAX: u64 = 1 << 30;

/// How unevenly `SO_REUSEPORT` distributes connections: with a mean of m, the fullest of thousands
/// of processes has m + 7.5 √m, since hashing gives a standard deviation of √m.
const DEVIATIONS: f64 = 7.5;

/// The widest port range that does not need privileges to bind.
const WIDEST_PORTS: Ports = Ports { first: 1024, last: 65_535, reserved: 0 };

/// Loopback networks that every Linux has by default, each with its number of addresses.
const LOOPBACK_NETWORKS: [(u64, &str); 3] =
    [(254, "127.1.0.0/24"), (65_534, "127.1.0.0/16"), (16_777_214, "127.0.0.0/8")];

/// The most processes that a remedy suggests: 256. Each takes some megabytes and scheduling
/// overhead.
const PROCESSES_SUGGESTED_MAX: u64 = 256;

/// The most source addresses that a remedy suggests where they would first have to be added: 1,024.
const SOURCES_SUGGESTED_MAX: u64 = 1_024;

/// The highest `fs.nr_open`, and so the most descriptors of a process: 2³¹ - 64.
const DESCRIPTORS_MAX: u64 = (1 << 31) - 64;

/// The highest `nf_conntrack_max`: 2³¹ - 1.
const TRACKED_MAX: u64 = (1 << 31) - 1;

/// The highest `kernel.pid_max`: 2²².
const PROCESSES_MAX: u64 = 1 << 22;

impl Host {
    /// The limits that apply to this demand, the limiting factor first. Limits that the system does
    /// not report are left out.
    pub fn limits(&self, demand: &Demand) -> Vec<Limit> {
        let limits = [
            self.descriptors(demand),
            self.files(demand),
            self.epoll_watches(demand),
            self.ports_limit(demand, None),
            self.conntrack(demand),
            self.memory(demand),
            self.cgroup_memory(demand),
            self.tcp_memory_limit(demand),
            self.processes(demand),
            self.cgroup_processes(demand),
        ];
        let mut limits: Vec<Limit> = limits.into_iter().flatten().collect();
        limits.sort_by_key(|limit| limit.connections);
        limits
    }

    /// The limiting factor for this demand.
    pub fn first_limit(&self, demand: &Demand) -> Option<Limit> {
        self.limits(demand).into_iter().next()
    }

    pub(crate) fn descriptors(&self, demand: &Demand) -> Option<Limit> {
        let hard = self.descriptors_hard?;
        let share = share_of_process(hard, demand.ends(), demand.processes);
        let connections = share.saturating_mul(demand.processes);
        let goal = self.goal(demand, connections);
        let limit = thousands(hard);
        let (what, value) = match demand.processes {
            1 => ("file descriptors of one process".to_owned(), format!("hard limit {limit}")),
            many => (
                format!("file descriptors of {} processes", thousands(many)),
                format!("hard limit {limit} each"),
            ),
        };
        let needed = worst_share(goal.div_ceil(demand.processes), demand) + DESCRIPTORS_RESERVED;
        let raise = (needed <= DESCRIPTORS_MAX).then(|| self.raise_descriptors(needed));
        let many =
            processes_for(goal, hard, demand.ends()).filter(|&it| it <= PROCESSES_SUGGESTED_MAX);
        let share = many.map(|many| match demand.ends() {
            2 => format!("use --processes {many} and serve with --workers {many}"),
            _ => format!("use --processes {many}"),
        });
        let remedies: Vec<String> = [raise, share].into_iter().flatten().collect();
        let remedy = match remedies.is_empty() {
            true => too_many(goal),
            false => remedies.join(", or "),
        };
        Some(Limit { name: "descriptors", what, value, connections, remedy })
    }

    fn raise_descriptors(&self, needed: u64) -> String {
        let raised = round_up(needed).min(DESCRIPTORS_MAX);
        match self.descriptors_ceiling {
            Some(ceiling) if raised > ceiling => format!(
                "raise it with `sysctl -w fs.nr_open={raised}` and `ulimit -Hn {raised}` as root"
            ),
            _ => format!("raise it with `ulimit -Hn {raised}` as root"),
        }
    }

    pub(crate) fn files(&self, demand: &Demand) -> Option<Limit> {
        let (open, most) = (self.files_open?, self.files_max?);
        let connections = most.saturating_sub(open) / demand.ends();
        let needed =
            open.saturating_add(self.goal(demand, connections).saturating_mul(demand.ends()));
        Some(Limit {
            name: "files",
            what: "open files of the machine".into(),
            value: format!("{} of {}", thousands(open), thousands(most)),
            connections,
            remedy: format!("raise it with `sysctl -w fs.file-max={}` as root", round_up(needed)),
        })
    }

    pub(crate) fn epoll_watches(&self, demand: &Demand) -> Option<Limit> {
        let most = self.epoll_watches_max?;
        let connections = most / demand.ends();
        let needed = round_up(self.goal(demand, connections).saturating_mul(demand.ends()));
        Some(Limit {
            name: "epoll-watches",
            what: "epoll watches of one user".into(),
            value: thousands(most),
            connections,
            remedy: format!("raise it with `sysctl -w fs.epoll.max_user_watches={needed}` as root"),
        })
    }

    /// The ports of all sources, or of the source and target that this text names.
    pub(crate) fn ports_limit(&self, demand: &Demand, of_pair: Option<&str>) -> Option<Limit> {
        let ports = self.ports.filter(|_| demand.place != Place::Unix)?;
        let pairs = demand.sources.saturating_mul(demand.targets);
        let connections = ports.len().saturating_mul(pairs);
        let goal = self.goal(demand, connections);
        let (what, value) = match (of_pair, pairs) {
            (Some(pair), _) => (format!("ports {pair}"), ports.to_string()),
            (None, 1) => ("ports of one source address".to_owned(), ports.to_string()),
            (None, _) => (
                format!("ports of {} pairs of source and target", thousands(pairs)),
                format!("{ports} each"),
            ),
        };
        let is_narrow = ports.first > WIDEST_PORTS.first || ports.last < WIDEST_PORTS.last;
        let widest = WIDEST_PORTS.len().saturating_sub(ports.reserved);
        let widen = is_narrow.then(|| {
            let range = format!("{} {}", WIDEST_PORTS.first, WIDEST_PORTS.last);
            format!("`sysctl -w net.ipv4.ip_local_port_range=\"{range}\"` as root")
        });
        let sources = goal.div_ceil(ports.len().max(1)).div_ceil(demand.targets);
        let sources = more_sources(sources, demand.place).map(|sources| format!("use {sources}"));
        // Even the widest range may not be enough.
        let widen = widen.filter(|_| widest.saturating_mul(pairs) >= goal);
        let widen = widen.map(|widen| format!("widen their range with {widen}"));
        let remedies: Vec<String> = [widen, sources].into_iter().flatten().collect();
        let remedy = match remedies.is_empty() {
            true => too_many(goal),
            false => remedies.join(", or "),
        };
        Some(Limit { name: "ports", what, value, connections, remedy })
    }

    pub(crate) fn conntrack(&self, demand: &Demand) -> Option<Limit> {
        let tracked = self.tracked.filter(|&tracked| tracked > 0 && demand.place != Place::Unix)?;
        let most = self.tracked_max?;
        // Both ends on one machine share one entry.
        let connections = most.saturating_sub(tracked);
        let goal = self.goal(demand, connections);
        let needed = tracked.saturating_add(goal);
        Some(Limit {
            name: "conntrack",
            what: "connection-tracking entries of the firewall".into(),
            value: format!("{} of {}", thousands(tracked), thousands(most)),
            connections,
            remedy: match needed > TRACKED_MAX {
                true => too_many(goal),
                false => format!(
                    "raise it with `sysctl -w net.netfilter.nf_conntrack_max={}` as root",
                    round_up(needed).min(TRACKED_MAX)
                ),
            },
        })
    }

    pub(crate) fn memory(&self, demand: &Demand) -> Option<Limit> {
        let available = self.memory_available?;
        let connections = usable(available) / demand.bytes_per_connection();
        let goal = demand.goal(connections);
        Some(Limit {
            name: "memory",
            what: "memory of the machine".into(),
            value: format!("{} available", size(available)),
            connections,
            remedy: match self.has_memory(with_reserve(goal, demand)) {
                true => memory_needed(demand, goal) + ": stop other programs or add memory",
                false => format!("{}: {}", memory_needed(demand, goal), too_many(goal)),
            },
        })
    }

    pub(crate) fn cgroup_memory(&self, demand: &Demand) -> Option<Limit> {
        let limit = self.memory_of_group.as_ref()?;
        let connections = usable(limit.left()) / demand.bytes_per_connection();
        let goal = self.goal(demand, connections);
        let needed = limit.used.saturating_add(with_reserve(goal, demand));
        Some(Limit {
            name: "cgroup-memory",
            what: "memory of the control group".into(),
            value: format!("{} of {}", size(limit.used), size(limit.max)),
            connections,
            remedy: match self.has_memory(needed) {
                true => format!("{}: {}", memory_needed(demand, goal), raise_group(limit, needed)),
                false => format!("{}: {}", memory_needed(demand, goal), too_many(goal)),
            },
        })
    }

    /// Idle connections use no TCP buffer memory, so this applies only with unread data.
    pub(crate) fn tcp_memory_limit(&self, demand: &Demand) -> Option<Limit> {
        let is_concerned = demand.unread_bytes > 0 && demand.place != Place::Unix;
        let memory = self.tcp_memory.filter(|_| is_concerned)?;
        let page = rustix::param::page_size() as u64;
        let pages = demand.unread_kernel_bytes().div_ceil(page).saturating_mul(demand.ends());
        let connections = memory.pressure.saturating_sub(memory.held) / pages;
        let goal = self.goal(demand, connections);
        let pressure = memory.held.saturating_add(pages.saturating_mul(goal));
        let (low, high) = (pressure / 4 * 3, pressure.saturating_mul(3) / 2);
        let bytes = |pages: u64| size(pages.saturating_mul(page));
        Some(Limit {
            name: "tcp-memory",
            what: "TCP memory for unread data".into(),
            value: format!("{} of {}", bytes(memory.held), bytes(memory.pressure)),
            connections,
            remedy: match self.has_memory(pressure.saturating_mul(page)) {
                true => format!(
                    "raise it with `sysctl -w net.ipv4.tcp_mem=\"{low} {pressure} {high}\"` as root"
                ),
                false => too_many(goal),
            },
        })
    }

    pub(crate) fn processes(&self, demand: &Demand) -> Option<Limit> {
        let share = self.share_of_process(demand)?;
        let running = self.threads.unwrap_or(0);
        let of_machine = self.threads_max.map(|most| most.saturating_sub(running));
        let left = super::facts::least([of_machine, self.processes_of_user])?;
        let connections = (left / demand.ends()).saturating_mul(share);
        let needed = running.saturating_add(self.processes_needed(demand, connections, share));
        let remedy = match (needed > PROCESSES_MAX, round_up(needed)) {
            (true, _) => too_many(self.goal(demand, connections)),
            (false, needed) if of_machine == Some(left) => format!(
                "raise it with `sysctl -w kernel.threads-max={needed} kernel.pid_max={needed}` as root"
            ),
            (false, needed) => format!("raise it with `ulimit -Hu {needed}` as root"),
        };
        Some(Limit {
            name: "processes",
            what: "processes of the user".into(),
            value: format!("{} left", thousands(left)),
            connections,
            remedy,
        })
    }

    pub(crate) fn cgroup_processes(&self, demand: &Demand) -> Option<Limit> {
        let share = self.share_of_process(demand)?;
        let limit = self.processes_of_group.as_ref()?;
        let connections = (limit.left() / demand.ends()).saturating_mul(share);
        let needed = limit.used.saturating_add(self.processes_needed(demand, connections, share));
        Some(Limit {
            name: "cgroup-processes",
            what: "processes of the control group".into(),
            value: format!("{} of {}", thousands(limit.used), thousands(limit.max)),
            connections,
            remedy: match needed > PROCESSES_MAX {
                true => too_many(self.goal(demand, connections)),
                false => raise_group(limit, needed),
            },
        })
    }

    /// The processes at all ends needed to hold more than this many connections.
    fn processes_needed(&self, demand: &Demand, connections: u64, share: u64) -> u64 {
        self.goal(demand, connections).div_ceil(share.max(1)).saturating_mul(demand.ends())
    }

    /// The number of connections that a remedy should make possible, given a limit that allows
    /// `allowed`. Unless a number was requested, no more than memory allows.
    fn goal(&self, demand: &Demand, allowed: u64) -> u64 {
        let goal = demand.goal(allowed);
        let possible =
            self.memory_available.map(|bytes| usable(bytes) / demand.bytes_per_connection());
        match possible {
            Some(possible) if possible > allowed && demand.connections.is_none() => {
                goal.min(possible)
            }
            _ => goal,
        }
    }

    /// Whether the machine has this many bytes of memory, in use or not.
    fn has_memory(&self, bytes: u64) -> bool {
        self.memory_total.is_none_or(|total| bytes <= total)
    }

    /// The average number of connections per process; `None` with a single process.
    fn share_of_process(&self, demand: &Demand) -> Option<u64> {
        let hard = self.descriptors_hard.filter(|_| demand.processes > 1)?;
        Some(share_of_process(hard, demand.ends(), demand.processes))
    }
}

impl std::fmt::Display for Ports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} of {}-{}", thousands(self.len()), self.first, self.last)
    }
}

/// The average number of connections per process when the fullest process has all its descriptors
/// in use. A client's connections are distributed evenly, those of a server with several processes
/// by a hash.
fn share_of_process(hard: u64, ends: u64, processes: u64) -> u64 {
    let most = hard.saturating_sub(DESCRIPTORS_RESERVED);
    if ends < 2 || processes < 2 {
        return most;
    }
    // The largest m with m + d √m ≤ most.
    let root = ((DEVIATIONS * DEVIATIONS + 4.0 * most as f64).sqrt() - DEVIATIONS) / 2.0;
    (root * root) as u64
}

/// The connections of the fullest server process if this is the average.
fn worst_share(share: u64, demand: &Demand) -> u64 {
    match demand.ends() == 2 && demand.processes > 1 {
        true => share + (DEVIATIONS * (share as f64).sqrt()).ceil() as u64,
        false => share,
    }
}

/// How many processes can hold this many connections; `None` if none can.
fn processes_for(goal: u64, hard: u64, ends: u64) -> Option<u64> {
    let share = share_of_process(hard, ends, 2);
    (share > 0).then(|| goal.div_ceil(share).max(2))
}

/// The next power of two: a round limit that is high enough.
fn round_up(needed: u64) -> u64 {
    needed.checked_next_power_of_two().unwrap_or(needed)
}

/// The part of this memory that connections may use.
fn usable(bytes: u64) -> u64 {
    bytes - (bytes / 8).min(MEMORY_RESERVED_MAX)
}

/// The memory for this many connections plus what is left to the rest of the machine.
fn with_reserve(connections: u64, demand: &Demand) -> u64 {
    let bytes = connections.saturating_mul(demand.bytes_per_connection());
    bytes.saturating_add((bytes / 7).min(MEMORY_RESERVED_MAX) + 1)
}

fn memory_needed(demand: &Demand, goal: u64) -> String {
    format!("{} connections take {}", thousands(goal), size(with_reserve(goal, demand)))
}

fn raise_group(limit: &ControlGroupLimit, needed: u64) -> String {
    format!("raise it with `echo {needed} > {}` as root", limit.file.display())
}

/// The remedy if no limit can be raised far enough.
fn too_many(goal: u64) -> String {
    let goal = thousands(goal);
    format!("{goal} connections are more than this machine can hold: use several machines")
}

/// How to connect from this many addresses, if that is reasonable.
fn more_sources(sources: u64, place: Place) -> Option<String> {
    let network = LOOPBACK_NETWORKS.iter().find(|(hosts, _)| *hosts >= sources);
    match (place, network) {
        (Place::Loopback4, Some((_, network))) => Some(format!("--source {network}")),
        _ if sources > SOURCES_SUGGESTED_MAX => None,
        _ => Some(format!("--source with {} addresses of this machine", thousands(sources))),
    }
}

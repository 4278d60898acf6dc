//! Where the machine's limits end a plan, each with what lifts it.

use super::cgroup::ControlGroupLimit;
use super::demand::{Place, Plan};
use super::facts::{Machine, Ports};
use super::limit::Limit;
use crate::limits::DESCRIPTORS_RESERVED;
use crate::load::units::{size, thousands};

/// Bytes that are left to the rest of the machine: an eighth of what is available, and no more than 1 GiB.
const MEMORY_SPARED_MAX: u64 = 1 << 30;

/// How unevenly `SO_REUSEPORT` deals: with a mean of m connections the fullest of thousands of processes has
/// m + 7.5 √m, as a hash gives them a standard deviation of √m.
const DEVIATIONS: f64 = 7.5;

/// The widest range of ports that needs no privilege to bind.
const WIDEST_PORTS: Ports = Ports { first: 1024, last: 65_535, reserved: 0 };

/// Networks of addresses that every Linux has by itself, with how many each has.
const LOOPBACK_NETWORKS: [(u64, &str); 3] =
    [(254, "127.1.0.0/24"), (65_534, "127.1.0.0/16"), (16_777_214, "127.0.0.0/8")];

/// The most processes that a remedy asks for: 256. Each takes some megabytes and turns of the scheduler.
const PROCESSES_SANE_MAX: u64 = 256;

/// The most addresses of this machine that a remedy asks for where the system has not made them already: 1,024.
const SOURCES_SANE_MAX: u64 = 1_024;

/// The highest `fs.nr_open`: 2³¹ - 64, and so the most descriptors of a process.
const DESCRIPTORS_MAX: u64 = (1 << 31) - 64;

/// The highest `nf_conntrack_max`: 2³¹ - 1.
const TRACKED_MAX: u64 = (1 << 31) - 1;

/// The highest `kernel.pid_max`: 2²².
const PROCESSES_MAX: u64 = 1 << 22;

impl Machine {
    /// The limits that this plan meets, the one that it meets first in front. What the system does not tell is
    /// not among them.
    pub fn limits(&self, plan: &Plan) -> Vec<Limit> {
        let limits = [
            self.descriptors(plan),
            self.files(plan),
            self.epoll_watches(plan),
            self.ports_limit(plan, None),
            self.conntrack(plan),
            self.memory(plan),
            self.cgroup_memory(plan),
            self.tcp_memory_limit(plan),
            self.processes(plan),
            self.cgroup_processes(plan),
        ];
        let mut limits: Vec<Limit> = limits.into_iter().flatten().collect();
        limits.sort_by_key(|limit| limit.connections);
        limits
    }

    /// The limit that ends this plan first.
    pub fn first_limit(&self, plan: &Plan) -> Option<Limit> {
        self.limits(plan).into_iter().next()
    }

    pub(crate) fn descriptors(&self, plan: &Plan) -> Option<Limit> {
        let hard = self.descriptors_hard?;
        let share = share_of_process(hard, plan.ends(), plan.processes);
        let connections = share.saturating_mul(plan.processes);
        let goal = self.goal(plan, connections);
        let limit = thousands(hard);
        let (what, value) = match plan.processes {
            1 => ("file descriptors of one process".to_owned(), format!("hard limit {limit}")),
            many => (
                format!("file descriptors of {} processes", thousands(many)),
                format!("hard limit {limit} each"),
            ),
        };
        let needed = worst_share(goal.div_ceil(plan.processes), plan) + DESCRIPTORS_RESERVED;
        let raise = (needed <= DESCRIPTORS_MAX).then(|| self.raise_descriptors(needed));
        let many = processes_for(goal, hard, plan.ends()).filter(|&it| it <= PROCESSES_SANE_MAX);
        let share = many.map(|many| match plan.ends() {
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

    pub(crate) fn files(&self, plan: &Plan) -> Option<Limit> {
        let (open, most) = (self.files_open?, self.files_max?);
        let connections = most.saturating_sub(open) / plan.ends();
        let needed = open.saturating_add(self.goal(plan, connections).saturating_mul(plan.ends()));
        Some(Limit {
            name: "files",
            what: "open files of the machine".into(),
            value: format!("{} of {}", thousands(open), thousands(most)),
            connections,
            remedy: format!("raise it with `sysctl -w fs.file-max={}` as root", round_up(needed)),
        })
    }

    pub(crate) fn epoll_watches(&self, plan: &Plan) -> Option<Limit> {
        let most = self.epoll_watches_max?;
        let connections = most / plan.ends();
        let needed = round_up(self.goal(plan, connections).saturating_mul(plan.ends()));
        Some(Limit {
            name: "epoll-watches",
            what: "epoll watches of one user".into(),
            value: thousands(most),
            connections,
            remedy: format!("raise it with `sysctl -w fs.epoll.max_user_watches={needed}` as root"),
        })
    }

    /// The ports of all sources, or of the pair of source and target that this text names.
    pub(crate) fn ports_limit(&self, plan: &Plan, of_pair: Option<&str>) -> Option<Limit> {
        let ports = self.ports.filter(|_| plan.place != Place::Unix)?;
        let pairs = plan.sources.saturating_mul(plan.targets);
        let connections = ports.len().saturating_mul(pairs);
        let goal = self.goal(plan, connections);
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
        let sources = goal.div_ceil(ports.len().max(1)).div_ceil(plan.targets);
        let sources = more_sources(sources, plan.place).map(|sources| format!("use {sources}"));
        // Wider, it may not be enough either.
        let widen = widen.filter(|_| widest.saturating_mul(pairs) >= goal);
        let widen = widen.map(|widen| format!("widen their range with {widen}"));
        let remedies: Vec<String> = [widen, sources].into_iter().flatten().collect();
        let remedy = match remedies.is_empty() {
            true => too_many(goal),
            false => remedies.join(", or "),
        };
        Some(Limit { name: "ports", what, value, connections, remedy })
    }

    pub(crate) fn conntrack(&self, plan: &Plan) -> Option<Limit> {
        let tracked = self.tracked.filter(|&tracked| tracked > 0 && plan.place != Place::Unix)?;
        let most = self.tracked_max?;
        // Both ends on one machine are one entry.
        let connections = most.saturating_sub(tracked);
        let goal = self.goal(plan, connections);
        let needed = tracked.saturating_add(goal);
        Some(Limit {
            name: "conntrack",
            what: "connections that the firewall can track".into(),
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

    pub(crate) fn memory(&self, plan: &Plan) -> Option<Limit> {
        let available = self.memory_available?;
        let connections = usable(available) / plan.bytes_per_connection();
        let goal = plan.goal(connections);
        Some(Limit {
            name: "memory",
            what: "memory of the machine".into(),
            value: format!("{} available", size(available)),
            connections,
            remedy: match self.has_memory(with_spare(goal, plan)) {
                true => memory_needed(plan, goal) + ", so end what else takes it, or add some",
                false => format!("{}: {}", memory_needed(plan, goal), too_many(goal)),
            },
        })
    }

    pub(crate) fn cgroup_memory(&self, plan: &Plan) -> Option<Limit> {
        let limit = self.memory_of_group.as_ref()?;
        let connections = usable(limit.left()) / plan.bytes_per_connection();
        let goal = self.goal(plan, connections);
        let needed = limit.used.saturating_add(with_spare(goal, plan));
        Some(Limit {
            name: "cgroup-memory",
            what: "memory of the control group".into(),
            value: format!("{} of {}", size(limit.used), size(limit.max)),
            connections,
            remedy: match self.has_memory(needed) {
                true => format!("{}: {}", memory_needed(plan, goal), raise_group(limit, needed)),
                false => format!("{}: {}", memory_needed(plan, goal), too_many(goal)),
            },
        })
    }

    /// Idle connections take nothing of it, so it is in the way only of those with something unread.
    pub(crate) fn tcp_memory_limit(&self, plan: &Plan) -> Option<Limit> {
        let is_concerned = plan.unread_bytes > 0 && plan.place != Place::Unix;
        let memory = self.tcp_memory.filter(|_| is_concerned)?;
        let page = rustix::param::page_size() as u64;
        let pages = plan.unread_kernel_bytes().div_ceil(page).saturating_mul(plan.ends());
        let connections = memory.pressure.saturating_sub(memory.held) / pages;
        let goal = self.goal(plan, connections);
        let pressure = memory.held.saturating_add(pages.saturating_mul(goal));
        let (low, high) = (pressure / 4 * 3, pressure.saturating_mul(3) / 2);
        let bytes = |pages: u64| size(pages.saturating_mul(page));
        Some(Limit {
            name: "tcp-memory",
            what: "TCP's memory for what is unread".into(),
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

    pub(crate) fn processes(&self, plan: &Plan) -> Option<Limit> {
        let share = self.share_of_process(plan)?;
        let running = self.threads.unwrap_or(0);
        let of_machine = self.threads_max.map(|most| most.saturating_sub(running));
        let left = super::facts::least([of_machine, self.processes_of_user])?;
        let connections = (left / plan.ends()).saturating_mul(share);
        let needed = running.saturating_add(self.processes_needed(plan, connections, share));
        let remedy = match (needed > PROCESSES_MAX, round_up(needed)) {
            (true, _) => too_many(self.goal(plan, connections)),
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

    pub(crate) fn cgroup_processes(&self, plan: &Plan) -> Option<Limit> {
        let share = self.share_of_process(plan)?;
        let limit = self.processes_of_group.as_ref()?;
        let connections = (limit.left() / plan.ends()).saturating_mul(share);
        let needed = limit.used.saturating_add(self.processes_needed(plan, connections, share));
        Some(Limit {
            name: "cgroup-processes",
            what: "processes of the control group".into(),
            value: format!("{} of {}", thousands(limit.used), thousands(limit.max)),
            connections,
            remedy: match needed > PROCESSES_MAX {
                true => too_many(self.goal(plan, connections)),
                false => raise_group(limit, needed),
            },
        })
    }

    /// The processes at all ends that hold more than so many connections.
    fn processes_needed(&self, plan: &Plan, connections: u64, share: u64) -> u64 {
        self.goal(plan, connections).div_ceil(share.max(1)).saturating_mul(plan.ends())
    }

    /// How many connections the remedy of a limit that allows so many is for: no more than there is memory for,
    /// unless they were asked for.
    fn goal(&self, plan: &Plan, allowed: u64) -> u64 {
        let goal = plan.goal(allowed);
        let possible =
            self.memory_available.map(|bytes| usable(bytes) / plan.bytes_per_connection());
        match possible {
            Some(possible) if possible > allowed && plan.connections.is_none() => {
                goal.min(possible)
            }
            _ => goal,
        }
    }

    /// Whether the machine has so many bytes of memory at all, taken or not.
    fn has_memory(&self, bytes: u64) -> bool {
        self.memory_total.is_none_or(|total| bytes <= total)
    }

    /// The connections of one of several processes; `None` if there is but one.
    fn share_of_process(&self, plan: &Plan) -> Option<u64> {
        let hard = self.descriptors_hard.filter(|_| plan.processes > 1)?;
        Some(share_of_process(hard, plan.ends(), plan.processes))
    }
}

impl std::fmt::Display for Ports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} of {}-{}", thousands(self.len()), self.first, self.last)
    }
}

/// How many connections a process has on average when the fullest of its kind has all descriptors in use. The
/// client's connections are dealt evenly; those of a server with several processes are dealt by a hash.
fn share_of_process(hard: u64, ends: u64, processes: u64) -> u64 {
    let most = hard.saturating_sub(DESCRIPTORS_RESERVED);
    if ends < 2 || processes < 2 {
        return most;
    }
    // The largest m with m + d √m ≤ most.
    let root = ((DEVIATIONS * DEVIATIONS + 4.0 * most as f64).sqrt() - DEVIATIONS) / 2.0;
    (root * root) as u64
}

/// How many the fullest process of a server has when so many are each one's share.
fn worst_share(share: u64, plan: &Plan) -> u64 {
    match plan.ends() == 2 && plan.processes > 1 {
        true => share + (DEVIATIONS * (share as f64).sqrt()).ceil() as u64,
        false => share,
    }
}

/// How many processes hold so many connections; `None` if none does.
fn processes_for(goal: u64, hard: u64, ends: u64) -> Option<u64> {
    let share = share_of_process(hard, ends, 2);
    (share > 0).then(|| goal.div_ceil(share).max(2))
}

/// A round limit that is enough: the next power of two.
fn round_up(needed: u64) -> u64 {
    needed.checked_next_power_of_two().unwrap_or(needed)
}

/// What can be taken of so much memory.
fn usable(bytes: u64) -> u64 {
    bytes - (bytes / 8).min(MEMORY_SPARED_MAX)
}

/// The memory for so many connections and what is spared beside.
fn with_spare(connections: u64, plan: &Plan) -> u64 {
    let bytes = connections.saturating_mul(plan.bytes_per_connection());
    bytes.saturating_add((bytes / 7).min(MEMORY_SPARED_MAX) + 1)
}

fn memory_needed(plan: &Plan, goal: u64) -> String {
    format!("{} connections take {}", thousands(goal), size(with_spare(goal, plan)))
}

fn raise_group(limit: &ControlGroupLimit, needed: u64) -> String {
    format!("raise it with `echo {needed} > {}` as root", limit.file.display())
}

/// What is said where no limit that can be raised is enough.
fn too_many(goal: u64) -> String {
    let goal = thousands(goal);
    format!("{goal} connections are more than this machine can hold: share them among several")
}

/// Says how to come from so many addresses, if that is within reason.
fn more_sources(sources: u64, place: Place) -> Option<String> {
    let network = LOOPBACK_NETWORKS.iter().find(|(hosts, _)| *hosts >= sources);
    match (place, network) {
        (Place::Loopback4, Some((_, network))) => Some(format!("--source {network}")),
        _ if sources > SOURCES_SANE_MAX => None,
        _ => Some(format!("--source with {} addresses of this machine", thousands(sources))),
    }
}

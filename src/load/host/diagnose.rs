//! The limit behind an error that was met while connecting.

use super::demand::{Place, Plan};
use super::facts::Machine;
use super::limit::Limit;
use crate::load::sources::is_non_local;
use crate::net::Endpoint;
use rustix::io::Errno;
use std::io;
use std::net::IpAddr;

/// From where to where a connection was tried.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The address it was to come from; `None` if the system chose.
    pub source: Option<IpAddr>,
    /// Where it was to go.
    pub target: &'a Endpoint,
}

impl Machine {
    /// The limit that this error means, as [`Limit::when_met`] says it; `None` if it means none. The machine should
    /// have been looked at after the error, as its numbers are said.
    pub fn limit_behind(&self, error: &io::Error, plan: &Plan, route: Route<'_>) -> Option<Limit> {
        match Errno::from_io_error(error)? {
            Errno::MFILE => self.descriptors(plan),
            Errno::NFILE => self.files(plan),
            // epoll_ctl(2): "The limit imposed by /proc/sys/fs/epoll/max_user_watches was encountered".
            Errno::NOSPC => self.epoll_watches(plan),
            Errno::ADDRNOTAVAIL => match route.source.filter(|&source| is_non_local(source)) {
                Some(source) => Some(Limit::non_local_source(source)),
                None => self.ports_limit(plan, Some(&route.to_string())),
            },
            Errno::NOBUFS | Errno::NOMEM => self.memory_met(plan),
            // connect(2): "nonblocking UNIX domain sockets … connection cannot be completed immediately": the
            // listener's queue is full.
            Errno::AGAIN if plan.place == Place::Unix => self.unix_backlog(),
            // A firewall that can track no more drops packets, so nothing is heard of them.
            Errno::TIMEDOUT | Errno::PERM => {
                self.conntrack(plan).filter(|limit| limit.connections < self.tracked_free_min())
            }
            _ => None,
        }
    }

    /// With fewer entries left the table of the firewall has been full just now: a hundredth.
    fn tracked_free_min(&self) -> u64 {
        self.tracked_max.map_or(0, |most| most / 100 + 1)
    }

    /// What has the least left of what the kernel takes for a connection.
    fn memory_met(&self, plan: &Plan) -> Option<Limit> {
        let limits = [self.memory(plan), self.cgroup_memory(plan), self.tcp_memory_limit(plan)];
        limits.into_iter().flatten().min_by_key(|limit| limit.connections)
    }
}

impl Limit {
    /// The wall of an address that is not this machine's.
    pub fn non_local_source(source: IpAddr) -> Self {
        let bits = if source.is_ipv6() { 128 } else { 32 };
        Self {
            name: "source",
            what: "source addresses".into(),
            value: format!("{source} is not this machine's"),
            connections: 0,
            remedy: format!("add it with `ip address add {source}/{bits} dev lo` as root"),
        }
    }
}

impl std::fmt::Display for Route<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.source {
            Some(source) => write!(formatter, "of {source} -> {}", self.target),
            None => write!(formatter, "to {}", self.target),
        }
    }
}

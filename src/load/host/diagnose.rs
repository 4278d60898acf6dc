//! The limit behind an error that occurred while connecting.

use super::demand::{Demand, Place};
use super::facts::Host;
use super::limit::Limit;
use crate::load::sources::is_non_local;
use crate::net::Endpoint;
use rustix::io::Errno;
use std::io;
use std::net::IpAddr;

/// The source and target of a connection attempt.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The source address; `None` if the system chose it.
    pub source: Option<IpAddr>,
    /// The server's endpoint.
    pub target: &'a Endpoint,
}

impl Host {
    /// The limit that this error points to, for [`Limit::when_reached`]; `None` if it points to
    /// none. Read the host after the error, since the sentence contains its current numbers.
    pub fn limit_behind(
        &self,
        error: &io::Error,
        demand: &Demand,
        route: Route<'_>,
    ) -> Option<Limit> {
        match Errno::from_io_error(error)? {
            Errno::MFILE => self.descriptors(demand),
            Errno::NFILE => self.files(demand),
            // epoll_ctl(2): "The limit imposed by /proc/sys/fs/epoll/max_user_watches was
            // encountered".
            Errno::NOSPC => self.epoll_watches(demand),
            Errno::ADDRNOTAVAIL => match route.source.filter(|&source| is_non_local(source)) {
                Some(source) => Some(Limit::non_local_source(source)),
                None => self.ports_limit(demand, Some(&route.to_string())),
            },
            Errno::NOBUFS | Errno::NOMEM => self.scarcest_memory(demand),
            // connect(2): "nonblocking UNIX domain sockets … connection cannot be completed
            // immediately": the listener's accept queue is full.
            Errno::AGAIN if demand.place == Place::Unix => self.unix_backlog(),
            // A firewall with a full connection-tracking table drops packets, so the attempt times
            // out.
            Errno::TIMEDOUT | Errno::PERM => {
                self.conntrack(demand).filter(|limit| limit.connections < self.tracked_free_min())
            }
            _ => None,
        }
    }

    /// Below this many free entries, the connection-tracking table counts as having been full just
    /// now: a hundredth of it.
    fn tracked_free_min(&self) -> u64 {
        self.tracked_max.map_or(0, |most| most / 100 + 1)
    }

    /// The memory limit with the least left, of those that the kernel applies to a connection.
    fn scarcest_memory(&self, demand: &Demand) -> Option<Limit> {
        let limits =
            [self.memory(demand), self.cgroup_memory(demand), self.tcp_memory_limit(demand)];
        limits.into_iter().flatten().min_by_key(|limit| limit.connections)
    }
}

impl Limit {
    /// The limit reported for a source address that does not belong to this machine.
    pub fn non_local_source(source: IpAddr) -> Self {
        let bits = if source.is_ipv6() { 128 } else { 32 };
        Self {
            name: "source",
            what: "source addresses".into(),
            value: format!("{source} is not an address of this machine"),
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

//! Connections that were turned away because too many waited to be accepted.

use super::facts::Machine;
use super::limit::Limit;
use super::procfs::Procfs;
use crate::load::host::AcceptQueue;
use crate::load::units::thousands;
use std::path::Path;

/// The longest accept queue that a remedy asks for: 65,535, the most that older kernels have. Clients that wait in
/// a longer one have given up before their turn comes.
const BACKLOG_SANE_MAX: u64 = 65_535;

/// What the kernel has counted at all listeners of this machine (`TcpExt` in `/proc/net/netstat`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Connections that found the queue of their listener full (`ListenOverflows`).
    pub overflows: u64,
    /// Connections that were dropped before they were accepted, these among them (`ListenDrops`).
    pub drops: u64,
}

impl QueueCounters {
    /// Reads them on this machine.
    pub fn look() -> Self {
        Self::look_in(Path::new("/"))
    }

    /// Reads them on a machine whose `/proc` is below this directory; what is not told is 0.
    pub fn look_in(root: &Path) -> Self {
        let text = Procfs::new(root).text("proc/net/netstat").unwrap_or_default();
        // A line of names, and one of their values.
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
        let names = lines.next().unwrap_or_default().split_whitespace();
        let values = lines.next().unwrap_or_default().split_whitespace();
        let pairs: Vec<(&str, &str)> = names.zip(values).collect();
        let value = |name: &str| {
            let pair = pairs.iter().find(|(other, _)| *other == name);
            pair.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
        };
        Self { overflows: value("ListenOverflows"), drops: value("ListenDrops") }
    }

    /// What was counted since then.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            overflows: self.overflows.saturating_sub(before.overflows),
            drops: self.drops.saturating_sub(before.drops),
        }
    }
}

impl Machine {
    /// The wall of a listener's accept queue: connections were dropped there, as this queue was seen full while the
    /// kernel counted overflows. The counters alone may be another listener's.
    pub fn limit_of_queue(
        &self,
        counted: &QueueCounters,
        fullest: Option<AcceptQueue>,
    ) -> Option<Limit> {
        let queue = fullest.filter(|queue| queue.is_full() && counted.overflows > 0)?;
        self.backlog(queue.limit.into(), counted.overflows)
    }

    /// The same of a Unix socket, whose clients are told at once; its limit is not.
    pub(crate) fn unix_backlog(&self) -> Option<Limit> {
        self.backlog(self.backlog_max?, 0)
    }

    fn backlog(&self, limit: u64, overflows: u64) -> Option<Limit> {
        let found_full = match overflows {
            0 => String::new(),
            many => format!(", found full {} times", thousands(many)),
        };
        let raised = limit.saturating_mul(4).min(BACKLOG_SANE_MAX);
        let slower = "connect more slowly with --connect-rate";
        let remedy = match self.backlog_max {
            _ if raised <= limit => slower.to_owned(),
            Some(most) if most < raised => format!(
                "raise it with `sysctl -w net.core.somaxconn={raised}` as root and serve with \
                 --backlog {raised}, or {slower}"
            ),
            _ => format!("serve with --backlog {raised}, or {slower}"),
        };
        Some(Limit {
            name: "backlog",
            what: "places in the accept queue of the listener".into(),
            value: format!("at most {}{found_full}", thousands(limit)),
            connections: limit,
            remedy,
        })
    }
}

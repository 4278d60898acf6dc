//! Connections that were dropped because an accept queue was full.

use super::facts::Host;
use super::limit::Limit;
use super::procfs::Procfs;
use crate::load::host::AcceptQueue;
use crate::load::units::thousands;
use std::path::Path;

/// The longest accept queue that a remedy suggests: 65,535, the maximum of older kernels. Clients
/// in a longer queue time out before they are accepted.
const BACKLOG_SANE_MAX: u64 = 65_535;

/// Kernel counters over all listeners of this machine (`TcpExt` in `/proc/net/netstat`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Connections that found the accept queue full (`ListenOverflows`).
    pub overflows: u64,
    /// Connections that were dropped before they were accepted, including overflows
    /// (`ListenDrops`).
    pub drops: u64,
}

impl QueueCounters {
    /// Reads the counters of this machine.
    pub fn read() -> Self {
        Self::read_from(Path::new("/"))
    }

    /// Reads the counters of a machine whose `/proc` is below this directory. Missing counters are
    /// 0.
    pub fn read_from(root: &Path) -> Self {
        let text = Procfs::new(root).text("proc/net/netstat").unwrap_or_default();
        // One line has the names, the next their values.
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

    /// The increase since an earlier reading.
    pub fn since(&self, before: &Self) -> Self {
        Self {
            overflows: self.overflows.saturating_sub(before.overflows),
            drops: self.drops.saturating_sub(before.drops),
        }
    }
}

impl Host {
    /// The limit of a listener's accept queue, if connections were dropped there: this queue was
    /// seen full while the kernel counted overflows. The counters alone could be another
    /// listener's.
    pub fn limit_of_queue(
        &self,
        counted: &QueueCounters,
        fullest: Option<AcceptQueue>,
    ) -> Option<Limit> {
        let queue = fullest.filter(|queue| queue.is_full() && counted.overflows > 0)?;
        self.backlog(queue.limit.into(), counted.overflows)
    }

    /// The same for a Unix socket, whose clients get an error at once. The limit of its queue is
    /// not visible.
    pub(crate) fn unix_backlog(&self) -> Option<Limit> {
        self.backlog(self.backlog_max?, 0)
    }

    fn backlog(&self, limit: u64, overflows: u64) -> Option<Limit> {
        let times_full = match overflows {
            0 => String::new(),
            many => format!(", found full {} times", thousands(many)),
        };
        let raised = limit.saturating_mul(4).min(BACKLOG_SANE_MAX);
        let connect_slowly = "connect more slowly with --connect-rate";
        let remedy = match self.backlog_max {
            _ if raised <= limit => connect_slowly.to_owned(),
            Some(most) if most < raised => format!(
                "raise it with `sysctl -w net.core.somaxconn={raised}` as root and serve with \
                 --backlog {raised}, or {connect_slowly}"
            ),
            _ => format!("serve with --backlog {raised}, or {connect_slowly}"),
        };
        Some(Limit {
            name: "backlog",
            what: "places in the accept queue of the listener".into(),
            value: format!("at most {}{times_full}", thousands(limit)),
            connections: limit,
            remedy,
        })
    }
}

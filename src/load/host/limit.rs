//! One limit, and how many connections there can be before it.

use crate::load::units::thousands;
use std::fmt;

/// A limit as a sentence says it. Shown, it is the verdict on a machine of which it is the first wall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What scripts know it by: `descriptors`, `files`, `epoll-watches`, `ports`, `conntrack`, `memory`,
    /// `cgroup-memory`, `tcp-memory`, `processes`, `cgroup-processes`, `backlog`, `source`.
    pub name: &'static str,
    /// What there is only so much of, without an article.
    pub what: String,
    /// How much, as the system says it.
    pub value: String,
    /// How many connections it allows.
    pub connections: u64,
    /// What lifts it: commands in backquotes, and flags.
    pub remedy: String,
}

impl Limit {
    /// The sentence when it was met: `out of file descriptors of one process (hard limit 20,000): raise it …`.
    pub fn when_met(&self) -> String {
        format!("out of {} ({}): {}", self.what, self.value, self.remedy)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, connections, remedy, .. } = self;
        let connections = thousands(*connections);
        write!(
            formatter,
            "you can hold {connections} connections; the first wall is {what} ({value}): {remedy}"
        )
    }
}

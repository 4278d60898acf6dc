//! One limit of this machine, and how many connections it allows.

use crate::load::units::thousands;
use std::fmt;

/// A limit, with the words to report it. `Display` writes it as the limiting factor of this
/// machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name for scripts: `descriptors`, `files`, `epoll-watches`, `ports`, `conntrack`,
    /// `memory`, `cgroup-memory`, `tcp-memory`, `processes`, `cgroup-processes`, `backlog`,
    /// `source`.
    pub name: &'static str,
    /// The limited resource, without an article.
    pub what: String,
    /// The current value or usage, as text.
    pub value: String,
    /// How many connections it allows.
    pub connections: u64,
    /// How to raise the limit: commands in backquotes, and flags.
    pub remedy: String,
}

impl Limit {
    /// The sentence for an error that this limit caused: `out of file descriptors of one process
    /// (hard limit 20,000): raise it …`.
    pub fn when_reached(&self) -> String {
        format!("out of {} ({}): {}", self.what, self.value, self.remedy)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, connections, remedy, .. } = self;
        let connections = thousands(*connections);
        write!(
            formatter,
            "This machine can hold {connections} connections. The limiting factor is {what} ({value}): {remedy}"
        )
    }
}

//! What a limit on the address space (`ulimit -v`, `ulimit -d`) leaves for `--max-memory`.

use log::warn;
use rustix::process::{Resource, getrlimit};

/// At most so many bytes of memory for peers, or less where this process may not have as much.
///
/// Half of what it may still have: what grows is there twice while it moves. With the rest the libraries do, which
/// would abort the process if they got none.
pub(super) fn at_most(wanted: u64) -> usize {
    let possible = left().map_or(u64::MAX, |left| left / 2);
    if possible < wanted {
        warn!(
            "less address space than --max-memory: {} MiB can be used; raise ulimit -v or ulimit -d",
            possible >> 20
        );
    }
    usize::try_from(wanted.min(possible)).unwrap_or(usize::MAX)
}

/// Bytes that this process may still map, if that is limited and known.
fn left() -> Option<u64> {
    let limits = [(Resource::As, "VmSize:"), (Resource::Data, "VmData:")];
    let left = limits.into_iter().filter_map(|(resource, name)| {
        let limit = getrlimit(resource).current?;
        Some(limit.saturating_sub(used(name).unwrap_or(0)))
    });
    left.min()
}

/// What this process has of it, as the system counts.
fn used(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

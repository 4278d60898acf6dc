//! How much memory `--max-memory` may use under a limit on the address space (`ulimit -v`,
//! `ulimit -d`).

use log::warn;
use rustix::process::{Resource, getrlimit};

/// The `wanted` bytes of memory for peers, or fewer where the limits of this process allow fewer.
///
/// Half of the remaining address space: a buffer that grows exists twice while it is copied. The
/// rest is for libraries, which abort the process when an allocation fails.
pub(super) fn at_most(wanted: u64) -> usize {
    let possible = left().map_or(u64::MAX, |left| left / 2);
    if possible < wanted {
        warn!(
            "the address space is smaller than --max-memory: {} MiB can be used; \
             raise ulimit -v or ulimit -d",
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

/// How much of this resource the process uses, in bytes, according to the kernel.
fn used(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

//! CPU placement of server and client.

use rustix::process::{Pid, getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};
use std::io;

/// Keeps this process on the last CPU it may use. Returns false, and does nothing, if there is only
/// one.
pub(crate) fn pin_client() -> bool {
    let usable = usable();
    let [_, .., last] = usable[..] else { return false };
    pin(None, last).is_ok()
}

/// Keeps a thread of the server on the first CPU.
pub(crate) fn pin_server(thread: u32) -> io::Result<()> {
    pin(i32::try_from(thread).ok().and_then(Pid::from_raw), 0)
}

/// Gives other threads on this CPU priority.
pub(crate) fn yield_to_others() -> io::Result<()> {
    let own = Some(gettid());
    Ok(setpriority_process(own, getpriority_process(own)? + 10)?)
}

fn pin(thread: Option<Pid>, cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(thread, &set)?)
}

fn usable() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

//! The system's figures about itself and about this process.

use rustix::process::{Resource, getrlimit};
use std::{fs, io};

/// Descriptors that either process needs for purposes other than connections.
const DESCRIPTORS_RESERVED: u64 = 100;

/// The number of connections that this process can open.
pub(crate) fn connections_possible() -> usize {
    let possible = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    possible.saturating_sub(DESCRIPTORS_RESERVED) as usize
}

/// The load of the machine in the last minute: the mean number of threads that ran or were
/// runnable.
pub(crate) fn load_average() -> io::Result<f64> {
    number(&fs::read_to_string("/proc/loadavg")?, 0)
}

/// Bytes that the kernel holds for all TCP connections of the machine, as it counts them against
/// its limits.
pub(crate) fn tcp_bytes() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let line = text.lines().find_map(|line| line.split_once("TCP:")).map(|(_, line)| line);
    let pages = line.and_then(|line| line.split_once("mem ")).map_or("", |(_, pages)| pages);
    Ok(number(pages, 0)? * rustix::param::page_size() as f64)
}

/// The number of bytes above which the kernel applies memory pressure to TCP.
pub(crate) fn tcp_pressure_bytes() -> io::Result<f64> {
    let pages = number(&fs::read_to_string("/proc/sys/net/ipv4/tcp_mem")?, 1)?;
    Ok(pages * rustix::param::page_size() as f64)
}

fn number(text: &str, index: usize) -> io::Result<f64> {
    let field = text.split_whitespace().nth(index).and_then(|field| field.parse().ok());
    field.ok_or_else(|| io::Error::other(format!("{text:?} cannot be parsed")))
}

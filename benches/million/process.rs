//! What the system says about a process.

use std::fs;
use std::io;
use std::time::Duration;

/// Memory that is these processes' own, together, in bytes.
pub(crate) fn private_bytes(pids: &[u32]) -> io::Result<u64> {
    pids.iter().map(|&pid| private_bytes_of(pid)).sum()
}

/// CPU time that these single-threaded processes have used, together, in user space and in the kernel.
pub(crate) fn cpu_time(pids: &[u32]) -> io::Result<Duration> {
    let nanoseconds = pids.iter().map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
        let first = text.split(' ').next().and_then(|field| field.parse::<u64>().ok());
        first.ok_or_else(|| io::Error::other("schedstat is not understood"))
    });
    nanoseconds.sum::<io::Result<u64>>().map(Duration::from_nanos)
}

/// The children of a single-threaded process.
pub(crate) fn children(pid: u32) -> io::Result<Vec<u32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

fn private_bytes_of(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let lines = text.lines().filter(|line| line.starts_with("Private_"));
    let kibibytes = lines.map(|line| {
        let number = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
        number.ok_or_else(|| io::Error::other("smaps_rollup is not understood"))
    });
    Ok(kibibytes.sum::<io::Result<u64>>()? * 1024)
}

//! The CPU time and memory of processes, as the kernel counts them.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The usage of one or more processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all their threads, in user space and in the kernel.
    pub cpu: Duration,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
}

impl Usage {
    /// CPU time of the calling thread, and memory of its process; zero if the system does not
    /// report it. The load generator has one thread; what others do is not its own cost.
    pub fn own() -> Self {
        Self::of_thread().unwrap_or_default()
    }

    fn of_thread() -> Option<Self> {
        let cpu = cpu_of("/proc/thread-self/schedstat".as_ref())?;
        Some(Self { cpu, resident_bytes: resident_bytes("self")? })
    }

    /// The usage of a process and all its descendants together; `None` if it has exited or the
    /// system does not report it.
    pub fn of_family(pid: u32) -> Option<Self> {
        let members = family(pid);
        let first = Self::of(&pid.to_string())?;
        // A descendant that has exited meanwhile is left out.
        let others = members[1..].iter().filter_map(|pid| Self::of(&pid.to_string()));
        Some(others.fold(first, |sum, it| Self {
            cpu: sum.cpu + it.cpu,
            resident_bytes: sum.resident_bytes + it.resident_bytes,
        }))
    }

    fn of(pid: &str) -> Option<Self> {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let threads = threads.flatten().map(|thread| thread.path().join("schedstat"));
        let cpu = threads.filter_map(|path| cpu_of(&path)).sum();
        Some(Self { cpu, resident_bytes: resident_bytes(pid)? })
    }
}

/// The CPU time of a thread, of which this is the `schedstat` file.
fn cpu_of(path: &Path) -> Option<Duration> {
    let text = fs::read_to_string(path).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// The private dirty memory of a process and its descendants, in bytes; `None` if the system does
/// not report it.
pub fn private_bytes(pid: u32) -> Option<u64> {
    family(pid).into_iter().map(private_bytes_of).sum()
}

/// Kernel memory for objects such as sockets and files (slab), in bytes.
pub fn kernel_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// A process and all its descendants.
fn family(pid: u32) -> Vec<u32> {
    let mut members = vec![pid];
    let mut next = 0;
    while let Some(&member) = members.get(next) {
        next += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{member}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            members.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
        }
    }
    members
}

/// proc(5), status: "VmRSS: Resident set size", in kB, which are 1,024 bytes.
fn resident_bytes(pid: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn private_bytes_of(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let lines = text.lines().filter(|line| line.starts_with("Private_Dirty:"));
    let kibibytes = lines.map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.sum::<Option<u64>>().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_counted_with_its_descendants() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let alone = Usage::own();
        let family = Usage::of_family(std::process::id()).unwrap();
        assert!(family.resident_bytes > alone.resident_bytes);
        assert!(private_bytes(std::process::id()).unwrap() > private_bytes(child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(Usage::of_family(child.id()), None);
        let before = Usage::own().cpu;
        while Usage::own().cpu <= before {}
    }
}

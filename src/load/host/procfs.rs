//! Reads the kernel's limits and counters from `/proc` and `/sys`.

use super::facts::{Ports, TcpMemory};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory that contains `proc` and `sys`. A file that is missing or malformed reads as `None`.
pub(crate) struct Procfs<'a> {
    root: &'a Path,
}

impl<'a> Procfs<'a> {
    pub(crate) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The first word of a file.
    pub(crate) fn word(&self, path: impl AsRef<Path>) -> Option<String> {
        self.text(path)?.split_whitespace().next().map(str::to_owned)
    }

    /// The first number of a file.
    pub(crate) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.word(path)?.parse().ok()
    }

    /// The number after a name at the start of a line.
    pub(crate) fn entry(&self, path: impl AsRef<Path>, name: &str) -> Option<u64> {
        let text = self.text(path)?;
        let mut lines = text.lines().map(str::split_whitespace);
        lines.find_map(|mut words| {
            (words.next() == Some(name)).then(|| words.next()?.parse().ok()).flatten()
        })
    }

    fn numbers(&self, path: &str) -> Option<Vec<u64>> {
        let text = self.text(path)?;
        Some(text.split_whitespace().map_while(|word| word.parse().ok()).collect())
    }

    /// The soft and the hard limit of this process; `None` if unlimited or unknown.
    pub(crate) fn process_limit(&self, name: &str) -> (Option<u64>, Option<u64>) {
        let text = self.text("proc/self/limits").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let mut limits = line.split_whitespace().map(|word| word.parse().ok());
        (limits.next().flatten(), limits.next().flatten())
    }

    /// Open files: the allocated ones minus the free ones among them.
    pub(crate) fn files_open(&self) -> Option<u64> {
        match self.numbers("proc/sys/fs/file-nr")?[..] {
            [allocated, free, _] => Some(allocated.saturating_sub(free)),
            _ => None,
        }
    }

    pub(crate) fn ports(&self) -> Option<Ports> {
        let [first, last] = self.numbers("proc/sys/net/ipv4/ip_local_port_range")?[..] else {
            return None;
        };
        let reserved = self.text("proc/sys/net/ipv4/ip_local_reserved_ports").unwrap_or_default();
        let reserved = reserved.trim().split(',').filter_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) =
                (from.parse::<u64>().ok()?.max(first), to.parse::<u64>().ok()?.min(last));
            Some((to + 1).saturating_sub(from))
        });
        Some(Ports { first, last, reserved: reserved.sum() })
    }

    pub(crate) fn tcp_memory(&self) -> Option<TcpMemory> {
        let [low, pressure, high] = self.numbers("proc/sys/net/ipv4/tcp_mem")?[..] else {
            return None;
        };
        let sockets = self.text("proc/net/sockstat").unwrap_or_default();
        let line = sockets.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
        let mut words = line.split_whitespace().skip_while(|word| *word != "mem").skip(1);
        let held = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        Some(TcpMemory { low, pressure, high, held })
    }

    pub(crate) fn memory_available(&self) -> Option<u64> {
        Some(self.entry("proc/meminfo", "MemAvailable:")? * 1024)
    }

    pub(crate) fn memory_total(&self) -> Option<u64> {
        Some(self.entry("proc/meminfo", "MemTotal:")? * 1024)
    }

    /// The number of processes and threads, as after the slash in `0.00 0.01 0.05 1/123 4567`.
    pub(crate) fn threads(&self) -> Option<u64> {
        let text = self.text("proc/loadavg")?;
        text.split_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
    }

    /// The model of the first CPU, on architectures that report it.
    pub(crate) fn processor(&self) -> Option<String> {
        let text = self.text("proc/cpuinfo")?;
        let models = text.lines().filter_map(|line| {
            let (name, model) = line.split_once(':')?;
            (name.trim() == "model name").then(|| model.trim().to_owned())
        });
        models.into_iter().find(|model| !model.is_empty())
    }

    /// The number of CPUs that this process may run on, from a list such as `0-3,8`.
    pub(crate) fn processors(&self) -> Option<u64> {
        let text = self.text("proc/self/status")?;
        let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        list.trim().split(',').map(range_len).sum()
    }
}

fn range_len(range: &str) -> Option<u64> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    (last.parse::<u64>().ok()? + 1).checked_sub(first.parse().ok()?)
}

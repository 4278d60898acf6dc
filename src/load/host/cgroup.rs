//! The limits of this process's control group (cgroups(7), versions 1 and 2).

use super::procfs::Procfs;
use std::path::{Path, PathBuf};

/// From this value on a limit means "unlimited": version 1 expresses that as the largest number of
/// whole pages.
const UNLIMITED: u64 = 1 << 60;

/// A limit of a control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlGroupLimit {
    /// The limit itself: bytes or processes.
    pub max: u64,
    /// Usage that cannot be reclaimed, in the same unit.
    pub used: u64,
    /// The file that sets the limit.
    pub file: PathBuf,
}

impl ControlGroupLimit {
    /// The limit minus the usage.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

/// The files of one cgroup version for one limit and its usage.
struct Files {
    directory: &'static str,
    max: &'static str,
    used: &'static str,
    /// The line of `memory.stat` that counts memory the kernel can reclaim.
    reclaimable: Option<&'static str>,
}

/// The memory limit, in bytes.
pub(crate) fn memory(procfs: &Procfs<'_>) -> Option<ControlGroupLimit> {
    let unified = Files {
        directory: "sys/fs/cgroup",
        max: "memory.max",
        used: "memory.current",
        reclaimable: Some("inactive_file"),
    };
    let legacy = Files {
        directory: "sys/fs/cgroup/memory",
        max: "memory.limit_in_bytes",
        used: "memory.usage_in_bytes",
        reclaimable: Some("total_inactive_file"),
    };
    tightest(procfs, "memory", &legacy).or_else(|| tightest(procfs, "", &unified))
}

/// The process limit.
pub(crate) fn processes(procfs: &Procfs<'_>) -> Option<ControlGroupLimit> {
    let files =
        |directory| Files { directory, max: "pids.max", used: "pids.current", reclaimable: None };
    tightest(procfs, "pids", &files("sys/fs/cgroup/pids"))
        .or_else(|| tightest(procfs, "", &files("sys/fs/cgroup")))
}

/// The limit with the least left, of the group that has this controller and its ancestors.
fn tightest(procfs: &Procfs<'_>, controller: &str, files: &Files) -> Option<ControlGroupLimit> {
    let group = group(procfs, controller)?;
    let limits = group.ancestors().filter_map(|group| limit(procfs, group, files));
    limits.min_by_key(ControlGroupLimit::left)
}

fn limit(procfs: &Procfs<'_>, group: &Path, files: &Files) -> Option<ControlGroupLimit> {
    let directory = Path::new(files.directory).join(group);
    let file = directory.join(files.max);
    let max = procfs.number(&file).filter(|&max| max < UNLIMITED)?;
    let used = procfs.number(directory.join(files.used)).unwrap_or(0);
    let statistics = directory.join("memory.stat");
    let reclaimable =
        files.reclaimable.and_then(|name| procfs.entry(statistics, name)).unwrap_or(0);
    let used = used.saturating_sub(reclaimable);
    Some(ControlGroupLimit { max, used, file: Path::new("/").join(file) })
}

/// The group of this process, relative to the controller's mount point. The unified hierarchy of
/// version 2 has an empty controller list: `0::/user.slice`.
fn group(procfs: &Procfs<'_>, controller: &str) -> Option<PathBuf> {
    let text = procfs.text("proc/self/cgroup")?;
    let group = text.lines().find_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(group)
    })?;
    // A group outside the namespace appears as `/../name`; only the root is visible from here.
    let is_outside = group.split('/').any(|name| name == "..");
    Some(PathBuf::from(if is_outside { "" } else { group.trim_start_matches('/') }))
}

//! What kept the load generator off the CPU: other threads, the hypervisor, or the quota of a
//! control group.

use super::run_queue::RunQueue;
use std::fs;
use std::path::{Path, PathBuf};

/// Ticks of `/proc/stat` per second (`USER_HZ`, the same on every Linux).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time lost so far, in seconds. Values that the system does not provide are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Taken {
    /// Time that this thread was runnable and waited for a CPU.
    pub run_delay_s: Option<f64>,
    /// How often this thread was given a CPU.
    pub timeslices: Option<u64>,
    /// Time that the hypervisor ran something else, over all CPUs of this machine.
    pub steal_s: Option<f64>,
    /// Time that the control group, or an ancestor, was throttled by its quota.
    pub throttled_s: Option<f64>,
}

/// Measures the CPU time that this thread loses.
#[derive(Debug)]
pub(in crate::load) struct Interference {
    root: PathBuf,
    queue: RunQueue,
    began: Taken,
}

impl Interference {
    /// Starts counting now.
    pub(in crate::load) fn new() -> Self {
        let mut interference =
            Self { root: "/".into(), queue: RunQueue::of_this_thread(), began: Taken::default() };
        interference.begin();
        interference
    }

    /// Restarts the count.
    pub(in crate::load) fn begin(&mut self) {
        self.began = self.now();
    }

    /// CPU time lost since [`begin`](Self::begin).
    pub(in crate::load) fn taken(&self) -> Taken {
        let (now, began) = (self.now(), self.began);
        let seconds = |now: Option<f64>, began: Option<f64>| Some((now? - began?).max(0.0));
        Taken {
            run_delay_s: seconds(now.run_delay_s, began.run_delay_s),
            timeslices: now
                .timeslices
                .zip(began.timeslices)
                .map(|(now, began)| now.saturating_sub(began)),
            steal_s: seconds(now.steal_s, began.steal_s),
            throttled_s: seconds(now.throttled_s, began.throttled_s),
        }
    }

    fn now(&self) -> Taken {
        let queue = self.queue.total();
        Taken {
            run_delay_s: queue.map(|(delay, _)| delay as f64 / 1e9),
            timeslices: queue.map(|(_, timeslices)| timeslices),
            steal_s: steal_s(&self.root),
            throttled_s: throttled_s(&self.root),
        }
    }
}

/// proc(5): the eighth number after `cpu` is "steal", in ticks.
fn steal_s(root: &Path) -> Option<f64> {
    let text = fs::read_to_string(root.join("proc/stat")).ok()?;
    let ticks: u64 = text.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks as f64 / TICKS_PER_SECOND)
}

/// The longest throttled time of this process's control groups, from its own up to the root; `None`
/// if no visible group has a quota.
fn throttled_s(root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let of_line = |line: &str| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        // Version 2 has one unnamed hierarchy, version 1 one for each set of controllers.
        let mounts: &[&str] = match controllers {
            "" => &["sys/fs/cgroup"],
            _ if controllers.split(',').any(|name| name == "cpu") => {
                &["sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpu"]
            }
            _ => return None,
        };
        // A group outside the namespace appears as `/../name`; only the root is visible from here.
        let group = if group.contains("..") { "" } else { group.trim_start_matches('/') };
        let directories = mounts.iter().flat_map(|mount| {
            let mount = root.join(mount);
            Path::new(group).ancestors().map(|group| mount.join(group)).collect::<Vec<_>>()
        });
        directories.filter_map(|directory| throttled_in(&directory)).reduce(f64::max)
    };
    groups.lines().filter_map(of_line).reduce(f64::max)
}

/// `cpu.stat`: version 2 has `throttled_usec`, version 1 `throttled_time` in ns.
fn throttled_in(directory: &Path) -> Option<f64> {
    let text = fs::read_to_string(directory.join("cpu.stat")).ok()?;
    let number = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(other, _)| *other == name)?.1.trim().parse::<u64>().ok()
    };
    let microseconds = number("throttled_usec").map(|it| it as f64 / 1e6);
    microseconds.or_else(|| number("throttled_time").map(|it| it as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fake root directory with these files.
    fn fake_root(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("halloo-lost-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn steal_and_quota_of_both_versions_are_read() {
        let stat = ("proc/stat", "cpu  10 20 30 40 50 60 70 250 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
        let two = fake_root(
            "two",
            &[
                stat,
                ("proc/self/cgroup", "0::/user.slice/me\n"),
                ("sys/fs/cgroup/user.slice/me/cpu.stat", "usage_usec 9\nthrottled_usec 500000\n"),
                ("sys/fs/cgroup/user.slice/cpu.stat", "usage_usec 9\nthrottled_usec 1500000\n"),
            ],
        );
        assert_eq!(steal_s(&two), Some(2.5));
        assert_eq!(throttled_s(&two), Some(1.5));
        let one = fake_root(
            "one",
            &[
                ("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n"),
                (
                    "sys/fs/cgroup/cpu,cpuacct/a/cpu.stat",
                    "nr_periods 5\nthrottled_time 2000000000\n",
                ),
            ],
        );
        assert_eq!((steal_s(&one), throttled_s(&one)), (None, Some(2.0)));
        for root in [one, two] {
            fs::remove_dir_all(root).unwrap();
        }
    }
}

//! The kernel's figures about a running server, and signals that stop and continue it.

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};
use std::time::{Duration, Instant};

/// The number of descriptors that this process may have, with its limit raised as far as possible.
pub(crate) fn own_descriptors() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // If the limit cannot be raised, the current one is used.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20) as usize;
    assert!(descriptors >= 2_500, "these tests need more descriptors: ulimit -Hn");
    descriptors
}

/// A process by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn new(pid: u32) -> Self {
        Self(pid)
    }

    /// Private memory in KiB. Pages of the binary are not counted: they are loaded as code first
    /// runs, and are shared.
    pub(crate) fn memory_kib(self) -> u64 {
        self.figure_kib("RssAnon:")
    }

    fn figure_kib(self, name: &str) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let figure = line.and_then(|line| line.split_whitespace().next());
        figure.and_then(|figure| figure.parse().ok()).expect("the kernel reports kB")
    }

    /// The peak of resident memory in KiB, including pages of the binary.
    pub(crate) fn memory_kib_max(self) -> u64 {
        self.figure_kib("VmHWM:")
    }

    /// The memory reserved for data in KiB, touched or not.
    pub(crate) fn reserved_kib(self) -> u64 {
        self.figure_kib("VmData:")
    }

    /// CPU time used.
    pub(crate) fn processor_time(self) -> Duration {
        let text = self.read("schedstat");
        let figure = text.split_whitespace().next().and_then(|figure| figure.parse().ok());
        Duration::from_nanos(figure.expect("the kernel counts nanoseconds"))
    }

    /// The CPUs it may run on, as the kernel lists them.
    pub(crate) fn processors(self) -> String {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        line.expect("the kernel reports it").trim().to_owned()
    }

    /// Whether it has ended, even if not yet waited for.
    pub(crate) fn is_gone(self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }

    /// The number of open descriptors.
    pub(crate) fn descriptors(self) -> usize {
        let entries = std::fs::read_dir(format!("/proc/{}/fd", self.0));
        entries.expect("the process exists").count()
    }

    /// Waits until a condition on it holds. Returns whether it did in time.
    pub(crate) fn settles(self, condition: impl Fn(Self) -> bool) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if condition(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        condition(self)
    }

    #[track_caller]
    pub(crate) fn signal(self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process exists");
    }

    /// Runs `action` while the process is stopped, so that it later finds every change at once.
    pub(crate) fn while_stopped<T>(self, act: impl FnOnce() -> T) -> T {
        self.signal(Signal::STOP);
        let is_stopped = |it: Self| it.read("stat").contains(") T ");
        assert!(self.settles(is_stopped), "SIGSTOP stops it");
        let result = act();
        self.signal(Signal::CONT);
        result
    }

    /// Lowers its limit on descriptors.
    pub(crate) fn limit_descriptors(self, limit: u64) {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("a limit may be lowered");
    }

    fn pid(self) -> Pid {
        Pid::from_raw(self.0 as i32).expect("a process id is positive")
    }

    pub(crate) fn read(self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.0);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

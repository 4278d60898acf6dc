//! A load generator that is not scheduled in time reports it, and the cause.

// Prints which test this machine cannot run.
#![allow(clippy::print_stderr)]

use super::measured::{Measured, alone, start};
use super::support::{Server, halloo};
use halloo::load::Verdict;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn a_stop_by_a_signal_is_reported() {
    let _alone = alone();
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let program = start(halloo().arg("bench"), server.url(), "-c 4 -d 3s --warmup 300ms --json -");
    let pid = Pid::from_raw(program.pid().try_into().unwrap()).unwrap();
    thread::sleep(Duration::from_millis(1_200));
    kill_process(pid, Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(1_000));
    kill_process(pid, Signal::CONT).unwrap();
    let outcome = Measured::of(program.wait()).outcome;
    assert_eq!(outcome.verdict, Verdict::GeneratorBound, "{}", outcome.verdict_reason);
    // Another test may use the CPU at times, so that the cause may be a different one; the stop was
    // seen.
    assert!(outcome.stalls.longest_us() > 900e3, "{}", outcome.verdict_reason);
    for figure in ["p90", "p99", "max", "mean", "rate"] {
        assert!(outcome.not_believed.iter().any(|it| it == figure), "{:?}", outcome.not_believed);
    }
}

#[test]
fn a_busy_neighbour_on_its_cpu_is_reported() {
    let _alone = alone();
    if !has("taskset") {
        return;
    }
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let mut neighbour = Command::new("taskset");
    neighbour.args(["-c", "0", "sh", "-c", "while :; do :; done"]).stdout(Stdio::null());
    let neighbour = Killed(neighbour.spawn().expect("a busy loop"));
    let mut generator = Command::new("taskset");
    let binary = env!("CARGO_BIN_EXE_halloo");
    generator.args(["-c", "0", "nice", "-n", "19", binary, "bench"]);
    let flags = "-c 4 -r 500/s -d 2s --warmup 300ms --json -";
    let outcome = Measured::of(start(&mut generator, server.url(), flags).wait()).outcome;
    drop(neighbour);
    assert_eq!(outcome.verdict, Verdict::GeneratorBound, "{}", outcome.verdict_reason);
    assert!(outcome.verdict_reason.contains("waited for a CPU"), "{}", outcome.verdict_reason);
}

#[test]
fn throttling_by_a_quota_is_reported() {
    let _alone = alone();
    let Some(group) = Group::with_quota(15) else { return };
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let script = "echo $$ > \"$0\" && exec \"$@\"";
    let mut generator = Command::new("sh");
    let procs = group.0.join("cgroup.procs");
    generator.arg("-c").arg(script).arg(procs).args([env!("CARGO_BIN_EXE_halloo"), "bench"]);
    let flags = "-c 4 -d 2s --warmup 300ms --json -";
    let outcome = Measured::of(start(&mut generator, server.url(), flags).wait()).outcome;
    assert_eq!(outcome.verdict, Verdict::GeneratorBound, "{}", outcome.verdict_reason);
    assert!(outcome.verdict_reason.contains("quota"), "{}", outcome.verdict_reason);
    assert!(outcome.stalls.throttled_s.unwrap() > 0.5, "{:?}", outcome.stalls.throttled_s);
}

#[test]
fn a_busy_loop_is_not_a_stall() {
    // This cannot be shown if another process uses a CPU; the rule itself is tested on recorded
    // evidence.
    let _alone = alone();
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let measured = (0..5).map(|_| {
        let program =
            start(halloo().arg("bench"), server.url(), "-c 20 -d 500ms --warmup 100ms --json -");
        Measured::of(program.wait()).outcome
    });
    let measured: Vec<_> = measured.collect();
    for outcome in &measured {
        // Whatever the verdict, it follows from the saved evidence.
        let is_bound = outcome.not_believed.iter().any(|it| it == "p50" || it == "p90");
        assert_eq!(outcome.verdict == Verdict::GeneratorBound, is_bound);
        assert!(outcome.stalls.lateness.count() > 10, "a busy loop has heartbeats");
    }
}

/// A process that is killed when it goes out of scope.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A control group that is removed when it goes out of scope.
struct Group(PathBuf);

impl Group {
    /// With this percentage of a CPU; without one, prints why.
    fn with_quota(percent: u64) -> Option<Self> {
        let name = format!("halloo-test-{}", std::process::id());
        let one = PathBuf::from("/sys/fs/cgroup/cpu").join(&name);
        let two = PathBuf::from("/sys/fs/cgroup").join(&name);
        let period = 100_000;
        let quota = period * percent / 100;
        let made = if PathBuf::from("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").exists() {
            fs::create_dir(&one)
                .and_then(|()| fs::write(one.join("cpu.cfs_period_us"), period.to_string()))
                .and_then(|()| fs::write(one.join("cpu.cfs_quota_us"), quota.to_string()))
                .map(|()| one)
        } else {
            fs::create_dir(&two)
                .and_then(|()| fs::write(two.join("cpu.max"), format!("{quota} {period}")))
                .map(|()| two)
        };
        match made {
            Ok(directory) => Some(Self(directory)),
            Err(error) => {
                eprintln!("skipped: a control group with a quota takes root: {error}");
                None
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only an empty group can be removed; its process has ended.
        let _ = fs::remove_dir(&self.0);
    }
}

fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not there");
    }
    found
}

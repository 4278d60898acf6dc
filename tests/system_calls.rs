//! The system calls per message, counted by strace: one read and one write for a small message, the
//! same for a whole batch of messages, and nothing else except a wait.
//!
//! Each figure is the difference between two runs that differ in one number only, so that start,
//! opening and end cancel out.

#![cfg(feature = "cli")]
// Counts are printed, and so are skipped tests.
#![allow(clippy::print_stdout)]

mod support;

// Each test binary is compiled with its own copy of these modules and uses a part of them.
#[allow(dead_code)]
#[path = "sockets/client.rs"]
mod client;
#[path = "sockets/framing.rs"]
mod framing;
#[allow(dead_code)]
#[path = "sockets/stream.rs"]
mod stream;
#[allow(dead_code)]
#[path = "sockets/wire.rs"]
mod wire;

use client::Client;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use support::{Program, halloo};

/// Messages of the shorter run; the longer run has twice as many.
const MESSAGES: usize = 200;

/// Messages that a client sends in one write.
const BATCH: usize = 32;

const PAYLOAD: [u8; 64] = [b'p'; 64];

/// The number of calls of each system call.
type Counts = BTreeMap<String, usize>;

#[test]
fn one_message_costs_one_read_and_one_write() {
    if !can_trace() {
        return;
    }
    for url in ["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"] {
        let run = |messages| trace(url, |url| converse(url, messages, 1));
        let cost = difference(&run(2 * MESSAGES), &run(MESSAGES));
        println!("{url}: {MESSAGES} messages cost {cost:?}");
        assert_one_each(&cost, MESSAGES);
    }
}

#[test]
fn a_batch_costs_one_read_and_one_write() {
    if !can_trace() {
        return;
    }
    for url in ["ws://127.0.0.1:0", "line://127.0.0.1:0"] {
        let run = |batches| trace(url, |url| converse(url, batches, BATCH));
        let cost = difference(&run(2 * MESSAGES), &run(MESSAGES));
        println!("{url}: {MESSAGES} batches of {BATCH} messages cost {cost:?}");
        assert_one_each(&cost, MESSAGES);
    }
}

#[test]
fn a_connection_is_registered_once() {
    if !can_trace() {
        return;
    }
    const CONNECTIONS: usize = 20;
    let run = |connections| {
        trace("ws://127.0.0.1:0", |url| {
            (0..connections).for_each(|_| converse(url, 3, 1));
        })
    };
    let cost = difference(&run(2 * CONNECTIONS), &run(CONNECTIONS));
    println!("{CONNECTIONS} connections cost {cost:?}");
    assert_eq!(of(&cost, &["epoll_ctl"]), CONNECTIONS as i64, "{cost:?}");
    assert_eq!(of(&cost, &["close"]), CONNECTIONS as i64, "{cost:?}");
    assert_eq!(of(&cost, &["setsockopt", "fcntl", "ioctl"]), 0, "{cost:?}");
}

/// Asserts one read, one write and at most one wait for each of `count` messages or batches, and
/// nothing else.
#[track_caller]
fn assert_one_each(cost: &BTreeMap<String, i64>, count: usize) {
    let count = count as i64;
    assert_eq!(of(cost, &["read", "recvfrom", "readv", "recvmsg"]), count, "{cost:?}");
    assert_eq!(of(cost, &["write", "sendto", "writev", "sendmsg"]), count, "{cost:?}");
    // Two events may share a wait, in one run more often than in the other.
    let waits = of(cost, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    assert!(waits <= count + count / 10, "{cost:?}");
    let total: i64 = cost.values().sum();
    assert_eq!(total, 2 * count + waits, "other system calls were made: {cost:?}");
}

/// One connection: sends `batch` messages in one write and reads their echoes, `count` times.
fn converse(url: &str, times: usize, batch: usize) {
    let mut client = Client::open(url);
    let request = client.encode(&PAYLOAD).repeat(batch);
    let expected = client.echo_of(&PAYLOAD).repeat(batch);
    for _ in 0..times {
        client.write(&request);
        assert_eq!(client.read_exactly(expected.len()), expected);
    }
    client.close();
}

/// Runs a server under strace, runs `act` against it, stops it, and counts its system calls.
fn trace(url: &str, act: impl FnOnce(&str)) -> Counts {
    let file = TraceFile::new();
    // -D makes the server our child and not strace's, so that signals reach the server.
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-o"]).arg(&file.0).arg(halloo().get_program());
    let server = Program::start_server(command.args(["serve", "--quiet", url]));
    let stdout = server.wait_for_stdout(|stdout| stdout.contains('\n'));
    act(stdout.trim().strip_prefix("listening ").expect("it prints its address"));
    server.terminate();
    let finished = server.wait();
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    count(&file.read_whole())
}

/// The calls in a trace. Each line has a process id and a call, or something else that is not
/// counted.
fn count(trace: &str) -> Counts {
    let mut counts = Counts::new();
    for line in trace.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, arguments)) = call.split_once('(') else { continue };
        // A build with debug assertions checks that every descriptor is open before it closes it.
        let is_check = name == "fcntl" && arguments.contains("F_GETFD");
        if !is_check && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The calls of the longer run minus those of the shorter one.
fn difference(longer: &Counts, shorter: &Counts) -> BTreeMap<String, i64> {
    let count = |counts: &Counts, name: &str| *counts.get(name).unwrap_or(&0) as i64;
    let names = longer.keys().chain(shorter.keys());
    let differences = names.map(|name| (name.clone(), count(longer, name) - count(shorter, name)));
    differences.filter(|(_, difference)| *difference != 0).collect()
}

/// The sum of these calls.
fn of(cost: &BTreeMap<String, i64>, names: &[&str]) -> i64 {
    names.iter().filter_map(|name| cost.get(*name)).sum()
}

/// Whether strace is installed and may trace. Prints a note if not.
fn can_trace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    let can = command.status().is_ok_and(|status| status.success());
    if !can {
        println!("skipped: strace is not installed, or may not trace");
    }
    can
}

/// The output file of strace; removed when it goes out of scope.
struct TraceFile(PathBuf);

impl TraceFile {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("halloo-trace-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The trace, once it contains the end of the server: strace may end slightly later than the
    /// server.
    fn read_whole(&self) -> String {
        for _ in 0..500 {
            let trace = std::fs::read_to_string(&self.0).unwrap_or_default();
            if trace.contains("exit_group(0)") {
                return trace;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("strace wrote no end into {}", self.0.display());
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_trace_is_counted() {
    let trace = "7 read(3, \"x\", 9) = 1\n7 <... read resumed>) = 1\n7 --- SIGTERM {} ---\n\
        7 epoll_ctl(4, EPOLL_CTL_ADD, 9, {}) = 0\n7 read(3, \"\", 9) = 0\n7 fcntl(9, F_GETFD) = 1\n7 +++ exited with 0 +++\n";
    let expected = [("read".to_owned(), 2), ("epoll_ctl".to_owned(), 1)];
    assert_eq!(count(trace), Counts::from(expected));
}

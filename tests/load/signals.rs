//! Ctrl-C: the first one ends a measurement with its report, the second one at once, and no process
//! is left behind.

use super::foreign::Foreign;
use super::measured::{Measured, start};
use super::peer::Wire;
use super::support::{Program, Server, halloo};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// A program that was ended at once has ended by then, even on a busy machine; a program that waits
/// would take four times as long.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn the_first_signal_ends_a_run_with_its_report() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for (signal, command, flags) in [
        (Signal::INT, "bench", "-c 4 -d 60s --warmup off"),
        (Signal::TERM, "bench", "-c 4 -r 500/s -n 1M --warmup off"),
        (Signal::INT, "hold", "-c 4 -d 60s --probe-every 100ms"),
    ] {
        expect_report(signal, command, server.url(), flags);
    }
}

#[test]
fn worker_processes_report_what_they_have_measured_too() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for (signal, command, flags) in [
        (Signal::INT, "bench", "-c 4 -d 60s --warmup off --processes 2"),
        (Signal::TERM, "hold", "-c 4 -d 60s --probe-every 100ms --processes 2"),
    ] {
        expect_report(signal, command, server.url(), flags);
    }
}

/// Asserts that a run ends with its report after a signal, and leaves no process behind.
#[track_caller]
fn expect_report(signal: Signal, command: &str, url: &str, flags: &str) {
    let program = measuring(command, url, flags);
    let members = children(program.pid());
    assert_eq!(members.len(), if flags.contains("processes") { 2 } else { 0 });
    let start = Instant::now();
    send(&program, signal);
    let measured = Measured::of(program.wait());
    assert!(start.elapsed() < AT_ONCE, "{command} {flags}: {:?}", start.elapsed());
    let code = 128 + signal.as_raw();
    assert_eq!(measured.code, Some(code), "{command} {flags}: {}", measured.stderr);
    let outcome = &measured.outcome;
    assert!(outcome.messages.received > 0, "{command} {flags}: {:?}", outcome.messages);
    assert_eq!(outcome.messages.lost, 0, "{command} {flags}: {:?}", outcome.messages);
    assert!(outcome.duration_s < 50.0, "{}", outcome.duration_s);
    assert!(outcome.interrupted, "{command} {flags}");
    assert_eq!(outcome.planned_s, flags.contains("-d 60s").then_some(60.0), "{command} {flags}");
    let is_said = |it: &String| it.starts_with("interrupted after ");
    assert!(outcome.findings.iter().any(is_said), "{command} {flags}: {:?}", outcome.findings);
    assert_eq!(outcome.ceiling, None, "{command} {flags}: {}", outcome.verdict_reason);
    expect_gone(&members);
}

#[test]
fn the_second_signal_ends_a_run_at_once() {
    for (first, second, code) in [
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::TERM, 143),
        (Signal::INT, Signal::TERM, 143),
    ] {
        for processes in ["", "--processes 2"] {
            // Without any echo, a run waits for its last echoes until the timeout.
            let mute = Foreign::start(Wire::WebSocket, |mut peer, _| peer.listen());
            let flags = format!("-c 2 -d 60s --reply-timeout 60s --warmup off {processes}");
            let program = measuring("bench", &mute.url(), &flags);
            let members = children(program.pid());
            send(&program, first);
            program.wait_for_stderr(|stderr| stderr.contains("waiting") || !processes.is_empty());
            thread::sleep(Duration::from_millis(200));
            let start = Instant::now();
            send(&program, second);
            let finished = program.wait();
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""));
            assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
            expect_gone(&members);
        }
    }
}

#[test]
fn an_interrupt_before_the_measurement_reports_nothing() {
    // The opening handshake gets no response.
    let silent = Foreign::start_bare("ws", |stream, _| {
        thread::sleep(Duration::from_secs(20));
        drop(stream);
    });
    for processes in ["", "--processes 2"] {
        let flags = format!("-c 2 --connect-timeout 60s --progress plain {processes}");
        let program = start(halloo().arg("bench"), &silent.url(), &flags);
        program.wait_for_stderr(|stderr| stderr.contains("connecting"));
        let (members, start) = (children(program.pid()), Instant::now());
        send(&program, Signal::INT);
        let finished = program.wait();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{finished:#?}");
        assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
        assert!(finished.stderr.contains("nothing was measured"), "{finished:#?}");
        expect_gone(&members);
    }
}

#[test]
fn an_interrupted_warm_up_reports_nothing() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for (signal, processes) in [(Signal::INT, ""), (Signal::TERM, "--processes 2")] {
        let flags = format!("-c 2 -d 60s --warmup 60s --progress plain {processes}");
        let program = start(halloo().arg("bench"), server.url(), &flags);
        program.wait_for_stderr(|stderr| stderr.contains("warming up"));
        thread::sleep(Duration::from_millis(300));
        send(&program, signal);
        let finished = program.wait();
        let code = 128 + signal.as_raw();
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(code), ""), "{finished:#?}");
        let words = "halloo: interrupted while warming up: nothing was measured";
        assert!(finished.stderr.contains(words), "{finished:#?}");
    }
}

#[test]
fn worker_processes_end_with_their_coordinator_however_it_ends() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let program = measuring("bench", server.url(), "-c 4 -d 60s --processes 2");
    let members = children(program.pid());
    assert_eq!(members.len(), 2);
    send(&program, Signal::KILL);
    assert_eq!(program.wait().code, None);
    expect_gone(&members);
}

#[test]
fn a_worker_process_that_dies_is_reported() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let program = measuring("bench", server.url(), "-c 4 -d 2s --processes 2");
    let members = children(program.pid());
    kill_process(pid(members[0]), Signal::KILL).expect("it runs");
    let measured = Measured::of(program.wait());
    let words = "one process could not measure: a worker process ended without a result";
    let outcome = &measured.outcome;
    assert_eq!(outcome.headline(), "CEILING: connections");
    assert!(outcome.verdict_reason.contains(words), "{}", outcome.verdict_reason);
    assert_eq!(measured.code, Some(4));
    assert_eq!((outcome.connections.requested, outcome.connections.failed), (4, 2));
}

/// A run that has begun to measure.
fn measuring(command: &str, url: &str, flags: &str) -> Program {
    let flags = format!("{flags} --progress plain --json -");
    let program = start(halloo().arg(command), url, &flags);
    program.wait_for_stderr(|stderr| stderr.contains("measuring"));
    thread::sleep(Duration::from_millis(300));
    program
}

fn send(program: &Program, signal: Signal) {
    kill_process(pid(program.pid()), signal).expect("it runs");
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number as i32).expect("a process id is not 0")
}

/// The child processes of this one.
fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).expect("the program runs");
    text.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect()
}

/// Waits until these processes have ended, which must be soon after their parent.
#[track_caller]
fn expect_gone(pids: &[u32]) {
    let start = Instant::now();
    let is_there = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        // A process that has not been reaped yet is a zombie.
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while pids.iter().any(is_there) {
        assert!(start.elapsed() < AT_ONCE, "left behind: {pids:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

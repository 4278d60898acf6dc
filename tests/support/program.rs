//! A child process with a time limit.

use super::collected::Collected;
use super::{SERVER_TIME_LIMIT, TIME_LIMIT};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Kills the program when the time is up. It is disarmed before the program is reaped, so that its
/// process ID cannot belong to another process by then.
struct Watchdog {
    disarm: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Watchdog {
    fn start(pid: Pid, limit: Duration) -> Self {
        let (disarm, is_disarmed) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let is_late = is_disarmed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            is_late && kill_process(pid, Signal::KILL).is_ok()
        });
        Self { disarm, thread }
    }

    /// Disarms the watchdog. Returns whether it has killed the program.
    fn disarm(self) -> bool {
        drop(self.disarm);
        self.thread.join().expect("the watchdog does not panic")
    }
}

/// A child process, with its output collected and its input held open.
pub(crate) struct Program {
    name: String,
    started: Instant,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
    watchdog: Option<Watchdog>,
}

/// The result of a program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The whole of stdout.
    pub(crate) stdout: String,
    /// The whole of stderr.
    pub(crate) stderr: String,
    /// How long it ran.
    pub(crate) took: Duration,
}

impl Program {
    /// Starts a program that is expected to end by itself.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_within(command, TIME_LIMIT)
    }

    /// Starts a program that runs until it is stopped.
    pub(crate) fn start_server(command: &mut Command) -> Self {
        Self::start_within(command, SERVER_TIME_LIMIT)
    }

    /// Starts the program without the environment's variables for halloo.
    fn start_within(command: &mut Command, limit: Duration) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HALLOO_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = Collected::start(child.stdout.take().expect("stdout is piped"));
        let stderr = Collected::start(child.stderr.take().expect("stderr is piped"));
        Self {
            name: format!("{command:?}"),
            started: Instant::now(),
            stdin: child.stdin.take(),
            stdout,
            stderr,
            watchdog: Some(Watchdog::start(pid_of(&child), limit)),
            child,
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its stdin. Errors are ignored: a program that has ended shows in its exit code.
    pub(crate) fn write(&mut self, input: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        let _ = stdin.write_all(input.as_ref());
    }

    /// Closes its stdin.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its stdout so far.
    pub(crate) fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    /// Its stderr so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits until stdout satisfies the condition.
    #[track_caller]
    pub(crate) fn wait_for_stdout(&self, is_enough: impl Fn(&str) -> bool) -> String {
        match self.stdout.wait_until(is_enough) {
            Ok(text) => text,
            Err(text) => self.complain("stdout", &text),
        }
    }

    /// Waits until stderr satisfies the condition.
    #[track_caller]
    pub(crate) fn wait_for_stderr(&self, is_enough: impl Fn(&str) -> bool) -> String {
        match self.stderr.wait_until(is_enough) {
            Ok(text) => text,
            Err(text) => self.complain("stderr", &text),
        }
    }

    #[track_caller]
    fn complain(&self, stream: &str, text: &str) -> ! {
        let other = if stream == "stdout" { self.stderr_so_far() } else { self.stdout_so_far() };
        panic!("{}: waited in vain for {stream}\n{stream}: {text}\nbeside it: {other}", self.name)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let _ = kill_process(pid_of(&self.child), Signal::TERM);
    }

    /// Waits until it has ended by itself. Its stdin stays as it is.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Finished {
        let is_killed = self.await_exit();
        let status = self.child.wait().expect("it is our child");
        let finished = Finished {
            took: self.started.elapsed(),
            code: status.code(),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
        };
        assert!(!is_killed, "{} had to be killed: {finished:#?}", self.name);
        finished
    }

    /// Waits until the program can be reaped, and disarms the watchdog before anything reaps it.
    fn await_exit(&mut self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid_of(&self.child)), options) {
        }
        self.watchdog.take().is_some_and(Watchdog::disarm)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.disarm();
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

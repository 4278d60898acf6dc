//! Output without a reader: a full pipe blocks neither server nor client.

use super::client::Client;
use super::process::Process;
use super::support::halloo;
use rustix::process::Signal;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The capacity of a pipe on Linux (pipe(7)).
const PIPE_BYTES: usize = 65_536;

/// Each logs two lines of some 80 bytes: three times the capacity of the pipe.
const CONNECTIONS: usize = 1_200;

/// A process that is killed when it goes out of scope.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("it starts"))
    }

    /// Starts a server with these arguments. Returns it with the URL of its first line on stdout.
    fn serve(arguments: &[&str]) -> (Self, String) {
        let mut command = halloo();
        command.arg("serve").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = Self::start(&mut command);
        let mut line = String::new();
        let stdout = server.0.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints its address");
        let url = line.trim().strip_prefix("listening ").expect("a URL").to_owned();
        (server, url)
    }

    /// Waits until it has exited by itself, for at most `limit`.
    #[track_caller]
    fn wait_within(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                println!("it ended after {:?}", start.elapsed());
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it has not ended after {limit:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A full pipe.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    writer.write_all(&[b'x'; PIPE_BYTES]).expect("the pipe has room for it");
    (reader, writer)
}

fn echo_many(url: &str) {
    for _ in 0..CONNECTIONS {
        Client::open(url).echo(b"halloo");
    }
}

#[test]
fn an_unread_log_does_not_block_a_server() {
    for workers in ["1", "2"] {
        let arguments = ["--workers", workers, "tcp://127.0.0.1:0"];
        let (mut server, url) = Running::serve(&arguments);
        echo_many(&url);
        Process::new(server.0.id()).signal(Signal::TERM);
        assert_eq!(server.wait_within(Duration::from_secs(5)).code(), Some(0), "{workers}");
        let mut log = String::new();
        let mut stderr = server.0.stderr.take().expect("it is piped");
        stderr.read_to_string(&mut log).expect("text");
        assert!(log.len() > PIPE_BYTES / 2 && log.len() <= PIPE_BYTES, "{}", log.len());
        let is_whole = |line: &str| line.starts_with("20") && line.ends_with('\n');
        let cut = log.split_inclusive('\n').find(|line| !is_whole(line));
        assert_eq!(cut, None, "only whole lines are written");
    }
}

#[test]
fn the_number_of_dropped_lines_is_logged_once_the_log_is_read_again() {
    let (mut server, url) = Running::serve(&["-v", "tcp://127.0.0.1:0"]);
    echo_many(&url);
    let mut stderr = BufReader::new(server.0.stderr.take().expect("it is piped"));
    let mut log = String::new();
    while log.len() < PIPE_BYTES / 2 {
        stderr.read_line(&mut log).expect("text");
    }
    Client::open(&url).echo(b"there is room again");
    Process::new(server.0.id()).signal(Signal::TERM);
    stderr.read_to_string(&mut log).expect("text");
    let notices = log.lines().filter_map(|line| line.split_once(" log lines were dropped"));
    let counts: Vec<usize> =
        notices.filter_map(|(before, _)| before.rsplit(' ').next()?.parse().ok()).collect();
    let written = log.lines().filter(|line| line.contains(" #")).count();
    println!("{written} lines about connections were written, {counts:?} lines were dropped");
    assert_eq!(counts.len(), 1, "it is reported once");
    assert_eq!(written + counts[0], 2 * (CONNECTIONS + 1), "every lost line is counted");
}

#[test]
fn a_full_stdout_does_not_block_a_server() {
    let path = std::env::temp_dir().join(format!("halloo-full-{}.sock", std::process::id()));
    let url = format!("unix:{}", path.display());
    for workers in ["1", "2"] {
        let (_reader, writer) = full_pipe();
        let mut command = halloo();
        command.args(["serve", "--workers", workers, &url]).stdout(writer).stderr(Stdio::null());
        let mut server = Running::start(&mut command);
        assert!(Process::new(server.0.id()).settles(|_| path.exists()), "it listens");
        Client::open(&url).echo(b"halloo");
        Process::new(server.0.id()).signal(Signal::TERM);
        assert_eq!(server.wait_within(Duration::from_secs(5)).code(), Some(0));
    }
}

#[test]
fn a_failure_exits_even_if_stderr_is_full() {
    let commands: [&[&str]; 3] = [
        &["serve", "tcp://192.0.2.1:1"],
        &["serve", "--frobnicate"],
        &["connect", "tcp://127.0.0.1:1"],
    ];
    for (arguments, code) in commands.into_iter().zip([1, 2, 1]) {
        let (_reader, writer) = full_pipe();
        let mut failing = Running::start(halloo().args(arguments).stderr(writer));
        let status = failing.wait_within(Duration::from_secs(5));
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn unread_progress_does_not_block_a_measurement() {
    let server = super::serve(&["ws://127.0.0.1:0"]);
    let url = server.url();
    let commands: [&[&str]; 3] = [
        &["bench", "-d", "2500ms", "--warmup", "off", "-c", "2", "--accept-invalid", url],
        &["bench", "-d", "2500ms", "-c", "4", "--processes", "2", "--accept-invalid", url],
        &["hold", "-d", "2500ms", "-c", "4", "--accept-invalid", url],
    ];
    for arguments in commands {
        let (_reader, writer) = full_pipe();
        let mut command = halloo();
        command.args(arguments).args(["-vv", "--progress", "plain"]);
        let mut measuring = Running::start(command.stdout(Stdio::null()).stderr(writer));
        let status = measuring.wait_within(Duration::from_secs(15));
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

/// At the limit each new client causes another warning, as soon as the previous one was accepted.
#[test]
fn a_repeated_warning_is_limited_and_counted() {
    const ROUNDS: usize = 400;
    let server = super::Server::start(&["--max-connections", "1", "tcp://127.0.0.1:0"]);
    let start = Instant::now();
    let mut first = Client::open(server.url());
    first.echo(b"in");
    for _ in 0..ROUNDS {
        let next = Client::connect(server.url());
        // The server looks at the next client before the first one closes.
        first.echo(b"one message more");
        drop(std::mem::replace(&mut first, next));
        // It may have been rejected.
        let _ = first.try_write(b"in");
        if first.read(&mut [0; 2]).unwrap_or(0) == 0 {
            first = Client::open(server.url());
            first.echo(b"in");
        }
    }
    let seconds = start.elapsed().as_secs() as usize + 1;
    let log = server.stop().stderr;
    let warnings = log.matches("no room for new connections").count();
    println!("{warnings} warnings in {seconds} s at most");
    assert!(warnings > 50 && warnings <= 100 + 10 * seconds, "{warnings}");
    assert!(warnings == ROUNDS || log.contains("suppressed "), "{log}");
}

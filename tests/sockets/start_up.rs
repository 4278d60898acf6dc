//! Starting a server, up to the line with its address: signals in that time, special files in place
//! of regular ones, and ports that are in use.

use super::client::Client;
use super::process::Process;
use super::serve;
use super::support::{Finished, KeyFile, Program, Server, halloo};
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A named pipe without a writer, removed when it goes out of scope.
struct Fifo(PathBuf);

impl Fifo {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("halloo-{}-{name}", std::process::id()));
        let made = Command::new("mkfifo").args(["-m", "600"]).arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo {}", path.display());
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the name of the temporary directory is UTF-8")
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[track_caller]
fn run(arguments: &[&str]) -> Finished {
    let start = Instant::now();
    let finished = Program::start(halloo().args(arguments)).wait();
    assert!(start.elapsed() < Duration::from_secs(5), "{arguments:?}: {:?}", start.elapsed());
    finished
}

#[test]
fn a_hangup_is_harmless_without_keys() {
    for workers in ["1", "2"] {
        let server = Server::start(&["--workers", workers, "tcp://127.0.0.1:0"]);
        let mut client = Client::open(server.url());
        for _ in 0..3 {
            Process::new(server.pid()).signal(Signal::HUP);
            client.echo(b"still here");
        }
        server.wait_for_log("there are no keys or certificates to reload");
        Client::open(server.url()).echo(b"other clients are served");
        let finished = server.stop();
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert!(!finished.stderr.contains("died"), "{finished:#?}");
    }
}

/// Here `start` means from the first instruction of the program: the kernel and the loader need a
/// moment before it.
#[test]
fn signals_during_the_start_are_not_lost() {
    for workers in ["1", "2"] {
        for delay_ms in [0, 1, 2, 5, 10, 20, 30] {
            let delay = Duration::from_millis(delay_ms);
            let (program, process) = begin(workers);
            std::thread::sleep(delay);
            process.signal(Signal::HUP);
            let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
            let url = stdout.trim().strip_prefix("listening ").expect("a URL");
            Client::open(url).echo(b"unharmed");
            program.terminate();
            assert_eq!(program.wait().code, Some(0), "{workers} workers, {delay:?}");

            let (program, _) = begin(workers);
            std::thread::sleep(delay);
            program.terminate();
            let finished = program.wait();
            assert_eq!(finished.code, Some(0), "{workers} workers, {delay:?}: {finished:#?}");
        }
    }
}

/// A server that has just started: it already blocks or catches SIGHUP.
fn begin(workers: &str) -> (Program, Process) {
    let arguments = ["serve", "--workers", workers, "tcp://127.0.0.1:0"];
    let program = Program::start_server(halloo().args(arguments));
    let process = Process::new(program.pid());
    let has_begun = |it: Process| {
        let status = it.read("status");
        let masks = status.lines().filter_map(|line| {
            line.strip_prefix("SigBlk:").or_else(|| line.strip_prefix("SigCgt:"))
        });
        let mut masks = masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        masks.any(|mask| mask & 1 << (Signal::HUP.as_raw() - 1) != 0)
    };
    let until = Instant::now() + Duration::from_secs(10);
    while !has_begun(process) {
        assert!(Instant::now() < until, "it handles its signals");
    }
    (program, process)
}

#[test]
fn a_special_file_is_refused_at_once() {
    let fifo = Fifo::new("start");
    let key = KeyFile::new("a key that is long enough");
    for special in [fifo.path(), "/dev/zero", "/dev/tty", "/dev/stdin"] {
        for flags in special_files(special, key.path()) {
            let finished = run(&flags);
            assert_eq!(finished.code, Some(2), "{flags:?}: {finished:#?}");
            let is_named = finished.stderr.contains(special);
            let is_clear = finished.stderr.contains("is not a regular file")
                || special == "/dev/tty" && finished.stderr.contains("cannot be read");
            assert!(is_named && is_clear, "{flags:?}: {finished:#?}");
        }
    }
}

/// Arguments of servers with a special file in each place that takes a file.
fn special_files<'a>(special: &'a str, key: &'a str) -> Vec<Vec<&'a str>> {
    let (url, secure) = ("ws://127.0.0.1:0", "wss://127.0.0.1:0");
    let mut cases = vec![
        vec!["serve", "--auth-key-file", special, url],
        vec!["serve", "--auth-key-file", key, "--auth-key-file", special, url],
        vec!["serve", "--config", special, url],
        vec!["serve", "--workers", "2", "--auth-key-file", special, url],
        vec!["connect", "--auth-key-file", special, "ws://127.0.0.1:1"],
    ];
    if cfg!(feature = "tls") {
        cases.extend([
            vec!["serve", "--tls-cert", special, "--tls-key", key, secure],
            vec!["serve", "--tls-self-signed", "--tls-client-ca", special, secure],
            vec!["connect", "--cacert", special, "wss://127.0.0.1:1"],
        ]);
    }
    cases
}

#[test]
fn a_reload_from_a_pipe_does_not_block_a_server() {
    let key = KeyFile::new("a key that is long enough");
    let server = Server::start(&["--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
    std::fs::remove_file(key.path()).expect("the file can be replaced");
    let status = Command::new("mkfifo").args(["-m", "600", key.path()]).status();
    assert!(status.is_ok_and(|status| status.success()));
    Process::new(server.pid()).signal(Signal::HUP);
    server.wait_for_log("the old keys and certificates stay");
    assert_eq!(Client::connect(server.url()).read_exactly(32).len(), 32, "it serves");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn an_endless_file_is_refused() {
    let long = KeyFile::new(vec![b'#'; 2 << 20]);
    for flags in [
        ["serve", "--config", long.path(), "tcp://127.0.0.1:0"],
        ["serve", "--auth-key-file", long.path(), "tcp://127.0.0.1:0"],
    ] {
        let finished = run(&flags);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        assert!(finished.stderr.contains("is longer than"), "{finished:#?}");
    }
}

#[test]
fn a_port_is_for_one_server() {
    for (first, second) in [("1", "2"), ("2", "1"), ("2", "2"), ("1", "1")] {
        let server = serve(&["--workers", first, "tcp://127.0.0.1:0"]);
        let url = server.url();
        for elsewhere in [url.to_owned(), format!("ws://0.0.0.0:{}", server.port())] {
            let refused = run(&["serve", "--workers", second, &elsewhere]);
            assert_eq!(refused.code, Some(1), "{first} {second} {elsewhere}: {refused:#?}");
            assert!(refused.stderr.contains("another program has it"), "{refused:#?}");
            assert_eq!(refused.stdout, "");
        }
        Client::open(url).echo(b"the first server is undisturbed");
    }
}

#[test]
fn a_port_is_for_one_listener() {
    let port = serve(&["tcp://127.0.0.1:0"]).port().to_owned();
    let urls = [format!("tcp://127.0.0.1:{port}"), format!("ws://127.0.0.1:{port}")];
    for workers in ["1", "2"] {
        for second in &urls {
            let refused = run(&["serve", "--workers", workers, &urls[0], second]);
            assert_eq!(refused.code, Some(1), "{workers} {second}: {refused:#?}");
            assert!(refused.stderr.contains("cannot listen on"), "{refused:#?}");
        }
    }
}

/// The kernel lets only root read the memory of such a process.
#[test]
fn a_certificate_made_for_the_run_is_a_secret_too() {
    if cfg!(not(feature = "tls")) {
        return println!("skipped: this build has no TLS");
    }
    for workers in ["1", "2"] {
        let arguments = ["--tls-self-signed", "--workers", workers, "wss://127.0.0.1:0"];
        let server = serve(&arguments);
        let pid = server.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.expect("the server runs");
        let pids = children.split_whitespace().map(|pid| pid.parse().expect("a number"));
        for pid in pids.chain([pid]) {
            let limits = Process::new(pid).read("limits");
            let core = limits.lines().find(|line| line.starts_with("Max core file size"));
            let core: Vec<&str> = core.expect("one").split_whitespace().skip(4).take(2).collect();
            assert_eq!(core, ["0", "0"], "process {pid} of {workers} workers");
        }
    }
}

#[test]
fn a_failed_start_is_one_line_of_json_with_that_log_format() {
    let file = KeyFile::new("log-format = \"json\"\nclose-after = \"never\"\n");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["serve", "--log-format", "json", "tcp://192.0.2.1:1"], 1, "cannot listen on"),
        (&["serve", "--log-format=json", "--frobnicate"], 2, "--frobnicate"),
        (&["--log-format", "json", "--close-after", "never"], 2, "'never'"),
        (&["serve", "--log-format=json", "--auth-key-file", "/nowhere"], 2, "/nowhere"),
        (&["serve", "--config", file.path()], 2, "'never'"),
        (&["serve", "--workers=2", "--log-format=json", "tcp://192.0.2.1:1"], 1, "cannot listen"),
    ];
    for (arguments, code, words) in cases {
        let finished = run(arguments);
        assert_failure_in_json(&finished, code, words);
    }
    let mut command = halloo();
    command.args(["serve", "--frobnicate"]).env("HALLOO_LOG_FORMAT", "json");
    // `Program` clears the environment.
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    let (code, took) = (output.status.code(), Duration::ZERO);
    let finished = Finished { code, stdout: String::new(), stderr, took };
    assert_failure_in_json(&finished, 2, "--frobnicate");
    let plain = run(&["serve", "--log-format", "text", "--frobnicate"]);
    assert!(plain.stderr.starts_with("error: "), "{plain:#?}");
}

#[track_caller]
fn assert_failure_in_json(finished: &Finished, code: i32, words: &str) {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    let lines: Vec<serde_json::Value> = finished
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{finished:#?}")))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!((lines.len(), &last["level"]), (1, &"error".into()), "{finished:#?}");
    assert!(last["message"].as_str().is_some_and(|it| it.contains(words)), "{finished:#?}");
}

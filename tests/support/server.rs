//! `halloo serve`, from its first `listening` to its end.

use super::halloo;
use super::program::{Finished, Program};

const SCHEMES: [&str; 9] = [
    "ws://",
    "wss://",
    "ws+unix:",
    "tcp://",
    "tls://",
    "unix:",
    "line://",
    "line+tls://",
    "line+unix:",
];

/// A server that listens, and is killed when it goes out of scope.
pub(crate) struct Server {
    program: Program,
    urls: Vec<String>,
}

impl Server {
    /// Runs `halloo serve` with these arguments and waits until every address in them is listened on.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = Program::start_server(halloo().arg("serve").args(arguments));
        let is_listen =
            |argument: &&&str| SCHEMES.iter().any(|scheme| argument.starts_with(scheme));
        let expected = arguments.iter().filter(is_listen).count().max(1);
        let stdout = program.wait_for_stdout(|stdout| listening(stdout).count() >= expected);
        let urls = listening(&stdout).map(str::to_owned).collect();
        Self { program, urls }
    }

    /// Where it listens, with the real port.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    /// All the places where it listens, in the order in which it said so.
    pub(crate) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// `HOST:PORT` of its URL.
    pub(crate) fn address(&self) -> &str {
        let (_, rest) = self.url().split_once("://").expect("a URL with a host");
        rest.split('/').next().unwrap_or(rest)
    }

    /// The port of its URL.
    pub(crate) fn port(&self) -> &str {
        self.address().rsplit(':').next().expect("a host and a port")
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// What it has logged so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        self.program.stderr_so_far()
    }

    /// Waits until one line of its log contains these words.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) -> String {
        self.wait_for_logs(words, 1)
    }

    /// Waits until so many lines of its log contain these words.
    #[track_caller]
    pub(crate) fn wait_for_logs(&self, words: &str, count: usize) -> String {
        self.program.wait_for_stderr(|log| complete_lines_with(log, words) >= count)
    }

    /// The end, which comes by itself.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.program.wait()
    }

    /// SIGTERM.
    #[allow(dead_code, reason = "each test binary uses a part of this")]
    pub(crate) fn terminate(&self) {
        self.program.terminate();
    }

    /// SIGTERM, and the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.program.terminate();
        self.program.wait()
    }
}

fn listening(stdout: &str) -> impl Iterator<Item = &str> {
    let complete = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    complete.lines().filter_map(|line| line.strip_prefix("listening "))
}

fn complete_lines_with(log: &str, words: &str) -> usize {
    log.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.contains(words)).count()
}

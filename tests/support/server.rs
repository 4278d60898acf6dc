//! A server: `halloo serve` from its `listening` lines to its exit.

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

/// A server that is killed when this goes out of scope.
pub(crate) struct Server {
    program: Program,
    urls: Vec<String>,
}

impl Server {
    /// Runs `halloo serve` with these arguments and waits until it listens on every address in
    /// them.
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

    /// The URL that it listens on, with the real port.
    pub(crate) fn url(&self) -> &str {
        &self.urls[0]
    }

    /// All the URLs that it listens on, in the order in which it printed them.
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

    /// Its log so far.
    pub(crate) fn stderr_so_far(&self) -> String {
        self.program.stderr_so_far()
    }

    /// Waits until a line of its log contains these words.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, words: &str) -> String {
        self.wait_for_logs(words, 1)
    }

    /// Waits until this many lines of its log contain these words.
    #[track_caller]
    pub(crate) fn wait_for_logs(&self, words: &str, count: usize) -> String {
        self.program.wait_for_stderr(|log| complete_lines_with(log, words) >= count)
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.program.wait()
    }

    /// Sends SIGTERM.
    #[allow(dead_code, reason = "each test binary uses a part of this")]
    pub(crate) fn terminate(&self) {
        self.program.terminate();
    }

    /// Sends SIGTERM and waits until it ends.
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

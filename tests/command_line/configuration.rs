//! Configuration: a flag overrides the environment, which overrides the file, which overrides the
//! default.

use super::super::support::{Program, halloo};
use super::assert_refused;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A config file, removed when it goes out of scope.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("halloo-config-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("the name is unique");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the name of the temporary directory is UTF-8")
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Starts a server and waits until it has announced this many listeners.
fn serve(arguments: &[&str], environment: &[(&str, &str)], listeners: usize) -> Running {
    let mut command = halloo();
    command.arg("serve").args(arguments).envs(environment.iter().copied());
    let program = Program::start_server(&mut command);
    let stdout = program.wait_for_stdout(|stdout| stdout.matches('\n').count() >= listeners);
    let urls = stdout.lines().filter_map(|line| line.strip_prefix("listening "));
    Running { urls: urls.map(str::to_owned).collect(), program }
}

struct Running {
    program: Program,
    urls: Vec<String>,
}

impl Running {
    /// The response to `x`, up to this many bytes or the end.
    fn response(&self, bytes_max: u64) -> String {
        let address = self.urls[0].rsplit_once('/').expect("a URL of a TCP port").1;
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream.write_all(b"x").expect("it listens");
        let mut response = String::new();
        // A server that closes early may reset the connection; the input until then counts.
        let _ = stream.take(bytes_max).read_to_string(&mut response);
        response
    }

    /// The service, recognized by its response.
    fn service(&self) -> &'static str {
        match self.response(1).as_str() {
            "x" => "echo",
            "[" => "timestamp",
            " " => "flood",
            "" => "none",
            other => panic!("no service responds with {other:?}"),
        }
    }
}

#[test]
fn flag_over_environment_over_file_over_default() {
    const URL: &str = "tcp://127.0.0.1:0";
    let file = ConfigFile::new("service = \"timestamp\"\n");
    let environment = [("HALLOO_SERVICE", "none")];
    let from_file = ["--config", file.path(), URL];
    assert_eq!(serve(&[URL], &[], 1).service(), "echo");
    assert_eq!(serve(&from_file, &[], 1).service(), "timestamp");
    assert_eq!(serve(&[URL], &environment, 1).service(), "none");
    assert_eq!(serve(&from_file, &environment, 1).service(), "none");
    let with_flag = [&from_file[..], &["--service", "flood"]].concat();
    assert_eq!(serve(&with_flag, &environment, 1).service(), "flood");
    let with_flag = [&from_file[..], &["--service=echo"]].concat();
    assert_eq!(serve(&with_flag, &[], 1).service(), "echo");
}

#[test]
fn a_file_names_the_addresses_unless_the_arguments_do() {
    let file =
        ConfigFile::new("listen = [\"tcp://127.0.0.1:0\", \"line://127.0.0.1:0\"]\nquiet = true\n");
    let both = serve(&["--config", file.path()], &[], 2);
    assert!(both.urls[0].starts_with("tcp://127.0.0.1:"), "{:?}", both.urls);
    assert!(both.urls[1].starts_with("line://127.0.0.1:"), "{:?}", both.urls);
    both.program.terminate();
    assert_eq!(both.program.wait().stderr, "", "quiet = true is -q");
    let one = serve(&["--config", file.path(), "ws://127.0.0.1:0"], &[], 1);
    one.program.terminate();
    let finished = one.program.wait();
    assert_eq!(finished.stdout.lines().count(), 1, "{finished:#?}");
    assert!(finished.stdout.starts_with("listening ws://"), "{finished:#?}");
}

#[test]
fn a_file_sets_the_flags_of_every_command() {
    let file =
        ConfigFile::new("connections = \"10k\"\nprocesses = 3\njson = true\nunread = \"4KiB\"\n");
    // Whether or not this machine can hold that many, the output repeats the request.
    let mut command = halloo();
    let finished = Program::start(command.args(["doctor", "--config", file.path()])).wait();
    let found: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((&found["wanted"], &found["plan"]["processes"]), (&10_000.into(), &3.into()));
    assert_eq!(found["plan"]["unread_bytes"], 4096);
}

#[test]
fn numbers_and_units_in_a_file() {
    let file = ConfigFile::new("close-after = 1\nmax-message-size = \"4 KiB\"\n");
    let server = serve(&["--config", file.path(), "tcp://127.0.0.1:0"], &[], 1);
    assert_eq!(server.response(100), "x", "one echo, then the end");
    let with_environment = [("HALLOO_CLOSE_AFTER", "off")];
    let server = serve(&["--config", file.path(), "tcp://127.0.0.1:0"], &with_environment, 1);
    assert_eq!(server.response(1), "x");
}

#[test]
fn the_environment_names_the_file_and_every_flag() {
    let file = ConfigFile::new("service = \"timestamp\"\n");
    let environment = [("HALLOO_CONFIG", file.path())];
    assert_eq!(serve(&["tcp://127.0.0.1:0"], &environment, 1).service(), "timestamp");
    let environment = [
        ("HALLOO_MAX_CONNECTIONS", "10"),
        ("HALLOO_HANDSHAKE_TIMEOUT", "3s"),
        ("HALLOO_MAX_MESSAGE_SIZE", "1KiB"),
        ("HALLOO_LOG_FORMAT", "json"),
        ("HALLOO_CLOSE_AFTER", "1"),
    ];
    let server = serve(&["tcp://127.0.0.1:0"], &environment, 1);
    assert_eq!(server.response(100), "x", "one echo, then the end");
    server.program.wait_for_stderr(|log| log.lines().any(|line| line.starts_with('{')));
}

#[test]
fn a_wrong_value_in_the_environment_or_the_file_is_named() {
    let mut command = halloo();
    let command = command.args(["serve", "tcp://127.0.0.1:0"]).env("HALLOO_CLOSE_AFTER", "never");
    let finished = Program::start(command).wait();
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    for word in ["--close-after", "'never'", "or off"] {
        assert!(finished.stderr.contains(word), "{word}: {finished:#?}");
    }
    let file = ConfigFile::new("idle-timeout = 10\n");
    let arguments = ["serve", "--config", file.path(), "tcp://127.0.0.1:0"];
    assert_refused(&arguments, 2, &["--idle-timeout", "'10'", "250ms"]);
}

#[test]
fn a_file_with_an_unknown_key_is_refused() {
    for text in ["servise = \"echo\"\n", "config = \"other.toml\"\n", "[serve]\nservice = 1\n"] {
        let file = ConfigFile::new(text);
        let name = text.split([' ', ']']).next().expect("a name").trim_start_matches('[');
        let words = [file.path(), &format!("'{name}'")];
        assert_refused(&["serve", "--config", file.path(), "tcp://127.0.0.1:0"], 2, &words);
    }
}

#[test]
fn a_file_that_cannot_be_read_or_is_not_toml_is_refused() {
    let file = ConfigFile::new("service: echo\n");
    let words = [file.path(), "is not TOML"];
    assert_refused(&["serve", "--config", file.path()], 2, &words);
    let missing = format!("{}.missing", file.path());
    assert_refused(&["serve", "--config", &missing], 2, &[&missing, "cannot be read"]);
    assert_refused(&["connect", "tcp://127.0.0.1:1", "--config", &missing], 2, &[&missing]);
    let equals = format!("--config={missing}");
    assert_refused(&["serve", &equals], 2, &[&missing, "cannot be read"]);
}

#[test]
fn a_switch_in_the_environment_is_on_or_off() {
    for (value, is_quiet) in [("1", true), ("yes", true), ("true", true), ("0", false)] {
        let server = serve(&["tcp://127.0.0.1:0"], &[("HALLOO_QUIET", value)], 1);
        assert_eq!(server.response(1), "x");
        server.program.terminate();
        let stderr = server.program.wait().stderr;
        assert_eq!(stderr.is_empty(), is_quiet, "{value}: {stderr}");
    }
}

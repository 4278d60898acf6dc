//! Servers that cannot be measured: one clear sentence, and exit code 1. Usage errors: exit code 2,
//! and the flag, the value and what is accepted.

use super::foreign::Foreign;
use super::measured::run;
use super::support::{KeyFile, Server};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// A run that every case here would do otherwise.
const FLAGS: &str = "-c 3 -d 1s --warmup off";

#[test]
fn a_dead_target_is_reported() {
    for scheme in ["ws", "tcp", "line"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let url = format!("{scheme}://{address}");
        expect_sentence(&url, "", &format!("cannot connect to {url}: the connection was refused"));
    }
    let url = "ws+unix:/nonexistent/halloo.sock";
    expect_sentence(url, "", &format!("cannot connect to {url}: No such file or directory"));
}

#[test]
fn an_unknown_name_is_reported() {
    expect_sentence("ws://nobody.invalid:80", "", "cannot resolve ws://nobody.invalid:80");
}

#[test]
fn a_refused_upgrade_is_named_by_its_status() {
    for status in [301, 401, 404, 503] {
        let server = Foreign::start_bare("ws", move |mut stream, _| {
            let mut lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let response = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(response.as_bytes());
        });
        expect_sentence(&server.url(), "", &format!("HTTP status {status}"));
    }
}

#[test]
fn a_server_that_is_silent_or_closes_is_reported() {
    let silent = Foreign::start_bare("ws", |stream, _| {
        let _ = BufReader::new(stream).lines().find(Result::is_err);
    });
    let url = silent.url();
    let sentence = format!("{url} did not respond to the upgrade request within 300ms");
    expect_sentence(&url, "--connect-timeout 300ms", &sentence);
    let leaves = Foreign::start_bare("ws", |_, _| {});
    let url = leaves.url();
    expect_sentence(&url, "", &url);
}

#[test]
fn a_wrong_key_is_reported() {
    let (key, wrong) = (KeyFile::new("a key"), KeyFile::new("another"));
    let listens = ["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "line://127.0.0.1:0"];
    let server = Server::start(&[&["--auth-key-file", key.path()][..], &listens].concat());
    for url in server.urls() {
        let flags = format!("--auth-key-file {}", wrong.path());
        expect_sentence(url, &flags, "check the key, --auth-hash and --auth-encoding");
    }
}

#[cfg(feature = "tls")]
#[test]
fn an_unknown_authority_is_reported() {
    let listens = ["wss://127.0.0.1:0", "tls://127.0.0.1:0", "line+tls://127.0.0.1:0"];
    let server = Server::start(&[&["--tls-self-signed"][..], &listens].concat());
    for url in server.urls() {
        let words = "the peer's certificate comes from an unknown issuer: \
            trust its authority with --cacert, or accept it with --insecure";
        expect_sentence(url, "", words);
    }
    let plain = Server::start(&["tcp://127.0.0.1:0"]);
    let url = format!("tls://{}", plain.address());
    expect_sentence(&url, "", &url);
}

#[test]
fn a_usage_error_names_the_flag_the_value_and_what_is_accepted() {
    for (command, flags, words) in [
        ("bench", "-c 0", &["--connections", "'0'", "at least 1"][..]),
        ("bench", "-d 10", &["--duration", "'10'", "250ms"]),
        ("bench", "-n none", &["--messages", "'none'", "10k"]),
        ("bench", "-n 10 -d 1s", &["--messages", "--duration", "cannot be used"]),
        ("bench", "--size 5parsec", &["--size", "'5parsec'", "64KiB"]),
        ("bench", "--size 0", &["--size 0", "1 B to 1 GiB"]),
        ("bench", "--size 2GiB", &["--size 2", "1 B to 1 GiB"]),
        ("bench", "--message= ", &["--message", "at least one byte"]),
        ("bench", "--depth 0", &["--depth", "'0'", "at least 1"]),
        ("bench", "-r 0", &["--rate", "'0'", "5k/s"]),
        ("bench", "-r 5k/s --depth 2", &["--rate", "--depth", "cannot be used"]),
        ("bench", "--warmup soon", &["--warmup", "'soon'", "or off"]),
        ("bench", "--connect-rate fast", &["--connect-rate", "'fast'", "5k/s"]),
        ("bench", "--source 127.1.0.0/33", &["--source", "127.1.0.0/33", "127.1.0.0/16"]),
        ("bench", "--source localhost", &["--source", "localhost", "127.1.0.0/16"]),
        ("bench", "-c 2 --processes 3", &["--processes 3", "2 connections"]),
        ("bench", "-n 2 --processes 3", &["--processes 3", "2 messages"]),
        ("bench", "--start-at tomorrow", &["--start-at", "tomorrow"]),
        ("bench", "--start-at 2001-01-01T00:00:00Z", &["--start-at 2001-01-01", "in the past"]),
        ("bench", "--fail-if p99", &["--fail-if", "p99", "p99>5ms"]),
        ("bench", "--fail-if speed>1", &["--fail-if", "speed", "metrics are p50"]),
        ("bench", "--fail-if p99>+5%", &["--fail-if p99>+5%", "halloo report --compare"]),
        ("bench", "--json /nonexistent/a", &["--json /nonexistent/a", "directory"]),
        ("bench", "--lossy-above 2", &["--lossy-above", "'2'", "1% or 0.01"]),
        ("bench", "--html -", &["--html -", "only --json"]),
        ("bench", "--progress loud", &["--progress", "'loud'", "auto, plain, none"]),
        ("hold", "--probe-every often", &["--probe-every", "'often'", "or off"]),
        ("hold", "-d never", &["--duration", "'never'", "1h"]),
        ("hold", "--depth 2", &["--depth", "unexpected argument"]),
    ] {
        let finished = run(command, "ws://127.0.0.1:1", flags);
        assert_eq!(finished.code, Some(2), "{flags}: {finished:#?}");
        assert_eq!(finished.stdout, "", "{flags}: a refusal has no result");
        for word in words {
            assert!(finished.stderr.contains(word), "{flags}: no {word:?} in {finished:#?}");
        }
    }
    let finished = run("bench", "http://127.0.0.1:9527", "");
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("ws://127.0.0.1:9527"), "{finished:#?}");
}

/// Asserts that both commands report this in one line, and nothing else, also with several
/// processes.
#[track_caller]
fn expect_sentence(url: &str, flags: &str, words: &str) {
    let hold = FLAGS.replace("--warmup off", "");
    for (command, basis) in [("bench", FLAGS), ("hold", &hold), ("bench", "-c 2 --processes 2")] {
        let finished = run(command, url, &format!("{basis} {flags}"));
        assert_eq!(finished.code, Some(1), "{command} {basis}: {finished:#?}");
        assert_eq!(finished.stdout, "", "{command} {basis}");
        let stderr = &finished.stderr;
        assert!(stderr.starts_with("halloo: ") && stderr.contains(words), "{command}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{command} {basis}: {stderr}");
    }
}

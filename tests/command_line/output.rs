//! The output streams: results on stdout, logs on stderr, and nothing of a peer's raw in either.

use super::super::support::{KeyFile, Server, connect};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// What a peer may send to deceive the reader of the log: colours, a title, a forged line.
const NASTY: &str = "\x1b[31mred\x1b]0;title\x07\r\n2026-01-01 forged line";

/// Sends these bytes, ends the output and reads to the end.
fn send(address: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(bytes).expect("it listens");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    let _ = stream.read_to_end(&mut Vec::new());
}

fn address(url: &str) -> &str {
    url.rsplit_once('/').expect("a URL of a TCP port").1
}

#[test]
fn stdout_has_the_listening_addresses_and_nothing_else() {
    let server = Server::start(&["-vv", "ws://127.0.0.1:0", "line://127.0.0.1:0"]);
    let urls = server.urls().to_vec();
    connect(&[&urls[0]], "hello\n");
    connect(&[&urls[1]], "hello\n");
    let finished = server.stop();
    assert_eq!(finished.stdout, format!("listening {}\nlistening {}\n", urls[0], urls[1]));
    assert!(urls.iter().all(|url| !url.ends_with(":0")), "{urls:?}");
}

#[test]
fn the_log_reports_each_connection_once() {
    let server = Server::start(&["tcp://127.0.0.1:0"]);
    connect(&[server.url()], "hello\n");
    server.wait_for_log("ended: ");
    let log = server.stop().stderr;
    for words in ["#1 connected peer=127.0.0.1:", "#1 ended: the peer closed", "messages=1"] {
        assert_eq!(log.matches(words).count(), if words == "messages=1" { 2 } else { 1 }, "{log}");
    }
    assert!(log.ends_with("stopped after 1 connections messages=1\n"), "{log}");
    for line in log.lines() {
        let (time, rest) = line.split_once(' ').expect("a time and a level");
        assert!(time.len() == 24 && time.ends_with('Z'), "{line}");
        assert!(rest.starts_with("INFO "), "{line}");
    }
}

#[test]
fn a_log_in_json_has_one_object_per_line() {
    let server = Server::start(&["-vv", "--log-format", "json", "ws://127.0.0.1:0"]);
    connect(&[server.url()], "hello\n");
    server.wait_for_log("ended: ");
    let log = server.stop().stderr;
    let mut messages = Vec::new();
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(entry["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(matches!(entry["level"].as_str(), Some("info" | "debug" | "trace")), "{line}");
        messages.push(entry["message"].as_str().expect("a message").to_owned());
    }
    for words in ["#1 connected", "#1 Handshake -> Open", "stopped after 1 connections"] {
        assert!(messages.iter().any(|message| message == words), "{words}: {messages:#?}");
    }
}

#[test]
fn quiet_logs_nothing_about_peers() {
    let key = KeyFile::new("a key that is long enough");
    let arguments = ["-q", "--auth-key-file", key.path(), "ws://127.0.0.1:0", "tcp://127.0.0.1:0"];
    let server = Server::start(&arguments);
    send(address(&server.urls()[0]), b"nonsense\r\n\r\n");
    send(address(&server.urls()[1]), &[b'?'; 32]);
    let finished = connect(&["-q", "--auth-key-file", key.path(), &server.urls()[1]], "hello\n");
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("hello\n", ""));
    let finished = server.stop();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
}

#[test]
fn nothing_of_a_peer_is_raw_in_the_log() {
    for format in ["text", "json"] {
        let key = KeyFile::new("a key that is long enough");
        let server = Server::start(&[
            "-vv",
            "--log-format",
            format,
            "--auth-key-file",
            key.path(),
            "ws://127.0.0.1:0",
            "line://127.0.0.1:0",
            "tcp://127.0.0.1:0",
        ]);
        for url in server.urls() {
            send(address(url), format!("{NASTY}\r\n\r\n{NASTY}\n").as_bytes());
            let request = format!("GET /{NASTY} HTTP/1.1\r\nHost: {NASTY}\r\n{NASTY}: 1\r\n\r\n");
            send(address(url), request.as_bytes());
        }
        server.wait_for_logs("ended: ", 6);
        let log = server.stop().stderr;
        assert!(!log.contains("red") && !log.contains("forged"), "{log}");
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(log.chars().all(is_plain), "{log}");
    }
}

#[test]
fn verbose_logs_more() {
    let lines = |flags: &[&str]| {
        let server = Server::start(&[flags, &["ws://127.0.0.1:0"]].concat());
        connect(&[server.url()], "hello\n");
        server.stop().stderr
    };
    assert!(!lines(&[]).contains(" TRACE "));
    assert!(lines(&["-vv"]).contains(" TRACE "));
}

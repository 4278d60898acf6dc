//! All URL schemes and message sizes, with and without a key, compressed and uncompressed: every
//! echo is identical.

use super::foreign::Foreign;
use super::measured::{Measured, bench};
use super::peer::Wire;
use super::support::{KeyFile, Server};
use std::path::PathBuf;

/// One byte, less than a stamp, exactly a stamp, and more than any buffer holds.
const SIZES: [&str; 6] = ["1", "23", "24", "64", "64KiB", "1MiB"];

/// A path for a socket, removed when it goes out of scope.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new(name: &str) -> Self {
        let name = format!("halloo-load-{}-{name}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn every_scheme_is_echoed() {
    let paths = ["ws", "raw", "line"].map(SocketPath::new);
    let unix: Vec<String> = ["ws+unix:", "unix:", "line+unix:"]
        .iter()
        .zip(&paths)
        .map(|(scheme, path)| format!("{scheme}{}", path.0.display()))
        .collect();
    let mut listens: Vec<&str> = unix.iter().map(String::as_str).collect();
    listens.extend(["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "line://127.0.0.1:0"]);
    if cfg!(feature = "tls") {
        listens.push("--tls-self-signed");
        listens.extend(["wss://127.0.0.1:0", "tls://127.0.0.1:0", "line+tls://127.0.0.1:0"]);
    }
    let server = Server::start(&listens);
    assert_eq!(server.urls().len(), if cfg!(feature = "tls") { 9 } else { 6 });
    for url in server.urls() {
        let insecure = if cfg!(feature = "tls") { "-k" } else { "" };
        expect_all(&bench(url, &format!("-c 3 -n 60 --depth 2 {insecure} {BRIEF}")), 60);
        expect_all(&bench(url, &format!("-c 3 -r 1k/s -n 60 {insecure} {BRIEF}")), 60);
    }
}

#[test]
fn every_size_is_echoed() {
    let server = Server::start(&["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "line://127.0.0.1:0"]);
    for url in server.urls() {
        for size in SIZES {
            for kind in ["", "--binary"] {
                let measured =
                    bench(url, &format!("-c 2 -n 8 --depth 2 --size {size} {kind} {BRIEF}"));
                expect_all(&measured, 8);
            }
        }
    }
}

#[test]
fn messages_larger_than_all_buffers_do_not_deadlock_with_an_echo() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| {
        peer.shrink_buffer(16 * 1024);
        peer.echo();
    });
    let flags = "-c 1 --depth 6 --size 4MiB -n 9";
    expect_all(&bench(&server.url(), &format!("{flags} {BRIEF}")), 9);
}

#[test]
fn a_key_opens_every_scheme() {
    let key = KeyFile::new("some key");
    let listens = ["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "line://127.0.0.1:0"];
    for (hash, encoding) in [("sha256", "raw"), ("md5", "hex")] {
        let auth =
            ["--auth-key-file", key.path(), "--auth-hash", hash, "--auth-encoding", encoding];
        let server = Server::start(&[&auth[..], &listens].concat());
        for url in server.urls() {
            expect_all(&bench(url, &format!("-c 3 -n 30 {} {BRIEF}", auth.join(" "))), 30);
        }
    }
}

#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_are_echoed() {
    for theirs in ["shared", "takeover", "off"] {
        let server = Server::start(&["--deflate", theirs, "ws://127.0.0.1:0"]);
        for ours in ["shared", "takeover"] {
            for flags in ["--size 24", "--size 64KiB", "--size 5000 --binary", "--depth 4"] {
                let flags = format!("-c 2 -n 20 --deflate {ours} {flags} {BRIEF}");
                expect_all(&bench(server.url(), &flags), 20);
            }
        }
    }
}

/// Speed does not matter here.
const BRIEF: &str = "--warmup off --accept-invalid";

#[track_caller]
fn expect_all(measured: &Measured, count: u64) {
    let outcome = &measured.outcome;
    let command = &outcome.command;
    assert_eq!(measured.code, Some(0), "{command}: {}", measured.stderr);
    assert_eq!((outcome.messages.sent, outcome.messages.received), (count, count), "{command}");
    assert_eq!(outcome.errors_total(), 0, "{command}: {:?} {:?}", outcome.messages, outcome.errors);
    assert_eq!(outcome.connections.lost, 0, "{command}: {:?}", outcome.endings);
    assert!(outcome.load.verified, "{command}");
}

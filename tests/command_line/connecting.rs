//! `halloo connect`: its errors, and what it shows of a peer.

use super::super::support::{Program, Server, connect, halloo};
use super::run;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

/// Runs `halloo connect URL` with its output on a terminal and its input from a pipe, and copies
/// the terminal's output to stdout.
const ON_A_TERMINAL: &str = "\
import os, pty, subprocess, sys
ours, theirs = pty.openpty()
program = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=theirs)
os.close(theirs)
program.stdin.write(b'\\x1b[31mred\\x07\\xc2\\x9b\\n')
program.stdin.close()
shown = b''
while True:
    try:
        part = os.read(ours, 1024)
    except OSError:
        break
    if not part:
        break
    shown += part
code = program.wait()
sys.stdout.buffer.write(shown)
sys.exit(code)
";

/// Turns a raw terminal red, rings its bell and starts a control sequence with a single character.
const NASTY: &str = "\x1b[31mred\x07\u{9b}";

#[test]
fn a_dead_port_is_one_sentence() {
    for scheme in ["ws", "tcp", "line"] {
        let url = format!("{scheme}://{}", dead_address());
        let finished = run(&["connect", &url]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
        let sentence = format!("halloo: cannot connect to {url}: the connection was refused\n");
        assert_eq!(finished.stderr, sentence);
    }
    let finished = run(&["connect", "unix:/nonexistent/halloo.sock"]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    assert!(finished.stderr.starts_with("halloo: cannot connect to unix:"), "{finished:#?}");
}

/// A port on which nobody listens.
fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn a_server_that_refuses_the_upgrade_is_reported_with_its_status() {
    for (status, reason) in [(404, "Not Found"), (301, "Moved"), (200, "OK"), (503, "Busy")] {
        let response = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n\r\n");
        let url = respond_once("ws", response.into_bytes());
        let finished = run(&["connect", &url]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
        let words = format!("HTTP status {status}");
        assert!(finished.stderr.contains(&words), "{finished:#?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    }
}

#[test]
fn a_server_that_does_not_speak_http_is_reported() {
    let url = respond_once("ws", b"220 \x1b[31mwelcome\r\n\r\n".to_vec());
    let finished = run(&["connect", &url]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("not an HTTP/1.1 response"), "{finished:#?}");
    assert!(!finished.stderr.contains("welcome"), "{finished:#?}");
}

/// A server for one client: reads once, then sends this response.
fn respond_once(scheme: &str, response: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("{scheme}://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client comes");
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&response);
        // Wait until the client has closed, so that no reset overtakes the response.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    url
}

#[test]
fn a_line_larger_than_all_buffers_on_the_way_comes_back_whole() {
    let server = Server::start(&["ws://127.0.0.1:0", "line://127.0.0.1:0"]);
    let line = "0123456789abcdef".repeat(12_000_000 / 16) + "\n";
    for url in server.urls() {
        let finished = connect(&[url, "--reply-timeout", "30s"], &line);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stdout == line, "{url}: {} bytes", finished.stdout.len());
    }
}

#[test]
fn lines_are_echoed_over_every_framing() {
    let server = Server::start(&["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for url in server.urls() {
        let finished = connect(&[url], "one\ntwo\n芝麻开门\nquit\nnot sent\n");
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert_eq!(finished.stdout, "one\ntwo\n芝麻开门\n");
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn ipv6_addresses_work() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        println!("skipped: no IPv6 here ({error})");
        return;
    }
    let server = Server::start(&["ws://[::1]:0", "tcp://[::1]:0"]);
    for url in server.urls() {
        let finished = connect(&[url], "six\n");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "six\n"), "{finished:#?}");
    }
}

#[test]
fn control_characters_are_written_raw_to_a_pipe() {
    let server = Server::start(&["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for url in server.urls() {
        let finished = connect(&[url], &format!("{NASTY}\n"));
        assert_eq!(finished.stdout, format!("{NASTY}\n"), "{url}");
    }
}

#[test]
fn control_characters_are_escaped_on_a_terminal() {
    let server = Server::start(&["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for url in server.urls() {
        let mut command = Command::new("python3");
        command.args(["-c", ON_A_TERMINAL]).arg(halloo().get_program()).args(["connect", url]);
        let finished = Program::start(&mut command).wait();
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        // The terminal itself turns a newline into CR LF.
        assert_eq!(finished.stdout, "\\u{1b}[31mred\\u{7}\\u{9b}\r\n", "{finished:#?}");
    }
}

#[test]
fn a_service_that_closes_without_a_reply_is_an_error() {
    let server = Server::start(&["--service", "none", "tcp://127.0.0.1:0"]);
    let finished = connect(&[server.url()], "hello\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    assert!(finished.stderr.contains("without a reply"), "{finished:#?}");
}

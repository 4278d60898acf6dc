//! `halloo connect`: the messages it prints, when it closes, and its exit code.

use super::super::support::{Finished, KeyFile, Server, connect, start_connect};
use super::fake::{close, frame, pause, read, serve, serve_and_report, upgrade, write};
use std::io::Read;
use std::time::Instant;

/// It must print no message and fail with one sentence that contains these words.
#[track_caller]
fn assert_fails(finished: &Finished, words: &[&str]) {
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
    for word in words {
        assert!(finished.stderr.contains(word), "{word}: {finished:#?}");
    }
}

#[test]
fn every_message_is_printed_however_late_it_arrives() {
    for delay in [0, 50, 300] {
        let url = serve("ws", move |stream| {
            let response = upgrade(stream);
            write(stream, &response);
            read(stream);
            write(stream, &frame(1, b"ack"));
            pause(delay);
            write(stream, &frame(1, b"result"));
            read(stream);
            write(stream, &close(1000, ""));
        });
        let finished = connect(&[&url], "hello\n");
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert_eq!(finished.stdout, "ack\nresult\n", "{delay} ms");
    }
}

#[test]
fn a_message_between_our_close_and_the_servers_is_printed() {
    let url = serve("ws", |stream| {
        let response = upgrade(stream);
        write(stream, &[response, frame(1, b"welcome")].concat());
        // The first read takes the line, the second the client's Close.
        read(stream);
        read(stream);
        write(stream, &[frame(1, b"late"), close(1000, "")].concat());
    });
    let finished = connect(&[&url, "--linger", "100ms"], "hello\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "welcome\nlate\n"));
}

#[test]
fn a_reply_after_the_end_of_our_output_is_printed() {
    for (scheme, reply) in [("tcp", "3 bytes\n"), ("line", "3 bytes\n"), ("line", "no newline")] {
        let url = serve(scheme, move |stream| {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all);
            write(stream, reply.as_bytes());
        });
        let finished = connect(&[&url, "--reply-timeout", "200ms"], "abc\n");
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert_eq!(finished.stdout.trim_end(), reply.trim_end());
    }
}

#[test]
fn a_long_raw_reply_is_one_line() {
    let server = Server::start(&["tcp://127.0.0.1:0"]);
    let line = "x".repeat(1_000_000) + "\n";
    let finished = connect(&[server.url()], &format!("{line}next\n"));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout == line + "next\n", "{} bytes", finished.stdout.len());
}

#[test]
fn a_greeting_does_not_count_as_the_reply() {
    let url = serve("line", |stream| {
        write(stream, b"220 ready\r\n");
        read(stream);
        pause(200);
        write(stream, b"250 ok\r\n");
        read(stream);
    });
    let finished = connect(&[&url], "HELO x\n");
    assert_eq!((finished.code, &*finished.stdout), (Some(0), "220 ready\n250 ok\n"));
}

#[test]
fn without_input_the_first_message_is_waited_for() {
    let url = serve("tcp", |stream| {
        pause(300);
        write(stream, b"banner");
        read(stream);
    });
    let start = Instant::now();
    let finished = connect(&[&url, "--linger", "200ms"], "");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "banner\n"));
    assert!(start.elapsed().as_millis() >= 450, "it lingers");
}

#[test]
fn no_reply_is_a_failure_unless_the_server_closes_cleanly() {
    for scheme in ["ws", "tcp", "line"] {
        let server = Server::start(&["--service", "discard", &format!("{scheme}://127.0.0.1:0")]);
        let finished = connect(&[server.url(), "--reply-timeout", "200ms"], "hello\n");
        assert_fails(&finished, &[server.url(), "no reply within 200ms"]);
        let finished = connect(&[server.url(), "--reply-timeout", "200ms"], "");
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "nothing was sent");
    }
    let server = Server::start(&["--service", "none", "ws://127.0.0.1:0"]);
    let finished = connect(&[server.url()], "hello\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""), "{finished:#?}");
}

#[test]
fn a_wrong_or_missing_key_is_an_error() {
    let (key, other) = (KeyFile::new("a key that is long enough"), KeyFile::new("another key"));
    let urls = ["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "line://127.0.0.1:0"];
    let server = Server::start(
        &[&urls[..], &["--auth-key-file", key.path(), "--auth-timeout", "2s"]].concat(),
    );
    for url in server.urls() {
        let right = connect(&[url, "--auth-key-file", key.path()], "hello\n");
        assert_eq!((right.code, right.stdout.as_str()), (Some(0), "hello\n"), "{right:#?}");
        let wrong = connect(&[url, "--auth-key-file", other.path()], "hello\n");
        assert_fails(&wrong, &[url, "check the key"]);
    }
    for url in &server.urls()[..2] {
        let start = Instant::now();
        let missing = connect(&[url], "hello\n");
        assert_fails(&missing, &[url, "--auth-key-file"]);
        assert!(start.elapsed().as_secs() < 2, "it does not wait for the server's timeout");
    }
}

#[test]
fn thirty_two_bytes_that_are_not_a_challenge_are_printed() {
    let bytes: Vec<u8> = (0x80..0xa0).collect();
    let echoed = bytes.clone();
    let url = serve("tcp", move |stream| {
        let line = read(stream);
        write(stream, &line);
        read(stream);
    });
    let mut client = start_connect(&[&url]);
    client.write([&echoed[..], b"\n"].concat());
    client.close_stdin();
    let finished = client.wait();
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "an echo");
    let url = serve("tcp", move |stream| {
        write(stream, &bytes);
        pause(100);
        write(stream, b"and more");
        read(stream);
    });
    let finished = connect(&[&url], "");
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "not alone");
    assert!(finished.stdout.ends_with("\nand more\n"), "{finished:#?}");
}

#[test]
fn a_close_while_the_client_waits_for_input_is_shown() {
    for (code, reason, ends) in [(1001, "bye\u{7}", false), (1008, "no entry", true)] {
        let url = serve("ws", move |stream| {
            let response = upgrade(stream);
            write(stream, &response);
            pause(100);
            write(stream, &close(code, reason));
            read(stream);
        });
        let mut client = start_connect(&[&url]);
        let words = format!("closed with code {code} ({}", reason.trim_end_matches('\u{7}'));
        client.wait_for_stderr(|stderr| stderr.contains(&words));
        client.close_stdin();
        let finished = client.wait();
        assert_eq!(finished.code, Some(i32::from(ends)), "{finished:#?}");
        assert!(!finished.stderr.contains('\u{7}'), "{finished:#?}");
    }
}

#[test]
fn the_first_line_is_sent_in_a_segment_of_its_own() {
    let key = KeyFile::new("a key that is long enough");
    let (url, reads) = serve_and_report("tcp", |stream| {
        write(stream, &[7; 32]);
        // A naive server that is slightly late.
        pause(20);
        let response = read(stream);
        let line = read(stream);
        write(stream, &line);
        read(stream);
        (response.len(), line)
    });
    let finished = connect(&[&url, "--auth-key-file", key.path()], "hello\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "hello\n"), "{finished:#?}");
    assert_eq!(reads.recv().expect("it was served"), (32, b"hello".into()));
}

#[test]
fn a_line_longer_than_a_message_may_be_is_an_error() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let arguments = [server.url(), "--max-message-size", "1KiB"];
    let finished = connect(&arguments, &("x".repeat(1024) + "\n"));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let words = ["--max-message-size", "1024"];
    assert_fails(&connect(&arguments, &("x".repeat(1025) + "\n")), &words);
    // So is one that never ends.
    let mut client = start_connect(&arguments);
    client.write("x".repeat(2000));
    client.wait_for_stderr(|stderr| stderr.contains("--max-message-size"));
    assert_eq!(client.wait().code, Some(1));
}

#[test]
fn terminal_commands_are_plain_lines_in_a_pipe() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let finished = connect(&[server.url()], "/ping\n//x\nquit\nnot sent\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "/ping\n//x\n"));
    let finished = connect(&[server.url(), "--no-commands"], "quit\nsent\n");
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "quit\nsent\n"));
}

#[test]
fn the_time_per_line_does_not_grow_with_their_number() {
    let server = Server::start(&["line://127.0.0.1:0"]);
    let lines: String = (0..5_000).map(|number| format!("line {number}\n")).collect();
    let finished = connect(&[server.url()], &lines);
    assert!(finished.code == Some(0) && finished.stdout == lines, "{}", finished.stderr);
}

//! `halloo connect` on a terminal.

use super::super::support::{Finished, Program, Server, halloo};
use super::fake::{close, frame, pause, read, serve, serve_and_report, upgrade, write};
use std::path::Path;
use std::process::Command;

/// Runs `halloo connect` on a terminal. Each step waits for a text on the screen and then types.
fn at_terminal(arguments: &[&str], steps: &[(&str, &str)]) -> Finished {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command_line/terminal.py");
    let steps = serde_json::to_string(steps).expect("pairs of strings are JSON");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).arg(steps).arg(halloo().get_program()).arg("connect");
    Program::start(command.args(arguments)).wait()
}

/// The lines on the screen as a user sees them, without those that were erased. Emulates just
/// enough of a terminal for lines shorter than its width.
fn shown(screen: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = screen;
    while let Some(next) = rest.chars().next() {
        let line = lines.last_mut().expect("there is a line");
        if let Some(after) = rest.strip_prefix("\x1b[J") {
            // The editor erases only from the start of the prompt.
            line.clear();
            rest = after;
            continue;
        }
        if rest.starts_with("\x1b[") {
            let end = rest[2..].find(|c: char| c.is_ascii_alphabetic()).expect("a whole sequence");
            rest = &rest[2 + end + 1..];
            continue;
        }
        match next {
            '\n' => lines.push(String::new()),
            '\r' => {}
            character => line.push(character),
        }
        rest = &rest[next.len_utf8()..];
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[test]
fn lines_are_edited_and_history_comes_back() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let steps = [
        (">>> ", "helo\x1b[Dl\r"),
        ("\nhello", ""),
        (">>> ", "\x1b[A!\r"),
        ("\nhello!", ""),
        (">>> ", "\x1b[A\x1b[A\x1b[B\r"),
        ("\nhello!", ""),
        (">>> ", "quit\r"),
    ];
    let finished = at_terminal(&[server.url()], &steps);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let lines = shown(&finished.stdout);
    let wanted = [">>> hello", "hello", ">>> hello!", "hello!", ">>> hello!", "hello!", ">>> quit"];
    assert_eq!(lines, wanted, "{:?}", finished.stdout);
}

#[test]
fn a_long_paste_arrives_whole() {
    for length in [4_096, 6_000, 70_000] {
        let (url, lengths) = serve_and_report("line", move |stream| {
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                let piece = read(stream);
                if piece.is_empty() {
                    break;
                }
                line.extend(piece);
            }
            write(stream, b"taken\n");
            read(stream);
            line.len()
        });
        let paste = "x".repeat(length) + "\r";
        let finished = at_terminal(&[&url], &[(">>> ", &paste), ("taken", ""), (">>> ", "quit\r")]);
        assert_eq!(finished.code, Some(0));
        assert_eq!(lengths.recv().expect("it was served"), length + 1);
    }
}

#[test]
fn a_message_is_not_printed_over_the_prompt() {
    let url = serve("ws", |stream| {
        let response = upgrade(stream);
        write(stream, &response);
        pause(300);
        write(stream, &frame(1, b"news"));
        read(stream);
        write(stream, &frame(1, b"reply"));
        read(stream);
        write(stream, &close(1000, ""));
    });
    let steps = [(">>> ", "abc"), ("news", "d\r"), ("reply", ""), (">>> ", "quit\r")];
    let finished = at_terminal(&[&url], &steps);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let lines = shown(&finished.stdout);
    assert_eq!(lines, ["news", ">>> abcd", "reply", ">>> quit"], "{:?}", finished.stdout);
}

#[test]
fn commands_work_on_a_terminal() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let steps = [
        (">>> ", "/ping\r"),
        ("pong after", ""),
        (">>> ", "//x\r"),
        ("\n/x", ""),
        (">>> ", "/binary 68 69\r"),
        ("\nhi", ""),
        (">>> ", "/nonsense\r"),
        ("the commands are", ""),
        (">>> ", "/close 4001\r"),
    ];
    let finished = at_terminal(&[server.url()], &steps);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    server.wait_for_log("closed with code 4001");
    let finished = at_terminal(
        &[server.url(), "--no-commands"],
        &[(">>> ", "/ping\r"), ("\n/ping", ""), (">>> ", "\x04")],
    );
    assert_eq!(finished.code, Some(0), "{finished:#?}");
}

#[test]
fn an_interrupt_ends_the_session_and_restores_the_terminal() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let finished = at_terminal(&[server.url()], &[(">>> ", "abc\x03")]);
    assert_eq!(finished.code, Some(130), "{finished:#?}");
    assert_eq!(shown(&finished.stdout), [">>> abc"]);
}

#[test]
fn a_close_is_shown_above_the_prompt() {
    let url = serve("ws", |stream| {
        let response = upgrade(stream);
        write(stream, &response);
        pause(200);
        write(stream, &close(1001, "restart"));
        read(stream);
    });
    let steps = [(">>> ", ""), ("closed with code 1001 (restart)", ""), (">>> ", "quit\r")];
    let finished = at_terminal(&[&url], &steps);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
}

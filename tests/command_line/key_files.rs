//! Key files: which are refused, and with what message.

use super::super::support::{KeyFile, Server, connect, halloo};
use super::assert_refused;
use std::os::unix::fs::MetadataExt;

#[test]
fn a_key_file_that_others_can_access_is_refused_with_a_remedy() {
    for mode in [0o644, 0o640, 0o604, 0o620, 0o660, 0o610] {
        let key = KeyFile::with_mode("secret of the few", mode);
        if mode == 0o640 && !is_given_away(&key) {
            continue;
        }
        let shown = format!("mode {mode:04o}");
        let remedy = format!("chmod 600 '{}'", key.path());
        for command in [["serve", "tcp://127.0.0.1:0"], ["connect", "tcp://127.0.0.1:1"]] {
            let arguments = [&command[..], &["--auth-key-file", key.path()]].concat();
            assert_refused(&arguments, 2, &["--auth-key-file", key.path(), &shown, &remedy]);
        }
    }
}

/// Kubernetes and Debian have such files: root owns them, and a group may read them.
#[test]
fn a_key_file_of_root_may_be_readable_by_its_group() {
    for mode in [0o640, 0o440, 0o600, 0o400] {
        let key = KeyFile::with_mode("secret of the few", mode);
        let owner = std::fs::metadata(key.path()).expect("it is our file").uid();
        if owner == 0 || mode & 0o077 == 0 {
            let server = Server::start(&["--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
            assert_eq!(server.stop().code, Some(0), "mode {mode:04o}");
        }
    }
}

/// Makes sure that the file does not belong to root. Returns whether that was possible.
fn is_given_away(key: &KeyFile) -> bool {
    let owner = std::fs::metadata(key.path()).expect("it is our file").uid();
    owner != 0 || std::os::unix::fs::chown(key.path(), Some(65_534), None).is_ok()
}

#[test]
fn a_key_file_that_is_missing_empty_or_too_long_is_refused() {
    let empty = [KeyFile::new(""), KeyFile::new("\n")];
    for key in &empty {
        let arguments = ["serve", "--auth-key-file", key.path(), "tcp://127.0.0.1:0"];
        assert_refused(&arguments, 2, &[key.path(), "is empty"]);
    }
    let missing = format!("{}.missing", empty[0].path());
    assert_refused(&["serve", "--auth-key-file", &missing], 2, &[&missing, "No such file"]);
    assert_refused(
        &["serve", "--auth-key-file", "/"],
        2,
        &["'/' is not a regular file but a directory"],
    );
    let long = KeyFile::new("x".repeat(5000));
    assert_refused(&["serve", "--auth-key-file", long.path()], 2, &[long.path(), "longer than"]);
}

#[test]
fn a_refusal_does_not_show_the_key() {
    let key = KeyFile::with_mode("open sesame", 0o644);
    let mut command = halloo();
    command.args(["serve", "-vv", "--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
    let finished = super::Program::start(&mut command).wait();
    assert!(!finished.stderr.contains("sesame"), "{finished:#?}");
}

#[test]
fn one_trailing_newline_is_not_part_of_the_key() {
    for newline in ["\n", "\r\n"] {
        let with = KeyFile::new(format!("a key that is long enough{newline}"));
        let without = KeyFile::new("a key that is long enough");
        let server = Server::start(&["--auth-key-file", with.path(), "tcp://127.0.0.1:0"]);
        let finished = connect(&["--auth-key-file", without.path(), server.url()], "hello\n");
        let (code, stdout) = (finished.code, finished.stdout.as_str());
        assert_eq!((code, stdout), (Some(0), "hello\n"), "{newline:?}: {finished:#?}");
    }
}

#[test]
fn any_of_several_keys_is_accepted_and_no_other() {
    let keys = ["the first of two keys", "the second of two keys"].map(KeyFile::new);
    let stranger = KeyFile::new("a key of somebody else");
    let [first, second] = [&keys[0], &keys[1]].map(KeyFile::path);
    let server = Server::start(&[
        "--auth-key-file",
        first,
        "--auth-key-file",
        second,
        "ws://127.0.0.1:0",
        "line://127.0.0.1:0",
    ]);
    for url in server.urls() {
        for key in [first, second] {
            let finished = connect(&["--auth-key-file", key, url], "hello\n");
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), "hello\n"));
        }
        let finished = connect(&["--auth-key-file", stranger.path(), url], "hello\n");
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
        assert!(finished.stderr.contains("check the key"), "{finished:#?}");
    }
    server.wait_for_logs("the response to the challenge is wrong", 2);
    let log = server.stop().stderr;
    assert!(!log.contains("of two keys") && !log.contains("somebody else"), "{log}");
}

#[test]
fn a_server_with_a_key_dumps_no_core() {
    let key = KeyFile::new("open sesame");
    let server = Server::start(&["tcp://127.0.0.1:0", "--auth-key-file", key.path()]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid()));
    let limits = limits.expect("a process that runs has limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let numbers: Vec<&str> = core.expect("a line for cores").split_whitespace().skip(4).collect();
    assert_eq!(numbers, ["0", "0", "bytes"]);
}

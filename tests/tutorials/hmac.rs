//! Rows 3 and 4: HMAC challenge-response over TCP, with every installed interpreter.

use crate::support::{
    KeyFile, Program, PythonServer, Server, assert_stamped, connect, halloo, python, pythons,
};

const KEY: &str = "老衲洗头用飘柔";
const OTHER_KEY: &str = "芝麻开门";
const WRONG: &str = "the response to the challenge is wrong";
const RIGHT: &str = "authenticated";

/// `halloo serve` for row 3: it sends its verdict on the answer, and closes.
fn serve_verdicts(key: &KeyFile) -> Server {
    let hash = ["--auth-hash", "md5", "--auth-encoding", "hex"];
    let key = ["--auth-key-file", key.path(), "--service", "none"];
    Server::start(&[&["tcp://127.0.0.1:0"][..], &hash, &key].concat())
}

/// `halloo serve` for row 4: raw answers, and either of two keys is accepted.
fn serve_timestamps(keys: &[&KeyFile]) -> Server {
    let mut arguments = vec!["tcp://127.0.0.1:0", "--service", "timestamp", "--auth-hash", "md5"];
    arguments.extend(keys.iter().flat_map(|key| ["--auth-key-file", key.path()]));
    Server::start(&arguments)
}

#[test]
fn row_3_hex_answers_get_a_verdict() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    let reports = [("leaves", "challenge 32\n"), ("stays", "challenge 32\nrest 0\n")];
    for (answers_with, verdict, not_said) in [(&key, RIGHT, WRONG), (&other, WRONG, RIGHT)] {
        let server = serve_verdicts(&key);
        for python in pythons() {
            for (manner, report) in reports {
                let arguments = [server.port(), answers_with.path(), manner];
                let client = python.run("verdict_client.py", &arguments, "");
                assert_eq!(client.stdout, report);
            }
        }
        server.wait_for_logs(verdict, reports.len() * pythons().len());
        assert!(!server.stop().stderr.contains(not_said));
    }
}

#[test]
fn row_3_connect_answers_in_hex() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    for python in pythons() {
        for (answers_with, verdict) in [(&key, "genuine"), (&other, "forged")] {
            let server = PythonServer::start(python, "verdict_server.py", &[key.path()]);
            let url = server.url("tcp");
            let flags = ["--auth-hash", "md5", "--auth-encoding", "hex", "--auth-key-file"];
            let client =
                connect(&[&[url.as_str()][..], &flags, &[answers_with.path()]].concat(), "");
            server.wait_for_line(verdict);
            assert_eq!(client.stdout, "");
            if verdict == "genuine" {
                assert_eq!(client.code, Some(0), "{}", client.stderr);
            }
        }
    }
}

#[test]
fn row_4_hmac_then_timestamps() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    let server = serve_timestamps(&[&key, &other]);
    let data = ["time", "也许猪的身体不优美", "芝麻开门"];
    for python in pythons() {
        for key in [&key, &other] {
            let arguments = [server.port(), key.path()];
            let client = python.run("stamp_client.py", &arguments, &data.join("\n"));
            assert_stamped(&client.stdout, &data);
        }
    }
    server.wait_for_logs(RIGHT, 2 * pythons().len());
    assert!(!server.stop().stderr.contains(WRONG));
}

#[test]
fn row_4_data_in_the_segment_of_the_answer() {
    let key = KeyFile::new(KEY);
    let server = serve_timestamps(&[&key]);
    for python in pythons() {
        let client = python.run("hasty_client.py", &[server.port(), key.path()], "老衲\n");
        let reply =
            client.stdout.strip_prefix("challenge 32\n").expect("the challenge comes first");
        assert_stamped(reply, &["老衲"]);
    }
}

#[test]
fn row_4_a_wrong_key_gets_no_response() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    let server = serve_timestamps(&[&key]);
    for input in ["", "data after a wrong answer\n"] {
        for python in pythons() {
            let client = python.run("hasty_client.py", &[server.port(), other.path()], input);
            assert_eq!(client.stdout, "challenge 32\nsilence\n");
        }
    }
    server.wait_for_logs(WRONG, 2 * pythons().len());
    assert!(!server.stop().stderr.contains(RIGHT));
}

#[test]
fn row_4_one_newline_at_the_end_of_a_key_file_is_dropped() {
    let (bare, one, two) =
        (KeyFile::new(KEY), KeyFile::new(format!("{KEY}\n")), KeyFile::new(format!("{KEY}\n\n")));
    let server = serve_timestamps(&[&one]);
    let client = python().run("stamp_client.py", &[server.port(), bare.path()], "time\n");
    assert_stamped(&client.stdout, &["time"]);
    let client = python().run("hasty_client.py", &[server.port(), two.path()], "");
    assert_eq!(client.stdout, "challenge 32\nsilence\n");
}

#[test]
fn row_4_a_key_file_that_others_may_read_is_refused() {
    // Group read is accepted if root owns the file.
    for mode in [0o644, 0o604] {
        let key = KeyFile::with_mode(KEY, mode);
        let mut command = halloo();
        command.args(["serve", "tcp://127.0.0.1:0", "--auth-key-file", key.path()]);
        let refused = Program::start(&mut command).wait();
        assert!(refused.code.is_some_and(|code| code != 0), "{refused:#?}");
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains(key.path()), "{}", refused.stderr);
    }
}

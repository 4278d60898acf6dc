//! Row 8: the challenge in a binary message, the answer in one of either kind.

use crate::support::{KeyFile, Server, python, pythons};

const KEY: &str = "芝麻开门";
const OTHER_KEY: &str = "老衲洗头用飘柔";
const SCRIPT: &str = "websocket_auth_client.py";

fn serve(key: &KeyFile, hash: &str) -> Server {
    Server::start(&["ws://127.0.0.1:0", "--auth-key-file", key.path(), "--auth-hash", hash])
}

#[test]
fn row_8_correct_answers_open_the_echo() {
    let key = KeyFile::new(KEY);
    for hash in ["md5", "sha256"] {
        let server = serve(&key, hash);
        for python in pythons() {
            for manner in ["raw", "hex", "upper"] {
                let arguments = [server.port(), key.path(), hash, manner];
                let client = python.run(SCRIPT, &arguments, "芝麻开门\n\n老衲洗头用飘柔\n");
                assert_eq!(client.stdout, "芝麻开门\n\n老衲洗头用飘柔\nclose 1000\n", "{manner}");
            }
        }
        server.wait_for_logs("authenticated", 3 * pythons().len());
    }
}

#[test]
fn row_8_wrong_answers_close_with_1008() {
    let key = KeyFile::new(KEY);
    let wrong_answers = [
        ("wrong-raw", "the response to the challenge is wrong"),
        ("wrong-hex", "the response to the challenge is wrong"),
        ("short-raw", "the response to the challenge has the wrong length"),
        ("short-hex", "the response to the challenge has the wrong length"),
        ("long-raw", "the response to the challenge has the wrong length"),
        ("long-hex", "the response to the challenge has the wrong length"),
        ("empty", "the response to the challenge has the wrong length"),
        ("not-hex", "the response to the challenge is wrong"),
        ("hex-in-binary", "the response to the challenge has the wrong length"),
    ];
    for hash in ["md5", "sha256"] {
        for (manner, reason) in wrong_answers {
            let server = serve(&key, hash);
            for input in ["", "must not be echoed\n"] {
                let arguments = [server.port(), key.path(), hash, manner];
                let client = python().run(SCRIPT, &arguments, input);
                assert_eq!(client.stdout, "close 1008\n", "{hash} {manner}");
            }
            server.wait_for_logs(reason, 2);
            assert!(!server.stop().stderr.contains("authenticated"), "{hash} {manner}");
        }
    }
}

#[test]
fn row_8_a_wrong_key_closes_with_1008_in_every_interpreter() {
    let (key, other) = (KeyFile::new(KEY), KeyFile::new(OTHER_KEY));
    let server = serve(&key, "md5");
    for python in pythons() {
        for manner in ["raw", "hex"] {
            let arguments = [server.port(), other.path(), "md5", manner];
            let client = python.run(SCRIPT, &arguments, "");
            assert_eq!(client.stdout, "close 1008\n");
        }
    }
    server.wait_for_logs("the response to the challenge is wrong", 2 * pythons().len());
}

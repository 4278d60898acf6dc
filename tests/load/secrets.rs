//! Secrets from the command line appear in no result, no message, and no command line of another
//! process.

use super::foreign::Foreign;
use super::measured::{run, start};
use super::peer::Wire;
use super::support::halloo;
use std::fs;
use std::net::TcpListener;

/// The secrets.
const SECRET: &str = "s3cret";

/// The arguments with secrets, in every notation.
const SECRETS: [&str; 9] = [
    "-H",
    "Authorization: Bearer s3cret",
    "-HCookie: session=s3cret",
    "--header=Proxy-Authorization: Basic s3cret",
    "--header",
    "X-Api-Key:s3cret",
    "-H",
    "Origin: http://localhost",
    "-v",
];

#[test]
fn no_result_has_a_secret() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| peer.echo());
    let url = format!("{}/chat?room=1&token={SECRET}", server.url());
    let directory = std::env::temp_dir().join(format!("halloo-secrets-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    for processes in ["1", "2"] {
        let files = ["json", "html", "hdr"].map(|kind| directory.join(kind));
        let mut command = halloo();
        command.arg("bench").args(SECRETS).args(["--processes", processes]);
        for (flag, file) in ["--json", "--html", "--hdr"].iter().zip(&files) {
            command.arg(flag).arg(file);
        }
        let flags = "-c 2 -d 200ms --warmup off --accept-invalid --progress plain";
        let finished = start(&mut command, &url, flags).wait();
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        let [json, html, hdr] = files.map(|file| fs::read_to_string(file).expect("it was saved"));
        for (name, text) in [
            ("stdout", &finished.stdout),
            ("stderr", &finished.stderr),
            ("json", &json),
            ("html", &html),
            ("hdr", &hdr),
        ] {
            assert!(!text.contains(SECRET), "{name} has it: {text}");
        }
        for words in ["'Authorization: ***'", "Origin: http://localhost", "token=***", "room=1"] {
            assert!(json.contains(words), "no {words:?} in {json}");
        }
    }
    fs::remove_dir_all(&directory).expect("the report exists");
}

#[test]
fn no_worker_shows_a_secret_of_its_parent() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| peer.echo());
    let mut command = halloo();
    command.arg("bench").args(SECRETS);
    let flags = "-c 2 -d 60s --warmup off --processes 2 --progress plain";
    let program = start(&mut command, &server.url(), flags);
    program.wait_for_stderr(|stderr| stderr.contains("measuring"));
    let path = format!("/proc/{0}/task/{0}/children", program.pid());
    let children = fs::read_to_string(path).expect("it runs");
    let mut count = 0;
    for pid in children.split_whitespace() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(line.contains("--as-worker") && !line.contains(SECRET), "{line}");
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn no_message_has_a_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    for (url, processes) in [("127.0.0.1", 1), ("127.0.0.1", 2), ("nobody.invalid", 1)] {
        let url = format!("ws://{url}:{}/?access_token={SECRET}", address.port());
        let finished = run("bench", &url, &format!("-c 2 -d 1s --processes {processes}"));
        assert_eq!(finished.code, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains("access_token=***"), "{finished:#?}");
        assert!(!finished.stderr.contains(SECRET), "{finished:#?}");
    }
}

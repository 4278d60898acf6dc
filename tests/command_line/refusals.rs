//! Servers that refuse a client, whatever the form of their response, and the connect timeout.

use super::super::support::{KeyFile, Server, connect};
use super::fake::{close, frame, pause, read, read_head, serve, serve_and_report, upgrade, write};
use super::run;
use std::time::{Duration, Instant};

/// The errors of `connect` and `bench` after a server's response; the server may delay its close.
#[track_caller]
fn refusals(response: &'static [u8], waits: bool) -> [String; 2] {
    let url = serve("ws", move |stream| {
        read_head(stream);
        write(stream, response);
        if waits {
            pause(2_000);
        }
    });
    let bench = ["bench", &url, "-c", "1", "-d", "100ms", "--progress", "none"];
    [run(&["connect", &url]), run(&bench)].map(|finished| {
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(1), ""), "{finished:#?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
        finished.stderr
    })
}

#[test]
fn an_imperfect_response_is_shown() {
    let long = Box::leak(Box::new(format!(
        "HTTP/1.1 401 Unauthorized\r\nSet-Cookie: {}\r\n\r\nlog in first\r\n",
        "c".repeat(12_000)
    )));
    let cases: [(&'static [u8], &[&str]); 8] = [
        (b"HTTP/1.1 302 Found\r\nLocation: ws://b.test/x\r\n\r\n", &["302 Found", "ws://b.test/x"]),
        (b"HTTP/1.0 404 Not Found\r\n\r\nnobody here\r\nmore", &["404 Not Found", "nobody here"]),
        (
            b"HTTP/1.1 302 Found\nLocation: ws://b.test/x\n\nmoved\n",
            &["302 Found", "ws://b.test/x", "moved"],
        ),
        (b"HTTP/1.1 403 Forbidden\r\nX: a\r\n b\r\n\r\ngo away", &["403 Forbidden", "go away"]),
        (long.as_bytes(), &["401 Unauthorized", "log in first"]),
        (
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 Busy\r\n\r\nlater\n",
            &["503 Busy", "later"],
        ),
        (b"HTTP/1.1 500 \x1b[31mOops\r\n\r\n\x07bell\n", &["500 \\u{1b}[31mOops", "\\u{7}bell"]),
        (
            b"HTTP/1.1 429\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nslow!\r\n0\r\n\r\n",
            &["429", "slow!"],
        ),
    ];
    for (response, words) in cases {
        for sentence in refusals(response, false) {
            for word in words {
                assert!(sentence.contains(word), "{word}: {sentence}");
            }
        }
    }
}

#[test]
fn a_refusal_is_reported_before_the_server_closes() {
    let start = Instant::now();
    let response = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";
    let url = serve("ws", move |stream| {
        read_head(stream);
        write(stream, response);
        pause(3_000);
    });
    let finished = run(&["connect", &url]);
    assert!(finished.stderr.contains("404 Not Found: gone"), "{finished:#?}");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn interim_responses_are_skipped() {
    for interim in
        ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"]
    {
        for count in 1..3 {
            let url = serve("ws", move |stream| {
                let response = upgrade(stream);
                write(stream, &[interim.repeat(count).as_bytes(), &response].concat());
                read(stream);
                write(stream, &[frame(1, b"hello"), close(1000, "")].concat());
                read(stream);
            });
            let finished = connect(&[&url], "hello\n");
            assert_eq!((finished.code, &*finished.stdout), (Some(0), "hello\n"), "{finished:#?}");
        }
    }
}

#[test]
fn a_header_replaces_ours_and_a_user_becomes_authorization() {
    let (url, heads) = serve_and_report("ws", |stream| {
        let head = read_head(stream);
        write(stream, b"HTTP/1.1 403 Forbidden\r\n\r\n");
        String::from_utf8(head).expect("a request is text")
    });
    let with_user = url.replacen("ws://", "ws://me:se%63ret@", 1);
    let finished = run(&["connect", "-v", &with_user, "-H", "host: virtual.example"]);
    assert!(
        !finished.stderr.contains("secret") && !finished.stderr.contains("bWU6"),
        "{finished:#?}"
    );
    assert!(finished.stderr.contains("> GET / HTTP/1.1"), "-v shows the request: {finished:#?}");
    assert!(
        finished.stderr.contains("< HTTP/1.1 403 Forbidden"),
        "and the response: {finished:#?}"
    );
    let head = heads.recv().expect("a request was sent");
    assert_eq!(head.to_lowercase().matches("\r\nhost:").count(), 1, "{head}");
    assert!(head.contains("\r\nhost: virtual.example\r\n"), "{head}");
    assert!(head.contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
}

#[test]
fn the_connect_timeout_is_a_hard_limit() {
    let key = KeyFile::new("a key that is long enough");
    // Servers that send nothing, that never finish, and that refuse without closing.
    let silent = |scheme: &str| serve(scheme, |_| pause(10_000));
    let slow = serve("ws", |stream| {
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" {
            write(stream, &[*byte]);
            pause(100);
        }
    });
    let stuck = serve("ws", |stream| {
        write(stream, b"nonsense\r\n");
        pause(10_000);
    });
    let challenged =
        |scheme: &str| vec![silent(scheme), "--auth-key-file".into(), key.path().into()];
    let mut cases = vec![vec![silent("ws")], vec![slow], vec![stuck]];
    cases.extend([challenged("tcp"), challenged("line")]);
    if cfg!(feature = "tls") {
        cases.push(vec![silent("wss"), "-k".into()]);
    }
    for case in &cases {
        let case: Vec<&str> = case.iter().map(String::as_str).collect();
        for command in
            [&["connect"][..], &["bench", "-c", "1", "-d", "100ms", "--progress", "none"]]
        {
            let start = Instant::now();
            let finished = run(&[command, &case, &["--connect-timeout", "500ms"]].concat());
            let elapsed = start.elapsed();
            assert_eq!(finished.code, Some(1), "{finished:#?}");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
            assert!(elapsed < Duration::from_millis(1_500), "{command:?} {case:?}: {elapsed:?}");
        }
    }
}

#[test]
fn authentication_counts_toward_the_connect_timeout() {
    let key = KeyFile::new("a key that is long enough");
    let url = serve("ws", |stream| {
        let response = upgrade(stream);
        pause(300);
        write(stream, &response);
        pause(10_000);
    });
    let start = Instant::now();
    let finished =
        run(&["connect", &url, "--auth-key-file", key.path(), "--connect-timeout", "500ms"]);
    assert!(finished.stderr.contains("no challenge within 500ms"), "{finished:#?}");
    assert!(start.elapsed() < Duration::from_millis(780), "{:?}", start.elapsed());
}

#[test]
#[cfg(feature = "tls")]
fn the_scheme_with_or_without_tls_is_suggested() {
    let server = Server::start(&["--tls-self-signed", "wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    for (url, plain) in server.urls().iter().zip(["ws", "tcp"]) {
        let (_, rest) = url.split_once("://").expect("a URL");
        let finished = connect(&[&format!("{plain}://{rest}")], "hello\n");
        assert_eq!(finished.code, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains(url.as_str()), "{finished:#?}");
    }
    let server = Server::start(&["ws://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    for (url, secure) in server.urls().iter().zip(["wss", "tls"]) {
        let (_, rest) = url.split_once("://").expect("a URL");
        let finished = connect(&["-k", &format!("{secure}://{rest}")], "hello\n");
        assert_eq!(finished.code, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains(url.as_str()), "{finished:#?}");
    }
    // A TLS server may also close without a response.
    let url = serve("ws", |stream| drop(read_head(stream)));
    let finished = run(&["connect", &url]);
    assert!(finished.stderr.contains(&url.replacen("ws", "wss", 1)), "{finished:#?}");
}

//! `halloo connect` over TLS: the servers that it trusts, and its messages about the others.

use super::authority::{Authority, Issued};
use super::support::{Finished, Server, connect};
use super::{ALL_FRAMINGS, serve};

#[test]
fn a_server_is_trusted_if_its_authority_is() {
    let server = serve(&ALL_FRAMINGS);
    let ca = Authority::shared().pem.path();
    for url in server.urls() {
        expect_echo(&["--cacert", ca, url]);
        expect_echo(&["--insecure", url]);
        let words = "the peer's certificate comes from an unknown issuer: \
            trust its authority with --cacert, or accept it with --insecure";
        expect_refusal(&[url], words);
        expect_refusal(&["--cacert", Authority::new().pem.path(), url], words);
    }
    let log = server.wait_for_log("ended: the peer refused TLS: unknown certificate authority");
    assert!(!log.contains("close_notify"), "our client ends as it should: {log}");
}

#[test]
fn a_certificate_must_match_the_server_and_be_valid_today() {
    let authority = Authority::shared();
    let ca = ["--cacert", authority.pem.path()];
    let refuse = |issued: &Issued, words: &str| {
        let flags = [&issued.flags()[..], &["wss://127.0.0.1:0"]].concat();
        let server = Server::start(&flags);
        expect_refusal(&[ca[0], ca[1], server.url()], words);
        expect_echo(&["-k", server.url()]);
    };
    refuse(&authority.issue("halloo.test"), "the peer's certificate is for another name");
    refuse(&authority.issue_expired("127.0.0.1"), "the peer's certificate has expired");
    refuse(
        &authority.issue_as_authority("127.0.0.1"),
        "the peer's certificate is a CA certificate",
    );

    let server = Server::start(
        &[&authority.issue("localhost").flags()[..], &["tls://127.0.0.1:0"]].concat(),
    );
    let by_name = format!("tls://localhost:{}", server.port());
    expect_echo(&[ca[0], ca[1], &by_name]);
}

#[test]
fn the_client_presents_a_certificate_on_request() {
    let authority = Authority::new();
    let client = authority.issue("a client");
    let server = serve(&[&["--tls-client-ca", authority.pem.path()], &ALL_FRAMINGS[..]].concat());
    let ca = ["--cacert", Authority::shared().pem.path()];
    for url in server.urls() {
        expect_echo(&[&ca, &client.flags()[..], &[url]].concat());
        let words = "the peer refused TLS: certificate required";
        expect_refusal(&[&ca[..], &[url]].concat(), words);
    }
}

#[test]
fn tls_on_one_side_only_is_reported() {
    let ca = Authority::shared().pem.path();
    let plain = Server::start(&["ws://127.0.0.1:0"]);
    let secure = serve(&["wss://127.0.0.1:0"]);
    let to_plain = plain.url().replace("ws://", "wss://");
    expect_refusal(&["--cacert", ca, &to_plain], "the peer does not speak TLS");
    let to_secure = secure.url().replace("wss://", "ws://");
    let finished = connect(&[&to_secure], "hello\n");
    assert_eq!(finished.code, Some(1), "{finished:?}");
    secure.wait_for_log("ended: the peer does not speak TLS");
}

/// Long lines, and more of them than any buffer holds.
#[test]
fn large_input_is_echoed() {
    let server = serve(&ALL_FRAMINGS);
    let line = "the mountain answers ".repeat(10_000) + "\n";
    let input = line.repeat(5);
    for url in &server.urls()[..2] {
        let finished = connect(&["--cacert", Authority::shared().pem.path(), url], &input);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(finished.stdout == input, "{} bytes came back", finished.stdout.len());
    }
}

#[track_caller]
fn expect_echo(arguments: &[&str]) {
    let finished = connect(arguments, "hello\n");
    assert_eq!((finished.code, &finished.stdout[..]), (Some(0), "hello\n"), "{finished:#?}");
}

/// Asserts exit code 1, an empty stdout, and one sentence that contains these words.
#[track_caller]
fn expect_refusal(arguments: &[&str], words: &str) {
    let Finished { code, stdout, stderr, .. } = connect(arguments, "hello\n");
    let is_clear = stderr.lines().count() == 1 && stderr.contains(words);
    assert!(code == Some(1) && stdout.is_empty() && is_clear, "{code:?} {stdout} {stderr}");
}

//! The certificates that both sides present, and the ones that the server trusts.

use super::authority::{Authority, Issued};
use super::client::Client;
use super::stream::{Anybody, Stream, VERSIONS, config, config_of};
use super::support::{KeyFile, Program, Server, halloo};
use super::{ALL_FRAMINGS, serve};
use sha2::{Digest, Sha256};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[test]
fn clients_are_asked_for_a_certificate() {
    let authority = Authority::new();
    let (known, stranger) = (authority.issue("a client"), Authority::new().issue("a client"));
    let server = serve(&["--tls-client-ca", authority.pem.path(), "tls://127.0.0.1:0"]);
    for (index, version) in VERSIONS.into_iter().enumerate() {
        let attempt = |identity| {
            let stream = Stream::connect_with(server.url(), config_of(&[version], identity))?;
            let mut client = Client::over(stream, server.url());
            // In TLS 1.3 a client is refused only after it has finished its handshake.
            client.try_write(b"hello").and_then(|()| client.read(&mut [0; 5]))
        };
        assert_eq!(attempt(Some(&known)).expect("it is accepted"), 5);
        attempt(None).expect_err("it has none");
        server.wait_for_logs("ended: the peer gave no certificate", index + 1);
        attempt(Some(&stranger)).expect_err("its certificate is from an unknown authority");
        let reason = "ended: the peer's certificate comes from an unknown issuer";
        server.wait_for_logs(reason, index + 1);
    }
}

#[test]
fn a_self_signed_certificate_has_the_fingerprint_that_is_logged() {
    let server = Server::start(&["--tls-self-signed", "wss://127.0.0.1:0"]);
    let log = server.wait_for_log("self-signed certificate, SHA-256 fingerprint ");
    let (_, rest) = log.split_once("SHA-256 fingerprint ").expect("it is there");
    let logged = rest.lines().next().expect("it ends with its line");
    let mut config = config();
    config.dangerous().set_certificate_verifier(Arc::new(Anybody));
    let mut stream =
        Stream::connect_with(server.url(), config).expect("any certificate is accepted");
    let shown = &stream.tls().peer_certificates().expect("the handshake is over")[0];
    let pairs: Vec<String> =
        Sha256::digest(shown).iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(pairs.join(":"), logged);
    let mut client = Client::over(stream, server.url());
    client.upgrade();
    client.echo(b"hello");
}

#[test]
fn a_server_with_an_unusable_certificate_does_not_start() {
    let [one, other] = [Authority::shared().issue("one"), Authority::shared().issue("other")];
    let (cert, key) = (one.cert_pem.path(), one.key_pem.path());
    let (not_pem, missing) = (KeyFile::new("hello"), "/nonexistent/file.pem");
    let cases: [(&[&str], &str); 6] = [
        (&[], "needs --tls-cert and --tls-key, or --tls-self-signed"),
        (&["--tls-cert", cert], "--tls-key <PEM>"),
        (&["--tls-cert", missing, "--tls-key", key], "--tls-cert '/nonexistent/file.pem'"),
        (&["--tls-cert", not_pem.path(), "--tls-key", key], "have no certificate"),
        (&["--tls-cert", cert, "--tls-key", not_pem.path()], "have no private key"),
        (&["--tls-cert", cert, "--tls-key", other.key_pem.path()], "do not fit"),
    ];
    for (flags, words) in cases {
        let arguments = [&["serve"], flags, &ALL_FRAMINGS[..1]].concat();
        let finished = Program::start(halloo().args(arguments)).wait();
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        assert!(finished.stderr.contains(words), "{words}: {finished:#?}");
    }
    let bad_ca = ["--tls-client-ca", not_pem.path(), ALL_FRAMINGS[0]];
    let arguments = [&["serve"], &Issued::shared().flags()[..], &bad_ca].concat();
    let finished = Program::start(halloo().args(arguments)).wait();
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("has no certificate"), "{finished:#?}");
}

/// The rule for every secret; a certificate is public.
#[test]
fn a_private_key_that_others_can_read_is_refused() {
    let issued = Authority::shared().issue("127.0.0.1");
    let set_mode = |file: &KeyFile, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(file.path(), permissions).expect("its permissions can be changed");
    };
    set_mode(&issued.cert_pem, 0o644);
    for mode in [0o644, 0o604, 0o620, 0o641] {
        set_mode(&issued.key_pem, mode);
        let arguments = [&["serve"], &issued.flags()[..], &ALL_FRAMINGS[..1]].concat();
        let finished = Program::start(halloo().args(arguments)).wait();
        assert_eq!(finished.code, Some(2), "mode {mode:04o}: {finished:#?}");
        for words in ["--tls-key", issued.key_pem.path(), "is accessible to others", "chmod 600"] {
            assert!(finished.stderr.contains(words), "{words}: {finished:#?}");
        }
    }
    set_mode(&issued.key_pem, 0o600);
    let server = Server::start(&[&issued.flags()[..], &ALL_FRAMINGS[..1]].concat());
    assert_eq!(server.stop().code, Some(0), "a public certificate is as it should be");
}

//! SIGHUP: certificates and keys are reloaded, all of them or none.

use super::authority::{Authority, Issued};
use super::client::Client;
use super::process_of;
use super::stream::{Anybody, Stream, VERSIONS, config_of};
use super::support::{KeyFile, Server, connect};
use rustix::process::Signal;
use rustls::ClientConfig;
use std::sync::Arc;

const RENEWED: &str = "keys and certificates reloaded";
const KEPT: &str = "the old keys and certificates stay";

#[test]
fn a_new_certificate_is_presented_to_new_connections() {
    let [old, new] = issue();
    let [first, second] = ["wss://127.0.0.1:0", "tls://127.0.0.1:0"];
    let server = Server::start(&[&old.flags()[..], &[first, second]].concat());
    let was_shown = old.chain();
    let mut before: Vec<Client> = server.urls().iter().map(|url| Client::open(url)).collect();
    assert!(server.urls().iter().all(|url| shown(url) == was_shown));

    old.replace_by(&new);
    process_of(&server).signal(Signal::HUP);
    server.wait_for_log(RENEWED);
    assert!(server.urls().iter().all(|url| shown(url) == new.chain()));
    before.iter_mut().for_each(|client| client.echo(b"an old connection still works"));
    before.into_iter().for_each(Client::close);
}

#[test]
fn a_bad_file_changes_nothing() {
    let [old, new] = issue();
    let key = KeyFile::new("open sesame\n");
    let auth = ["--auth-key-file", key.path(), "wss://127.0.0.1:0", "tls://127.0.0.1:0"];
    let server = Server::start(&[&old.flags()[..], &auth].concat());
    let good: [_; 2] = [&old.cert_pem, &old.key_pem]
        .map(|file| std::fs::read(file.path()).expect("the file can be changed"));
    let restore = || {
        std::fs::write(old.cert_pem.path(), &good[0]).expect("the file can be changed");
        std::fs::write(old.key_pem.path(), &good[1]).expect("the file can be changed");
    };
    let spoil: [&dyn Fn(); 4] = [
        &|| std::fs::remove_file(old.cert_pem.path()).expect("the file can be changed"),
        &|| std::fs::write(old.cert_pem.path(), "hello").expect("the file can be changed"),
        // A certificate whose key has not arrived yet.
        &|| {
            _ = std::fs::copy(new.cert_pem.path(), old.cert_pem.path())
                .expect("the files can be changed");
        },
        &|| std::fs::write(old.key_pem.path(), "").expect("the file can be changed"),
    ];
    for (index, spoil) in spoil.iter().enumerate() {
        spoil();
        // A good key for clients is not loaded alone.
        std::fs::write(key.path(), "another\n").expect("the file can be changed");
        process_of(&server).signal(Signal::HUP);
        server.wait_for_logs(KEPT, index + 1);
        assert!(server.urls().iter().all(|url| shown(url) == old.chain()));
        std::fs::write(key.path(), "open sesame\n").expect("the file can be changed");
        assert_eq!(echo(&server, &key), Some(0), "the old key is still in use");
        restore();
    }
    assert!(!server.stderr_so_far().contains(RENEWED));

    // A bad key also keeps a good new certificate from being loaded.
    old.replace_by(&new);
    std::fs::remove_file(key.path()).expect("the file can be changed");
    process_of(&server).signal(Signal::HUP);
    server.wait_for_logs(KEPT, spoil.len() + 1);
    assert!(shown(server.url()) != new.chain());
}

/// A session ticket does not admit a client whose authority is no longer trusted either.
#[test]
fn clients_of_an_old_authority_are_rejected() {
    let [old, new] = [Authority::new(), Authority::new()];
    let [of_old, of_new] = [old.issue("a client"), new.issue("a client")];
    for flags in [&["--tls-self-signed"][..], &Issued::shared().flags()] {
        let pem = KeyFile::new(std::fs::read(old.pem.path()).expect("the file can be changed"));
        let ca = ["--tls-client-ca", pem.path(), "tls://127.0.0.1:0"];
        let server = Server::start(&[flags, &ca].concat());
        let [mut by_old, mut by_new] =
            [&of_old, &of_new].map(|issued| config_of(&VERSIONS, Some(issued)));
        if flags == ["--tls-self-signed"] {
            by_old.dangerous().set_certificate_verifier(Arc::new(Anybody));
            by_new.dangerous().set_certificate_verifier(Arc::new(Anybody));
        }
        assert!(is_served(&server, &by_old) && !is_served(&server, &by_new));
        std::fs::copy(new.pem.path(), pem.path()).expect("both files can be changed");
        process_of(&server).signal(Signal::HUP);
        server.wait_for_log(RENEWED);
        assert!(!is_served(&server, &by_old) && is_served(&server, &by_new));
    }
}

fn is_served(server: &Server, config: &ClientConfig) -> bool {
    let Ok(stream) = Stream::connect_with(server.url(), config.clone()) else { return false };
    let mut client = Client::over(stream, server.url());
    // In TLS 1.3 a client is refused only after it has finished its handshake.
    client.try_write(b"hello").and_then(|()| client.read(&mut [0; 5])).is_ok()
}

#[test]
fn a_new_key_is_required_without_tls_too() {
    let key = KeyFile::new("open sesame\n");
    let server = Server::start(&["--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
    let old = KeyFile::new("open sesame\n");
    assert_eq!(echo(&server, &old), Some(0));
    std::fs::write(key.path(), "another\n").expect("the file can be changed");
    process_of(&server).signal(Signal::HUP);
    server.wait_for_log(RENEWED);
    assert_eq!(echo(&server, &key), Some(0));
    assert_eq!(echo(&server, &old), Some(1), "the old key is no longer accepted");
}

/// Two certificates of the shared authority for this host.
fn issue() -> [Issued; 2] {
    [Authority::shared().issue("127.0.0.1"), Authority::shared().issue("127.0.0.1")]
}

/// The certificate that the server presents to a new connection.
fn shown(url: &str) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    let mut stream = Stream::connect(url).expect("the handshake succeeds");
    stream.tls().peer_certificates().expect("the handshake is over").to_vec()
}

/// The exit code of our own client with this key.
fn echo(server: &Server, key: &KeyFile) -> Option<i32> {
    let ca = Authority::shared().pem.path();
    let flags = ["--auth-key-file", key.path(), "--cacert", ca, server.url()];
    let finished = connect(&flags, "hello\n");
    assert!(finished.code != Some(0) || finished.stdout == "hello\n", "{finished:?}");
    finished.code
}

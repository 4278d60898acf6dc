//! Attacks on the authentication challenge and its response.

use crate::client::Client;
use crate::support::{KeyFile, Server};
use crate::wire::{self, BINARY, Frame, PING, PONG};
use halloo::proto::auth::{Auth, Encoding, Hash, Key};

const KEY: &str = "sesame";

fn server(key: &KeyFile, url: &str) -> Server {
    Server::start(&["--auth-key-file", key.path(), url])
}

fn answer_to(challenge: &[u8]) -> Vec<u8> {
    let keys = vec![Key::new(KEY.into())];
    Auth { hash: Hash::Sha256, encoding: Encoding::Raw, keys }.response(challenge)
}

/// A response that was valid elsewhere: on another connection, on an earlier one, or as the
/// challenge itself. On bare TCP each is refused with the same silence as a wrong response.
#[test]
fn t_auth_replay() {
    let key = KeyFile::new(KEY);
    let server = server(&key, "tcp://127.0.0.1:0");
    let (mut first, mut second) = (Client::connect(server.url()), Client::connect(server.url()));
    let challenges = [first.read_exactly(32), second.read_exactly(32)];
    assert_ne!(challenges[0], challenges[1]);
    second.write(&answer_to(&challenges[0]));
    second.expect_end();
    first.write(&answer_to(&challenges[0]));
    first.echo(b"in");
    first.close();
    for wrong in [answer_to(&challenges[0]), challenges[0].clone(), vec![0; 32]] {
        let mut client = Client::connect(server.url());
        client.read_exactly(32);
        client.write(&wrong);
        client.expect_end();
    }
    let mut mirror = Client::connect(server.url());
    let challenge = mirror.read_exactly(32);
    mirror.write(&challenge);
    mirror.expect_end();
    server.wait_for_logs("the response to the challenge is wrong", 5);
}

/// Endless input before authentication: 256 bytes are read, in any number of frames, and not even a
/// valid response after them is accepted.
#[test]
fn t_auth_input_without_end() {
    let key = KeyFile::new(KEY);
    let server = server(&key, "ws://127.0.0.1:0");
    for flood in [wire::masked(PING, b"").repeat(100), wire::masked(BINARY, &[7; 70_000])] {
        let mut client = Client::open(server.url());
        let challenge = client.read_frame();
        assert_eq!((challenge.first, challenge.payload.len()), (BINARY, 32));
        client.write(&[flood, wire::masked(BINARY, &answer_to(&challenge.payload))].concat());
        let mut frames = Vec::new();
        while frames.last().is_none_or(|frame: &Frame| frame.first == PONG) {
            frames.push(client.read_frame());
        }
        assert_eq!(frames.pop(), Some(Frame::close(1008)));
        assert!(frames.len() <= 256 / 6, "{} pongs", frames.len());
        client.expect_end();
    }
    server.wait_for_logs("too much data before the response to the challenge was verified", 2);
    assert!(!server.stderr_so_far().contains("authenticated"), "{}", server.stderr_so_far());
}

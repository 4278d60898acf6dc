//! The counted scenes: one read of a connection, from its first byte to the finished responses.

use crate::support::{Endpoint, compressed, document, fragment, masked, request, websocket_server};
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Hash, Key};
use halloo::proto::deflate::Settings;
use halloo::proto::frame::Opcode;
use halloo::proto::{Config, Framing, Role};
use halloo::service::Echo;
use std::hint::black_box;

/// An operation of a server, repeated.
pub(crate) struct Scene {
    name: &'static str,
    server: Endpoint<Echo>,
    /// Each repetition uses a new connection that has received this before.
    anew_after: Option<Vec<u8>>,
    input: Vec<u8>,
    /// Operations in the input.
    operations: usize,
}

impl Scene {
    /// Repetitions before counting begins, which pay for one-time work.
    pub(crate) const WARM_UP: usize = 4;

    /// Repetitions that are counted.
    pub(crate) const COUNTED: usize = 100;

    /// A scene on a connection that is reused.
    fn lasting(name: &'static str, server: Endpoint<Echo>, input: Vec<u8>) -> Self {
        Self { name, server, anew_after: None, input, operations: 1 }
    }

    /// Sets the number of operations in the input.
    fn of(self, operations: usize) -> Self {
        Self { operations, ..self }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn operations(&self) -> usize {
        self.operations
    }

    /// Prepares all repetitions, and performs the first `worked` of them. The difference of two
    /// runs is the work alone, without the costs of a kernel or of other connections.
    pub(crate) fn play(mut self, worked: usize) {
        for round in 0..Self::WARM_UP + Self::COUNTED {
            self.prepare();
            if round < worked {
                black_box(self.server.response());
            }
        }
    }

    fn prepare(&mut self) {
        if let Some(before) = &self.anew_after {
            self.server.restart();
            self.server.receive(before);
            self.server.response();
        }
        self.server.receive(black_box(&self.input));
    }
}

/// Every scene in this build.
pub(crate) fn all() -> Vec<Scene> {
    let mut scenes = messages();
    scenes.extend(beginnings());
    scenes.extend(bare());
    if cfg!(feature = "deflate") {
        scenes.push(deflated());
    }
    scenes
}

/// WebSocket messages and control frames.
fn messages() -> Vec<Scene> {
    let binary = |bytes| masked(Opcode::Binary, &noise(bytes));
    let text = |bytes| masked(Opcode::Text, &multi_byte(bytes));
    let fragments = [
        fragment(Opcode::Text, false, &multi_byte(64)),
        fragment(Opcode::Continuation, false, &multi_byte(64)),
        fragment(Opcode::Continuation, false, &multi_byte(64)),
        fragment(Opcode::Continuation, true, &multi_byte(64)),
    ];
    vec![
        Scene::lasting("binary 64 B, alone", websocket(), binary(64)),
        Scene::lasting("binary 64 B, one of 32", websocket(), binary(64).repeat(32)).of(32),
        Scene::lasting("text 64 B, alone", websocket(), text(64)),
        Scene::lasting("text 64 B, one of 32", websocket(), text(64).repeat(32)).of(32),
        Scene::lasting("binary 16 KiB", websocket(), binary(16 * 1024)),
        Scene::lasting("text 16 KiB", websocket(), text(16 * 1024)),
        Scene::lasting("text of 4 fragments of 64 B", websocket(), fragments.concat()),
        Scene::lasting("ping of 16 B", websocket(), masked(Opcode::Ping, &noise(16))),
    ]
}

/// Input before the messages.
fn beginnings() -> Vec<Scene> {
    let auth = Auth {
        hash: Hash::Sha256,
        encoding: Encoding::Raw,
        keys: vec![Key::new(b"open sesame".to_vec())],
    };
    let answer = masked(Opcode::Binary, &auth.response(&[7; CHALLENGE_BYTES]));
    let guarded = Config { auth: Some(auth), ..websocket_server() };
    vec![
        Scene {
            anew_after: Some(Vec::new()),
            ..Scene::lasting(
                "opening handshake",
                Endpoint::new(websocket_server(), Echo),
                request(None),
            )
        },
        Scene {
            anew_after: Some(request(None)),
            ..Scene::lasting("auth answer, SHA-256", Endpoint::new(guarded, Echo), answer)
        },
    ]
}

/// Messages without WebSocket.
fn bare() -> Vec<Scene> {
    let server = |framing| Endpoint::after(Config::new(Role::Server, framing), Echo, &Vec::new());
    let mut line = multi_byte(63);
    line.push(b'\n');
    vec![
        Scene::lasting("line 64 B, alone", server(Framing::Line), line.clone()),
        Scene::lasting("line 64 B, one of 32", server(Framing::Line), line.repeat(32)).of(32),
        Scene::lasting("raw 64 B", server(Framing::Raw), noise(64)),
    ]
}

fn deflated() -> Scene {
    let settings = Settings { context_takeover: false, message_bytes_min: 0 };
    let config = Config { deflate: Some(settings), ..websocket_server() };
    let server = Endpoint::after(config, Echo, &request(Some(settings)));
    Scene::lasting("deflated text 1 KiB", server, compressed(settings, &document(1024)))
}

fn websocket() -> Endpoint<Echo> {
    Endpoint::after(websocket_server(), Echo, &request(None))
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 167 + 13) as u8).collect()
}

/// Text with a character of each length that UTF-8 has.
fn multi_byte(bytes: usize) -> Vec<u8> {
    let mut text = "aß水🎉".repeat(bytes / 10).into_bytes();
    text.resize(bytes, b'.');
    text
}

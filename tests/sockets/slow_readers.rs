//! Many clients that never read, and what is left of them when they have gone.

use super::client::Client;
use super::wire::{BINARY, masked};
use super::{process_of, serve};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const READERS: usize = 1_000;

/// When nobody could send anything for so long, all are stuck.
const STUCK: Duration = Duration::from_millis(300);

#[test]
fn what_they_took_is_given_back() {
    let server = serve(&["--profile", "internet", "ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut bystander = Client::open(server.url());
    bystander.echo(b"warm-up");
    let before = process.memory_kib();
    let mut readers: Vec<SlowReader> =
        (0..READERS).map(|_| SlowReader::open(server.url())).collect();
    let mut progress = Instant::now();
    while progress.elapsed() < STUCK {
        if readers.iter_mut().map(SlowReader::send).fold(false, |any, sent| any | sent) {
            progress = Instant::now();
        }
        thread::sleep(Duration::from_millis(10));
    }
    let held = process.memory_kib().saturating_sub(before);
    drop(readers);
    process.settles(|it| it.memory_kib() <= before + 1024);
    let left = process.memory_kib().saturating_sub(before);
    println!("{READERS} slow readers: {held} KiB while there, {left} KiB after");
    assert!(held > 4 * 1024, "{held} KiB: they were not slow");
    assert!(left <= 1024, "{left} KiB are left of {held} KiB of slow readers");
    bystander.echo(b"undisturbed");
}

/// A client that sends one message after another.
struct SlowReader {
    client: Client,
    message: Vec<u8>,
    /// How much of the message at hand is sent already.
    phase: usize,
}

impl SlowReader {
    fn open(url: &str) -> Self {
        let client = Client::open(url);
        client.stream().set_nonblocking(true).expect("a socket");
        Self { client, message: masked(BINARY, &[0; 16 * 1024]), phase: 0 }
    }

    /// Sends what is taken; whether any was.
    fn send(&mut self) -> bool {
        let mut any = false;
        while let Ok(count) = self.client.stream_mut().write(&self.message[self.phase..]) {
            self.phase = (self.phase + count) % self.message.len();
            any = true;
        }
        any
    }
}

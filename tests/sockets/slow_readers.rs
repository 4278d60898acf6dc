//! Many clients that never read, and the memory that remains after they have closed.

use super::client::Client;
use super::wire::{BINARY, masked};
use super::{process_of, serve};
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

const READERS: usize = 1_000;

/// After this time without progress on any client, all of them are blocked.
const STUCK: Duration = Duration::from_millis(300);

#[test]
fn memory_of_slow_readers_is_returned() {
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
    assert!(held > 4 * 1024, "{held} KiB: the readers were not slow");
    assert!(left <= 1024, "{left} KiB remain of {held} KiB of slow readers");
    bystander.echo(b"undisturbed");
}

/// A client that sends one message after another.
struct SlowReader {
    client: Client,
    message: Vec<u8>,
    /// Bytes sent of the current message.
    phase: usize,
}

impl SlowReader {
    fn open(url: &str) -> Self {
        let client = Client::open(url);
        client.stream().set_nonblocking(true).expect("a socket");
        Self { client, message: masked(BINARY, &[0; 16 * 1024]), phase: 0 }
    }

    /// Sends what the server accepts. Returns whether it accepted any.
    fn send(&mut self) -> bool {
        let mut any = false;
        while let Ok(count) = self.client.stream_mut().write(&self.message[self.phase..]) {
            self.phase = (self.phase + count) % self.message.len();
            any = true;
        }
        any
    }
}

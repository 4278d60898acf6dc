//! Ten thousand connections in one process, and the memory that remains after they have closed.

use super::client::Client;
use super::process;
use super::{process_of, serve};
use std::time::Instant;

/// The number of connections, if the limit on descriptors permits it.
const CONNECTIONS: usize = 10_000;

/// Descriptors that this process needs for everything else, including tests that run at the same
/// time.
const RESERVED: usize = 2_000;

#[test]
fn ten_thousand_connections_come_and_go() {
    let count = CONNECTIONS.min(process::own_descriptors() - RESERVED);
    let server = serve(&["ws://127.0.0.1:0", "tcp://127.0.0.1:0"]);
    let process = process_of(&server);
    let descriptors = process.descriptors();
    server.urls().iter().for_each(|url| Client::open(url).echo(b"warm-up"));
    assert!(process.settles(|it| it.descriptors() <= descriptors));
    let memory = process.memory_kib();

    let start = Instant::now();
    let mut clients: Vec<Client> =
        (0..count).map(|n| Client::open(&server.urls()[n % 2])).collect();
    let connected = start.elapsed();
    // All at once, so that many are ready in one turn.
    let message = |number: usize| format!("client {number}").into_bytes();
    clients.iter_mut().enumerate().for_each(|(n, client)| client.send(&message(n)));
    clients.iter_mut().enumerate().for_each(|(n, client)| client.expect_echo(&message(n)));
    let held = process.memory_kib().saturating_sub(memory);
    assert!(process.descriptors() >= count, "all are connected at the same time");

    drop(clients);
    assert!(process.settles(|it| it.descriptors() <= descriptors), "every descriptor is released");
    process.settles(|it| it.memory_kib() <= memory + 1024);
    let left = process.memory_kib().saturating_sub(memory);
    println!(
        "{count} connections: made in {connected:?}, {held} KiB while there, {left} KiB after"
    );
    assert!(left <= 2048, "{left} KiB remain of {count} closed connections");
    Client::open(server.url()).echo(b"the server still serves");
}

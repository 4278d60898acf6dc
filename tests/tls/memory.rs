//! Large messages, slow readers, and what a connection costs.

use super::client::Client;
use super::{process_of, serve};
use std::time::Duration;

const MIB: usize = 1 << 20;

/// What an idle TLS connection may cost, in bytes.
const IDLE_BYTES_MAX: u64 = 16 * 1024;

#[test]
fn large_messages_come_back_byte_for_byte() {
    let server = serve(&["wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    for url in server.urls() {
        for size in [65_537, 16 * MIB + 3] {
            let mut client = Client::open(url);
            let message = pattern(size);
            let (output, expected) = (client.encode(&message), client.echo_of(&message));
            let heard = client.stream_mut().exchange(&output, expected.len());
            assert!(heard == expected, "{url}: {size} bytes are other ones");
            client.close();
        }
    }
}

/// A client that writes all it has before it reads, and then reads slowly.
#[test]
fn a_slow_reader_misses_nothing() {
    let server = serve(&["wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    for url in server.urls() {
        let mut client = Client::open(url);
        let message = pattern(MIB);
        client.send(&message);
        let expected = client.echo_of(&message);
        for part in expected.chunks(16_000) {
            assert!(client.read_exactly(part.len()) == part, "{url}: other bytes");
            std::thread::sleep(Duration::from_millis(2));
        }
        client.close();
    }
}

#[test]
fn an_idle_connection_is_cheap_and_gives_back_what_it_took() {
    const CLIENTS: u64 = 2_000;
    let server = serve(&["--quiet", "wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    let process = process_of(&server);
    server.urls().iter().for_each(|url| Client::open(url).echo(b"warm-up"));
    let descriptors = process.descriptors();
    let before = process.memory_kib();
    // The second crowd finds what the first one has given back.
    for crowd in 1..=2 {
        let mut clients: Vec<Client> =
            (0..CLIENTS as usize).map(|n| Client::open(&server.urls()[n % 2])).collect();
        clients.iter_mut().for_each(|client| client.echo(&[b'x'; 20_000]));
        let each = (process.memory_kib() - before) * 1024 / CLIENTS;
        drop(clients);
        assert!(process.settles(|it| it.descriptors() <= descriptors), "every descriptor returns");
        let left = process.memory_kib().saturating_sub(before);
        println!(
            "crowd {crowd}: {CLIENTS} idle TLS connections, {each} bytes each; then {left} KiB"
        );
        assert!(each <= IDLE_BYTES_MAX, "{each} bytes each");
    }
}

/// What waits as ciphertext is charged like what waits as plaintext.
#[test]
fn the_limit_of_memory_holds_for_those_who_do_not_read() {
    const CLIENTS: usize = 60;
    let flags = ["--max-memory", "1MiB", "--service", "flood", "tls://127.0.0.1:0"];
    let server = serve(&flags);
    let process = process_of(&server);
    let before = process.memory_kib();
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.url())).collect();
    let log =
        server.wait_for_logs("ended: the server is out of memory for its peers", CLIENTS - 16);
    let grown = process.memory_kib() - before;
    println!("{CLIENTS} that do not read, within 1 MiB: {grown} KiB more");
    assert!(grown < 3 * 1024, "{grown} KiB");
    assert!(log.matches("ended: ").count() < CLIENTS, "the others go on");
    drop(clients);
    server.wait_for_logs("ended: ", CLIENTS);
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8).collect()
}

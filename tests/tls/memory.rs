//! Large messages, slow readers, and the memory of connections.

use super::client::Client;
use super::stream::tcp;
use super::{process_of, serve, wire};
use std::io::Write;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// The most memory that an idle TLS connection may use, in bytes.
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
            assert!(heard == expected, "{url}: {size} bytes came back changed");
            client.close();
        }
    }
}

/// A client that writes all its data before it reads, and then reads slowly.
#[test]
fn a_slow_reader_receives_everything() {
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
fn an_idle_connection_uses_little_memory_and_returns_it() {
    const CLIENTS: u64 = 2_000;
    let server = serve(&["--quiet", "wss://127.0.0.1:0", "tls://127.0.0.1:0"]);
    let process = process_of(&server);
    server.urls().iter().for_each(|url| Client::open(url).echo(b"warm-up"));
    let descriptors = process.descriptors();
    let before = process.memory_kib();
    // The second crowd reuses the memory that the first one has released.
    for crowd in 1..=2 {
        let mut clients: Vec<Client> =
            (0..CLIENTS as usize).map(|n| Client::open(&server.urls()[n % 2])).collect();
        clients.iter_mut().for_each(|client| client.echo(&[b'x'; 20_000]));
        let each = (process.memory_kib() - before) * 1024 / CLIENTS;
        drop(clients);
        assert!(
            process.settles(|it| it.descriptors() <= descriptors),
            "every descriptor is released"
        );
        let left = process.memory_kib().saturating_sub(before);
        println!(
            "crowd {crowd}: {CLIENTS} idle TLS connections, {each} bytes each; then {left} KiB"
        );
        assert!(each <= IDLE_BYTES_MAX, "{each} bytes each");
    }
}

/// Pending ciphertext is charged like pending plaintext.
#[test]
fn the_memory_limit_holds_for_clients_that_do_not_read() {
    const CLIENTS: usize = 60;
    let flags = ["--max-memory", "1MiB", "--service", "flood", "tls://127.0.0.1:0"];
    let server = serve(&flags);
    let process = process_of(&server);
    let before = process.memory_kib();
    let clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(server.url())).collect();
    let log = server.wait_for_logs("ended: the server's memory limit is reached", CLIENTS - 16);
    let grown = process.memory_kib() - before;
    println!("{CLIENTS} that do not read, within 1 MiB: {grown} KiB more");
    assert!(grown < 3 * 1024, "{grown} KiB");
    assert!(log.matches("ended: ").count() < CLIENTS, "other clients are served");
    drop(clients);
    server.wait_for_logs("ended: ", CLIENTS);
}

/// A ClientHello of the largest size without its last byte: the part that the server holds is
/// charged, and a client that completes it is served.
#[test]
fn the_memory_limit_holds_for_half_a_handshake() {
    const CLIENTS: usize = 1_000;
    let server = serve(&["--max-memory", "8MiB", "tls://127.0.0.1:0"]);
    let hello = [&[1, 0, 0xfd, 0xe8][..], &[0; 64_900]].concat();
    let record = |part: &[u8]| {
        let len = (part.len() as u16).to_be_bytes();
        [&[22, 3, 1][..], &len, part].concat()
    };
    let records: Vec<u8> = hello.chunks(16_000).flat_map(record).collect();
    let attackers: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut socket = tcp(server.url());
            // A client that was ended already may have gone.
            let _ = socket.write_all(&records);
            socket
        })
        .collect();
    // Not every one of them has a line in the log.
    server.wait_for_log("ended: the server's memory limit is reached");
    assert!(process_of(&server).settles(|it| it.descriptors() < 200), "most are ended");
    let most_mib = process_of(&server).memory_kib_max() / 1024;
    println!("{CLIENTS} halves of a handshake, within 8 MiB: {most_mib} MiB at most");
    assert!(most_mib <= 8 + 32, "{most_mib} MiB");
    Client::open(server.url()).echo(b"still served");
    drop(attackers);
}

/// A record that was begun and not completed: it is charged, it does not count as activity, and a
/// stop waits for it as for an incomplete message.
#[test]
fn half_a_record_is_a_message_in_progress() {
    const CLIENTS: usize = 300;
    let flags = ["--max-memory", "4MiB", "--idle-timeout", "3s", "--drain-timeout", "1s"];
    let server = serve(&[&flags[..], &["tls://127.0.0.1:0"]].concat());
    let begun: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let mut client = Client::open(server.url());
            client.echo(b"x");
            let record = client.stream_mut().ciphertext(&[b'x'; 16_000]);
            let _ = client.stream().tcp().write_all(&record[..record.len() - 1]);
            client
        })
        .collect();
    server.wait_for_logs("ended: the server's memory limit is reached", CLIENTS / 4);
    let log = server.wait_for_logs("ended: ", CLIENTS);
    assert!(log.contains("no message for too long"), "{log}");
    drop(begun);
    let mut begun = Client::open(server.url());
    let record = begun.stream_mut().ciphertext(b"the end of it comes late");
    let (first, rest) = record.split_at(20);
    begun.stream().tcp().write_all(first).expect("the server reads");
    std::thread::sleep(Duration::from_millis(200));
    server.terminate();
    std::thread::sleep(Duration::from_millis(200));
    begun.stream().tcp().write_all(rest).expect("it waits for it");
    assert_eq!(begun.read_exactly(24), b"the end of it comes late");
}

/// Compressed zeros through TLS, from clients that do not read: no more memory than without TLS.
#[cfg(feature = "deflate")]
#[test]
fn the_memory_limit_holds_for_bombs() {
    const LIMIT_MIB: u64 = 64;
    for unit in [20 * MIB, 64 * 1024] {
        let server = serve(&["--max-memory", "64MiB", "wss://127.0.0.1:0"]);
        let mut deflater = flate2::Compress::new(flate2::Compression::best(), false);
        let mut payload = Vec::with_capacity(unit / 100 + 1_000);
        let flush = flate2::FlushCompress::Sync;
        deflater.compress_vec(&vec![0; unit], &mut payload, flush).expect("there is room");
        payload.truncate(payload.len() - 4);
        let bomb = wire::masked(wire::BINARY | 0x40, &payload);
        let offer = "permessage-deflate; server_max_window_bits=8";
        let field = format!("Sec-WebSocket-Extensions: {offer}\r\n");
        let mut clients: Vec<Client> = (0..8)
            .map(|_| {
                let mut client = Client::connect(server.url());
                client.write(&wire::request_with(&field));
                client.read_head();
                client
            })
            .collect();
        for client in &mut clients {
            client.stream().tcp().set_write_timeout(Some(Duration::from_millis(300))).expect("one");
            for _ in 0..4 {
                let _ = client.try_write(&bomb);
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        let most_mib = process_of(&server).memory_kib_max() / 1024;
        println!("bombs of {} KiB, within {LIMIT_MIB} MiB: {most_mib} MiB at most", unit / 1024);
        assert!(most_mib <= LIMIT_MIB + 32, "{most_mib} MiB");
        Client::open(server.url()).echo(b"still served");
    }
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index ^ (index >> 8) ^ (index >> 16)) as u8).collect()
}

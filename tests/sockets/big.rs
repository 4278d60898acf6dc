//! Large amounts of data: slow readers, and messages far larger than the memory that the server may
//! use.

use super::client::{Client, shown};
use super::framing::Framing;
use super::process::Process;
use super::stream::Stream;
use super::support::Server;
use super::wire::{BINARY, KEY, TEXT, header, masked_header};
use super::{ALL_FRAMINGS, process_of, serve};
use std::io::{ErrorKind, Write};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// Bytes of one message in a stream of many.
const MESSAGE_BYTES: usize = 32 * 1024;

#[test]
fn a_slow_reader_receives_everything_and_costs_little_memory() {
    const TOTAL_BYTES: usize = 32 * MIB;
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let process = warmed_up(process_of(&server), url);
        let before = process.memory_kib();
        let mut client = Client::open(url);
        let writer = write_messages(&client, TOTAL_BYTES / MESSAGE_BYTES);
        // By now the server has filled every buffer on the path and waits.
        thread::sleep(Duration::from_millis(300));
        let grown = process.memory_kib().saturating_sub(before);
        for number in 0..TOTAL_BYTES / MESSAGE_BYTES {
            client.expect_echo(&numbered(number));
            if number % 128 == 0 {
                thread::sleep(Duration::from_millis(5));
            }
        }
        writer.join().expect("the writer wrote everything");
        client.close();
        println!("{url}: a slow reader of 32 MiB costs {grown} KiB");
        assert!(grown < 16 * 1024, "{url}: {grown} KiB held for one slow reader");
    }
}

#[test]
fn a_binary_message_of_256_mib_is_streamed() {
    const BYTES: usize = 256 * MIB;
    let server = serve(&["--max-message-size", "1GiB", "ws://127.0.0.1:0"]);
    let process = warmed_up(process_of(&server), server.url());
    let before = process.memory_kib();
    let mut client = Client::open(server.url());
    let writer = write_big(&client, BINARY, BYTES);
    // One header of the same length, and then the payload as it arrives.
    assert_eq!(client.read_exactly(10), header(BINARY, 0, BYTES));
    let mut peak = 0;
    for block in 0..BYTES / MIB {
        let heard = client.read_exactly(MIB);
        assert!(heard == pattern(), "block {block}: {}", shown(&heard));
        peak = peak.max(process.memory_kib());
    }
    writer.join().expect("the writer wrote everything");
    client.close();
    let grown = peak.saturating_sub(before);
    println!("a binary message of 256 MiB costs {grown} KiB");
    assert!(grown <= 1024, "{grown} KiB held for a message that is streamed");
}

#[test]
fn a_text_message_of_64_mib_comes_back_in_fragments() {
    const BYTES: usize = 64 * MIB;
    let server = serve(&["ws://127.0.0.1:0"]);
    let process = warmed_up(process_of(&server), server.url());
    let before = process.memory_kib();
    let mut client = Client::open(server.url());
    let writer = write_big(&client, TEXT, BYTES);
    let (mut heard, mut peak, mut frames) = (0, 0, 0);
    let expected = pattern();
    loop {
        let frame = client.read_frame();
        let opcode = frame.first & 0x0f;
        assert_eq!(opcode, if frames == 0 { 1 } else { 0 }, "{frame:?}");
        for byte in &frame.payload {
            assert_eq!(*byte, expected[heard % MIB], "byte {heard}");
            heard += 1;
        }
        frames += 1;
        peak = peak.max(process.memory_kib());
        if frame.first & 0x80 != 0 {
            break;
        }
    }
    assert_eq!(heard, BYTES);
    writer.join().expect("the writer wrote everything");
    client.close();
    let grown = peak.saturating_sub(before);
    println!("a text message of 64 MiB costs {grown} KiB, and comes back in {frames} frames");
    assert!(grown <= 1536, "{grown} KiB held for a message that is streamed");
}

#[test]
fn all_slow_readers_together_cost_no_more_than_the_cap() {
    const CLIENTS: usize = 30;
    let server = Server::start(&["--max-memory", "1MiB", "tcp://127.0.0.1:0", "ws://127.0.0.1:0"]);
    let process = warmed_up(process_of(&server), server.url());
    let before = process.memory_kib();
    let mut bystander = Client::open(server.url());
    let clients: Vec<Client> = (0..CLIENTS).map(|n| Client::open(&server.urls()[n % 2])).collect();
    let outputs: Vec<Stream> = clients.iter().map(second_handle).collect();
    // Each sends more than the kernel holds for it, and none of them reads.
    let writers: Vec<_> =
        outputs.into_iter().map(|output| thread::spawn(|| deafly(output))).collect();
    server.wait_for_log("the server's memory limit is reached");
    bystander.echo(b"undisturbed");
    let grown = process.memory_kib().saturating_sub(before);
    drop(clients);
    writers.into_iter().for_each(|writer| writer.join().expect("a writer ends"));
    println!("{CLIENTS} clients that never read cost {grown} KiB with --max-memory 1MiB");
    assert!(grown < 4 * 1024, "{grown} KiB with --max-memory 1MiB");
    bystander.echo(b"still undisturbed");
}

/// Writes until the server accepts no more.
fn deafly(mut output: Stream) {
    output.set_nonblocking(true).expect("a socket");
    let bytes = super::wire::masked(BINARY, &[0; MESSAGE_BYTES]);
    let until = Instant::now() + Duration::from_secs(3);
    let mut rest = &bytes[..];
    while Instant::now() < until {
        match output.write(rest) {
            Ok(count) if count == rest.len() => rest = &bytes,
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(10));
            }
            // The server has ended this connection.
            Err(_) => return,
        }
    }
}

/// Makes the server touch the memory that it touches once, above all the receive buffer.
fn warmed_up(process: Process, url: &str) -> Process {
    let mut client = Client::open(url);
    let writer = write_messages(&client, 32);
    (0..32).for_each(|number| client.expect_echo(&numbered(number)));
    writer.join().expect("the writer wrote everything");
    client.close();
    process
}

/// Sends this number of numbered messages from a separate thread.
fn write_messages(client: &Client, count: usize) -> JoinHandle<()> {
    let mut output = second_handle(client);
    let encode = match client.framing() {
        Framing::WebSocket => |message: &[u8]| super::wire::masked(BINARY, message),
        Framing::Line => |message: &[u8]| [message, b"\n"].concat(),
        Framing::Raw => |message: &[u8]| message.to_vec(),
    };
    thread::spawn(move || {
        for number in 0..count {
            output.write_all(&encode(&numbered(number))).expect("the server reads in time");
        }
    })
}

/// Sends one message as one frame from a separate thread. `bytes` is a multiple of a MiB.
fn write_big(client: &Client, first: u8, bytes: usize) -> JoinHandle<()> {
    let mut output = second_handle(client);
    // The masking key starts over with each block, because the block size is a multiple of the
    // key's.
    let block: Vec<u8> =
        pattern().iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    thread::spawn(move || {
        output.write_all(&masked_header(first, bytes)).expect("the server reads");
        for _ in 0..bytes / MIB {
            output.write_all(&block).expect("the server reads in time");
        }
    })
}

fn second_handle(client: &Client) -> Stream {
    client.stream().try_clone().expect("a second handle")
}

/// A message with its number repeated throughout.
fn numbered(number: usize) -> Vec<u8> {
    format!("{number:015} ").repeat(MESSAGE_BYTES / 16).into_bytes()
}

/// A MiB in which no byte equals its neighbours.
fn pattern() -> Vec<u8> {
    (0..MIB).map(|index| b' ' + (index % 89) as u8).collect()
}

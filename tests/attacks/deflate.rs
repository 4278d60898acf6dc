//! Attacks with compressed messages (RFC 7692).

use crate::client::Client;
use crate::pair::Setup;
use crate::wire::{self, BINARY, FIRST_BINARY, Frame, LAST, NEXT};
use crate::{process_of, serve};
use flate2::{Compress, Compression, FlushCompress};
use halloo::proto::deflate::Settings;
use halloo::proto::{Error, Framing};

/// The bit that marks a message as compressed.
const RSV1: u8 = 0x40;

/// The bytes that a sender removes after each flush (RFC 7692 §7.2.1).
const FLUSH: [u8; 4] = [0, 0, 0xff, 0xff];

/// Bytes that one unit of a bomb decompresses to.
const UNIT: usize = 1024 * 1024;

const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

fn deflating(message_bytes_max: u64) -> Setup {
    let settings = Settings { context_takeover: false, message_bytes_min: 0 };
    Setup { deflate: Some(settings), message_bytes_max, ..Setup::new(Framing::WebSocket) }
}

/// The payload of this message as our client compresses it.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut pair = deflating(u64::MAX).pair();
    pair.client.send_binary(message);
    let frame = pair.client.frames().pop().expect("it sent one");
    assert_eq!(frame.first, BINARY | RSV1);
    frame.payload
}

/// `count` units of zeros at the highest ratio, 1032 to 1: each unit is compressed alone, and they
/// follow each other.
fn bomb(units: usize) -> Vec<u8> {
    let mut unit = Vec::with_capacity(UNIT);
    let mut deflater = Compress::new(Compression::best(), false);
    let zeros = vec![0; UNIT];
    deflater.compress_vec(&zeros, &mut unit, FlushCompress::Sync).expect("there is room");
    let unit = unit.strip_suffix(&FLUSH).expect("it is flushed");
    vec![unit; units].join(&FLUSH[..])
}

/// A message of `count` zeros, as small as possible.
pub(crate) fn bomb_of(first: u8, bytes: usize) -> Vec<u8> {
    let mut deflater = Compress::new(Compression::best(), false);
    let mut payload = Vec::with_capacity(bytes / 100 + 1_000);
    let zeros = vec![0; bytes];
    deflater.compress_vec(&zeros, &mut payload, FlushCompress::Sync).expect("there is room");
    assert_eq!(deflater.total_in(), bytes as u64);
    wire::masked(first, payload.strip_suffix(&FLUSH).expect("it is flushed"))
}

/// A client that was granted compression.
fn open(url: &str) -> Client {
    let mut client = Client::connect(url);
    client.write(&wire::request_with(EXTENSION));
    let head = client.read_head();
    assert!(head.contains("Sec-WebSocket-Extensions: permessage-deflate"), "{head}");
    client
}

/// A server in memory that has granted compression and received these frames.
fn server_given(setup: &Setup, frames: &[u8]) -> crate::endpoint::Endpoint {
    let mut server = setup.silent_server();
    server.start();
    server.receive(&[&wire::request_with(EXTENSION), frames].concat(), setup.chunk);
    server
}

/// A limit that is checked only after decompression: 1 GiB of zeros in 1 MiB is refused at 16 MiB
/// and costs no more memory than that.
#[test]
fn t_cve_2018_1000518() {
    const LIMIT_KIB: u64 = 16 * 1024;
    let server = serve(&["--max-message-size", "16MiB", "ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut client = open(server.url());
    let frame = wire::masked(BINARY | RSV1, &bomb(1024));
    let before = process.memory_kib_max();
    client.write(&frame);
    client.expect_close(1009);
    let grown = process.memory_kib_max() - before;
    println!("a bomb of 1 GiB in {} KiB: {grown} KiB at most", frame.len() / 1024);
    // The frame itself is collected too; the rest is memory that the process had not touched
    // before.
    let frame_kib = frame.len() as u64 / 1024;
    assert!(grown <= LIMIT_KIB + 2 * frame_kib + 1024, "{grown} KiB");
    let mut client = open(server.url());
    client.write(&wire::masked(BINARY | RSV1, &bomb(16)));
    let echo = client.read_frame();
    assert_eq!(echo.first, BINARY | RSV1, "a message of exactly the limit is echoed");
}

/// The same hidden in fragments, at every read size: exactly the limit passes, and one byte more
/// does not.
#[test]
fn t_cve_2026_1526() {
    const LIMIT: usize = 100_000;
    for (len, error) in [(LIMIT, None), (LIMIT + 1, Some(Error::MessageTooBig))] {
        let payload = compressed(&vec![7; len]);
        for pieces in [1, 2, 5, payload.len()] {
            let fragments: Vec<&[u8]> = payload.chunks(payload.len().div_ceil(pieces)).collect();
            let (last, others) = fragments.split_last().expect("it is not empty");
            let mut first = if others.is_empty() { BINARY | RSV1 } else { FIRST_BINARY | RSV1 };
            let mut frames = Vec::new();
            for fragment in others {
                frames.extend(wire::masked(first, fragment));
                first = NEXT;
            }
            frames.extend(wire::masked(first | LAST, last));
            for setup in deflating(LIMIT as u64).everywhere() {
                let server = server_given(&setup, &frames);
                assert_eq!(server.error(), error, "{len} bytes in {pieces} fragments");
                assert_eq!(server.journal().bytes().len(), if error.is_none() { len } else { 0 });
                server.assert_idle();
            }
        }
    }
}

/// A decompressor that needs much stack, or writes past its buffer: valid and invalid streams pass
/// through it on a stack of 128 KiB.
#[test]
fn t_rustsec_2024_0401() {
    let thread = std::thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        let good = compressed(&(0..=255).cycle().take(300_000).collect::<Vec<u8>>());
        for spoiled in 0..200 {
            let mut payload = good.clone();
            let at = spoiled * 7 % payload.len();
            payload[at] ^= 1 << (spoiled % 8);
            let setup = deflating(1_000_000);
            let server = server_given(&setup, &wire::masked(BINARY | RSV1, &payload));
            assert!(server.journal().bytes().len() <= 1_000_000);
        }
        // A distance beyond the window, and code lengths that do not form a code.
        for bytes in [&[0x4b, 0x04, 0x72, 0xff][..], &[0x05; 40], &[0xed; 40], &[0x04; 3]] {
            server_given(&deflating(1_000), &wire::masked(BINARY | RSV1, bytes));
        }
    });
    thread.expect("a thread").join().expect("no overflow and no panic");
}

/// Compressor state per connection: a thousand connections that all compress cost less than 1 KiB
/// each, and the next thousand cost nothing more.
#[test]
fn t_node_8871() {
    const CLIENTS: usize = 1_000;
    let server = serve(&["ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let message = wire::masked(BINARY | RSV1, &compressed(&[7; 10_000]));
    let converse = |client: &mut Client| {
        client.write(&message);
        assert_eq!(client.read_frame().first, BINARY | RSV1);
    };
    converse(&mut open(server.url()));
    let before = process.memory_kib();
    let mut after_round = Vec::new();
    for _ in 0..3 {
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| open(server.url())).collect();
        clients.iter_mut().for_each(converse);
        after_round.push(process.memory_kib().saturating_sub(before));
    }
    println!("{CLIENTS} connections that compress, three times: {after_round:?} KiB");
    assert!(after_round.iter().all(|&grown| grown < CLIENTS as u64), "{after_round:?} KiB");
    // The heap keeps 240 KiB in reserve after many connections, once.
    assert!(after_round[1] <= after_round[0] + 384, "{after_round:?} KiB");
    assert!(after_round[2] <= after_round[1] + 128, "{after_round:?} KiB");
}

/// A secret and an attacker's text in one window (CRIME, BREACH): by default a message is
/// compressed without the context of earlier ones.
#[test]
fn t_crime_breach() {
    let message = compressed(b"session=0123456789abcdef");
    let frame = wire::masked(BINARY | RSV1, &message);
    let server = server_given(&deflating(1_000), &frame.repeat(3));
    let frames: Vec<Frame> = wire::frames(wire::after_head(server.output()));
    assert_eq!(frames.len(), 3);
    assert!(frames.iter().all(|answer| *answer == frames[0]), "{frames:?}");
    let head = String::from_utf8_lossy(server.output()).into_owned();
    assert!(head.contains("server_no_context_takeover; client_no_context_takeover"), "{head}");
}

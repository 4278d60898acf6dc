//! Peers that violate the protocol, each on its own connection, while another client is served.
//! Each one receives the reason and then the end of the stream, never a reset, even if it is still
//! sending.

use super::client::Client;
use super::support::Server;
use super::wire::{BINARY, CLOSE, Frame, PING, TEXT, changed, header, masked, masked_header};
use super::{process_of, serve};

/// Data that a peer may still be sending after its violation was detected.
static MORE: [u8; 20_000] = [b'!'; 20_000];

#[test]
fn bad_frames_are_closed_with_their_code() {
    let server = serve(&["--max-message-size", "1MiB", "ws://127.0.0.1:0"]);
    let mut bystander = Client::open(server.url());
    for (name, bytes, code) in bad_frames() {
        println!("{name}");
        bystander.echo(b"before");
        for more in [&[][..], &MORE] {
            let mut client = Client::open(server.url());
            client.echo(b"well-behaved so far");
            client.write(&[&bytes, more].concat());
            let last = read_to_close(&mut client);
            assert_eq!(last.close_code(), Some(code), "{name}: {last:?}");
            client.expect_end();
        }
        bystander.echo(b"after");
    }
}

/// Reads up to the Close frame, which follows the responses to the valid messages.
fn read_to_close(client: &mut Client) -> Frame {
    loop {
        let frame = client.read_frame();
        if !matches!(frame.first & 0x0f, 0..=2) {
            return frame;
        }
    }
}

fn bad_frames() -> Vec<(&'static str, Vec<u8>, u16)> {
    let unmasked = [header(TEXT, 0, 5), b"hello".to_vec()].concat();
    let bad_close = masked(CLOSE, &1005_u16.to_be_bytes());
    let interrupted = [masked(0x01, b"begun"), masked(TEXT, b"anew")].concat();
    let top_bit = [&[BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1][..], &[0; 5]].concat();
    vec![
        ("unmasked", unmasked, 1002),
        ("reserved opcode", masked(0x83, b"?"), 1002),
        ("reserved control opcode", masked(0x8b, b"?"), 1002),
        ("reserved bit", masked(BINARY | 0x40, b"?"), 1002),
        ("long ping", masked(PING, &[0; 126]), 1002),
        ("fragmented ping", masked(0x09, b"?"), 1002),
        ("continuation of nothing", masked(0x80, b"?"), 1002),
        ("a message inside another", interrupted, 1002),
        ("length that is not minimal", vec![BINARY, 0xfe, 0, 5, 0, 0, 0, 0], 1002),
        ("length with its top bit set", top_bit, 1002),
        ("close of one byte", masked(CLOSE, b"\x03"), 1002),
        ("close with a code that is never sent", bad_close, 1002),
        ("too long", masked_header(BINARY, (1 << 20) + 1), 1009),
        ("not UTF-8", masked(TEXT, b"caf\xe9!"), 1007),
        ("overlong UTF-8", masked(TEXT, b"\xc0\xaf"), 1007),
        ("close with a reason that is not UTF-8", masked(CLOSE, b"\x03\xe8\xff"), 1007),
    ]
}

#[test]
fn bad_requests_get_an_http_response() {
    let server = serve(&["ws://127.0.0.1:0"]);
    let mut bystander = Client::open(server.url());
    for (name, bytes, status) in bad_requests() {
        println!("{name}");
        bystander.echo(b"before");
        for more in [&[][..], &MORE] {
            let mut client = Client::connect(server.url());
            client.write(&[&bytes, more].concat());
            assert_refusal(&mut client, status);
        }
        bystander.echo(b"after");
    }
}

#[track_caller]
fn assert_refusal(client: &mut Client, status: u16) {
    let head = client.read_head();
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}: {head}");
    assert!(head.contains("\r\nConnection: close"), "{head}");
    let lists_version = head.contains("\r\nSec-WebSocket-Version: 13\r\n");
    assert_eq!(lists_version, status == 426, "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    assert_eq!(client.rest().len(), length, "{head}");
}

fn bad_requests() -> Vec<(&'static str, Vec<u8>, u16)> {
    let huge = format!("Cookie: {}\r\nConnection", "c".repeat(100_000));
    vec![
        ("garbage", b"\x00\x01\x02 hello?\r\n\r\n".to_vec(), 400),
        ("TLS", client_hello(), 400),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), 400),
        ("POST", changed("GET / ", "POST / "), 405),
        ("HTTP/1.0", changed("HTTP/1.1", "HTTP/1.0"), 505),
        ("no Upgrade", changed("Upgrade: websocket\r\n", ""), 426),
        ("another version", changed("Version: 13", "Version: 8"), 426),
        ("two Hosts", changed("Host: halloo.test", "Host: a\r\nHost: b"), 400),
        ("no Host", changed("Host: halloo.test\r\n", ""), 400),
        ("no key", changed("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key:"), 400),
        ("a huge head", changed("Connection", &huge), 431),
        ("a head without end", [&b"GET / HTTP/1.1\r\nA: "[..], &[b'a'; 100_000]].concat(), 431),
        ("a folded line", changed("Host: halloo.test", "Host: halloo.test\r\n folded"), 400),
        ("a body", changed("Connection", "Content-Length: 5\r\nConnection"), 400),
    ]
}

/// The beginning of a TLS 1.3 handshake, as a client sends it that mistakes this address for wss.
fn client_hello() -> Vec<u8> {
    let mut bytes = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    bytes.extend((0..32).map(|index| index * 7));
    bytes.extend([0x20; 33]);
    bytes.extend([0x00, 0x02, 0x13, 0x01, 0x01, 0x00]);
    bytes
}

#[test]
fn a_line_or_message_that_is_too_long_ends_the_stream_without_a_reason() {
    let server = serve(&["--max-message-size", "1KiB", "line://127.0.0.1:0"]);
    let mut bystander = Client::open(server.url());
    let mut client = Client::open(server.url());
    client.write(&[b'x'; 5_000]);
    let rest = client.rest();
    assert!(rest.len() <= 1024 && rest.iter().all(|byte| *byte == b'x'), "{}", rest.len());
    bystander.echo(b"undisturbed");
}

#[test]
fn a_reset_does_not_disturb_other_clients() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut bystander = Client::open(server.url());
    bystander.echo(b"before");
    let descriptors = process.descriptors();
    for _ in 0..20 {
        let mut client = Client::open(server.url());
        // Closing a socket with unread input sends a reset.
        client.send(&[b'r'; 100_000]);
        client.read_exactly(1);
    }
    server.wait_for_logs("ended: ", 20);
    bystander.echo(b"after");
    assert_eq!(process.descriptors(), descriptors, "every descriptor is released");
}

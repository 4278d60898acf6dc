//! One byte at a time: the handshake, and frames with every length form.

use super::client::Client;
use super::wire::{CLOSE, Frame, PING, PONG, REQUEST, TEXT, masked, masked_close};
use super::{ALL_FRAMINGS, serve};

#[test]
fn a_handshake_and_frames_byte_by_byte() {
    let server = serve(&["ws://127.0.0.1:0"]);
    let mut client = Client::connect(server.url());
    write_bytewise(&mut client, REQUEST);
    client.expect_upgrade();
    for size in [0, 1, 125, 126, 400] {
        let text = vec![b'x'; size];
        write_bytewise(&mut client, &masked(TEXT, &text));
        assert_eq!(text_message(&mut client), text);
    }
    write_bytewise(&mut client, &masked(PING, b"are you there?"));
    assert_eq!(client.read_frame(), Frame::new(PONG, b"are you there?"));
    write_bytewise(&mut client, &masked_close(1000));
    assert_eq!(client.read_frame(), Frame::new(CLOSE, &1000_u16.to_be_bytes()));
    client.expect_end();
}

#[test]
fn every_framing_byte_by_byte() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let mut client = Client::open(url);
        let message = b"a message sent byte by byte";
        let bytes = client.encode(message);
        write_bytewise(&mut client, &bytes);
        client.expect_echo(message);
        client.close();
    }
}

/// Each byte is one segment: the socket has TCP_NODELAY.
fn write_bytewise(client: &mut Client, bytes: &[u8]) {
    for byte in bytes.chunks(1) {
        client.write(byte);
    }
}

/// A text message, in any number of frames.
fn text_message(client: &mut Client) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        let frame = client.read_frame();
        assert!(matches!(frame.first & 0x0f, 0 | 1), "{frame:?}");
        text.extend_from_slice(&frame.payload);
        if frame.first & 0x80 != 0 {
            return text;
        }
    }
}

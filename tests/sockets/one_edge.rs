//! Data and end of stream at once: the client writes and shuts down immediately. The server must
//! echo everything before it closes, whether one event reports both or two do, and must not reset.

use super::client::{Client, shown};
use super::framing::Framing;
use super::wire::REQUEST;
use super::{ALL_FRAMINGS, process_of, serve};

/// Sizes around the reactor's receive buffer of 256 KiB, and around zero.
const SIZES: [usize; 6] = [1, 125, 60_000, 262_143, 262_144, 1_000_000];

/// An amount that fits into the socket buffers while the server does not read.
const SMALL: usize = 20_000;

#[test]
fn the_whole_echo_arrives_and_then_the_end() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        for size in SIZES {
            let message = pattern(size);
            let mut client = Client::open(url);
            let bytes = client.encode(&message);
            let mut output = client.stream().try_clone().expect("a second handle");
            let writer = std::thread::spawn(move || {
                std::io::Write::write_all(&mut output, &bytes).expect("the server reads");
                output.finish_output().expect("the connection is accepted");
            });
            client.expect_echo(&message);
            client.expect_end();
            writer.join().expect("the writer wrote everything");
        }
    }
}

#[test]
fn data_and_the_end_in_one_event() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let message = pattern(SMALL);
        let mut client = Client::open(url);
        client.echo(b"before");
        process_of(&server).while_stopped(|| {
            client.send(&message);
            client.finish_output();
        });
        client.expect_echo(&message);
        client.expect_end();
    }
}

#[test]
fn a_whole_conversation_before_the_server_accepts() {
    let server = serve(&ALL_FRAMINGS);
    for url in server.urls() {
        let message = pattern(SMALL);
        let mut client = process_of(&server).while_stopped(|| {
            let mut client = Client::connect(url);
            let request: &[u8] = if client.framing() == Framing::WebSocket { REQUEST } else { b"" };
            let bytes = [request, &client.encode(&message)].concat();
            client.write(&bytes);
            client.finish_output();
            client
        });
        if client.framing() == Framing::WebSocket {
            client.expect_upgrade();
        }
        client.expect_echo(&message);
        client.expect_end();
    }
}

#[test]
fn an_unfinished_line_counts_when_the_input_ends() {
    let server = serve(&["line://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    process_of(&server).while_stopped(|| {
        client.write(b"whole\nhalf");
        client.finish_output();
    });
    let rest = client.rest();
    assert_eq!(rest, b"whole\nhalf", "{}", shown(&rest));
}

/// Without a newline, so that it is one line too.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| b'a' + (index % 23) as u8).collect()
}

//! Rows 1 and 2: hand-written WebSocket, on either side.

use crate::support::{PythonServer, Server, connect, python, start_connect};

const CLIENT_REPORT: &str = "\
close 1000
binary 0
binary 1
binary 125
binary 126
binary 127
binary 65535
binary 65536
binary 200000
text 12
text 132
text 65532
text 72000
masks
together
apart
pong
close 1000
";

#[test]
fn row_1_websocket_lengths_masks_and_splits_are_echoed() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let client = python().run("websocket_client.py", &[server.port()], "");
    assert_eq!(client.stdout, CLIENT_REPORT);
}

#[test]
fn row_2_a_client_with_the_request_of_a_browser() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let client = python().run("browser.py", &[server.port()], "");
    assert_eq!(client.stdout, "你好\n123\nclose 1001\n");
}

#[test]
fn row_2_connect_to_a_naive_server_until_the_end_of_input() {
    let server = PythonServer::start(&python(), "naive_websocket_server.py", &[]);
    let input = "芝麻开门\nhalloo\n老衲洗头用飘柔\n";
    let client = connect(&[&server.url("ws")], input);
    assert_eq!((client.code, client.stdout.as_str()), (Some(0), input), "{}", client.stderr);
}

#[test]
fn row_2_connect_to_a_naive_server_until_quit() {
    let server = PythonServer::start(&python(), "naive_websocket_server.py", &[]);
    let mut client = start_connect(&[&server.url("ws")]);
    client.write("芝麻开门\nquit\nnever sent\n");
    // Its stdin is still open: the word alone ends it.
    let client = client.wait();
    assert_eq!((client.code, client.stdout.as_str()), (Some(0), "芝麻开门\n"), "{}", client.stderr);
}

#[test]
fn row_2_connect_prints_replies_while_its_input_is_open() {
    let server = PythonServer::start(&python(), "naive_websocket_server.py", &[]);
    let mut client = start_connect(&[&server.url("ws")]);
    for (line, so_far) in [("first\n", "first\n"), ("second\n", "first\nsecond\n")] {
        client.write(line);
        client.wait_for_stdout(|stdout| stdout == so_far);
    }
    client.close_stdin();
    assert_eq!(client.wait().code, Some(0));
}

#[test]
fn row_2_connect_sends_frames_one_at_a_time_to_a_server_that_expects_one_frame_per_read() {
    let server = PythonServer::start(&python(), "naive_websocket_server.py", &[]);
    // 126 bytes are the only 16-bit length that this server gets right.
    let mut input: String = (0..50).map(|number| format!("line {number}\n")).collect();
    input += &("飘柔".repeat(21) + "\n");
    let client = connect(&[&server.url("ws")], &input);
    assert_eq!(
        (client.code, client.stdout.as_str()),
        (Some(0), input.as_str()),
        "{}",
        client.stderr
    );
}

#[test]
fn row_2_connect_accepts_every_length_form_of_a_naive_server() {
    let server = PythonServer::start(&python(), "naive_websocket_server.py", &[]);
    // That server writes every length above 126 in 64 bits.
    let input = ["x".repeat(127), "飘柔".repeat(1_000)].join("\n") + "\n";
    let client = connect(&[&server.url("ws")], &input);
    assert_eq!((client.code, client.stdout), (Some(0), input), "{}", client.stderr);
}

//! Closing handshakes that the server begins (RFC 6455 §7): the server waits for the reply, and
//! without one the client still sees the end.

use super::client::{Client, shown};
use super::serve;
use super::wire::{BINARY, masked, masked_close};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// Reads past the only echo, up to and including the server's Close. Returns when the Close
/// arrived.
#[track_caller]
fn echo_and_close(client: &mut Client) -> Instant {
    client.echo(b"the only message");
    assert_eq!(client.read_frame().close_code(), Some(1000));
    Instant::now()
}

/// Checks that there is no input at this moment, and not the end either.
#[track_caller]
fn expect_nothing(client: &mut Client) {
    client.stream().set_nonblocking(true).expect("a socket");
    let mut buffer = [0; 64];
    let early = client.read(&mut buffer);
    let is_nothing = early.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    assert!(is_nothing, "{early:?}: {}", shown(&buffer));
    client.stream().set_nonblocking(false).expect("a socket");
}

#[test]
fn the_server_waits_for_the_close_of_the_client() {
    let server = serve(&["--close-after", "1", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let start = echo_and_close(&mut client);
    std::thread::sleep(Duration::from_millis(400));
    // Messages that were in flight at that time get no echo.
    client.write(&masked(BINARY, b"crossed the Close"));
    std::thread::sleep(Duration::from_millis(100));
    expect_nothing(&mut client);
    client.write(&masked_close(1000));
    client.expect_end();
    println!("closed {:?} after the Close of the server", start.elapsed());
    assert!(start.elapsed() < Duration::from_millis(900), "it has no reason to wait longer");
}

#[test]
fn without_a_reply_to_its_close_the_server_ends_after_a_second() {
    let server = serve(&["--close-after", "1", "ws://127.0.0.1:0"]);
    let mut client = Client::open(server.url());
    let start = echo_and_close(&mut client);
    client.expect_end();
    let elapsed = start.elapsed();
    println!("a Close without a reply: the end after {elapsed:?}");
    assert!(elapsed > Duration::from_millis(900), "{elapsed:?} is early");
    assert!(elapsed < Duration::from_secs(3), "{elapsed:?} is late");
}

#[test]
fn half_of_a_short_close_timeout_is_kept_for_the_end_of_the_stream() {
    let arguments = ["--close-after", "1", "--close-timeout", "600ms", "ws://127.0.0.1:0"];
    let server = super::Server::start(&arguments);
    let mut client = Client::open(server.url());
    let start = echo_and_close(&mut client);
    client.expect_end();
    let ended = start.elapsed();
    server.wait_for_log("ended: ");
    let dropped = start.elapsed();
    println!("--close-timeout 600ms: the end after {ended:?}, dropped after {dropped:?}");
    assert!(ended > Duration::from_millis(250), "{ended:?} is early");
    assert!(dropped > Duration::from_millis(550), "{dropped:?} is early");
    assert!(dropped < Duration::from_secs(2), "{dropped:?} is late");
}

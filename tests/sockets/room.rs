//! Servers at a limit: on connections, on descriptors, on connections from one address. A full
//! server must not spin, and must accept another client as soon as one closes.

use super::client::Client;
use super::process::Process;
use super::rush::{Crowd, RESUME_MAX};
use super::support::{KeyFile, Program, Server, halloo};
use super::{process_of, serve};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_starts_with_few_descriptors_serves_some_clients() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$0\" serve --quiet tcp://127.0.0.1:0"]);
    let program = Program::start_server(shell.arg(halloo().get_program()));
    let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
    let url = stdout.trim().strip_prefix("listening ").expect("it prints its address");
    let mut crowd = Crowd::rush(url);
    let served = crowd.settle();
    assert!((16..64).contains(&served), "{served} are served with 64 descriptors");
    crowd.check_full_and_resuming("ulimit -n 64", Process::new(program.pid()));
}

#[test]
fn the_limit_on_connections_is_kept_without_spinning() {
    let server = serve(&["--max-connections", "10", "tcp://127.0.0.1:0"]);
    let mut crowd = Crowd::rush(server.url());
    assert_eq!(crowd.settle(), 10);
    crowd.check_full_and_resuming("--max-connections 10", process_of(&server));
}

#[test]
fn a_new_client_is_served_after_the_waiting_ones_were_rejected() {
    let server = serve(&["--max-connections", "3", "tcp://127.0.0.1:0"]);
    let mut crowd = Crowd::rush_of(server.url(), 6);
    assert_eq!(crowd.settle(), 3);
    // Clients without a slot are rejected one after another.
    let until = Instant::now() + Duration::from_secs(5);
    while !crowd.waiting.is_empty() && Instant::now() < until {
        crowd.look();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(crowd.waiting.is_empty(), "no client waits for ever while the server is full");
    crowd.served.pop();
    let start = Instant::now();
    while try_echo(server.url()).is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "a new client is served");
    }
    let elapsed = start.elapsed();
    println!("a new client after one has closed: served within {elapsed:?}");
    assert!(elapsed < RESUME_MAX, "{elapsed:?}");
}

#[test]
fn one_address_has_its_own_limit() {
    let server = Server::start(&["--max-connections-per-ip", "3", "tcp://127.0.0.1:0"]);
    let mut clients: Vec<Client> = (0..3).map(|_| Client::open(server.url())).collect();
    clients.iter_mut().for_each(|client| client.echo(b"one of three"));
    assert!(try_echo(server.url()).is_none(), "the fourth is rejected");
    server.wait_for_log("rejected: too many connections from this address");
    clients.iter_mut().for_each(|client| client.echo(b"undisturbed"));
    clients.pop();
    server.wait_for_log("ended: ");
    let start = Instant::now();
    while try_echo(server.url()).is_none() {
        assert!(start.elapsed() < Duration::from_secs(5), "its slot is free again");
    }
}

#[test]
fn silent_clients_do_not_lock_others_out() {
    let arguments = ["--max-unauthenticated", "20:50:40", "ws://127.0.0.1:0", "tcp://127.0.0.1:0"];
    let server = Server::start(&arguments);
    let [websocket, bare] = server.urls() else { panic!("two of them") };
    // A client that has completed its handshake does not count.
    let mut friends: Vec<Client> = (0..30).map(|_| Client::open(websocket)).collect();
    assert!(!server.stderr_so_far().contains("rejected"), "{}", server.stderr_so_far());
    let silent: Vec<Client> = (0..200).map(|_| Client::connect(websocket)).collect();
    server.wait_for_logs("connected", 50);
    let log = server.wait_for_logs("rejected: too many unauthenticated connections", 160);
    let entering = log.matches(" connected ").count() - friends.len();
    println!("{entering} of 200 silent clients are connected");
    // Rejection between the two limits is random: that all twenty are rejected, or none, is next to
    // impossible.
    assert!((21..=40).contains(&entering), "{entering}");
    // Connections without handshake and key are served as before, and so are established
    // connections.
    Client::open(bare).echo(b"bare");
    friends.iter_mut().for_each(|friend| friend.echo(b"undisturbed"));
    drop(silent);
    server.wait_for_logs("ended: ", entering);
    Client::open(websocket).echo(b"room again");
}

#[test]
fn clients_that_have_not_answered_the_challenge_count_too() {
    let key = KeyFile::new("sesame");
    let arguments = ["--auth-key-file", key.path(), "--max-unauthenticated", "2:100:2"];
    let server = Server::start(&[&arguments[..], &["tcp://127.0.0.1:0"]].concat());
    let mut owing: Vec<Client> = (0..2).map(|_| Client::connect(server.url())).collect();
    owing.iter_mut().for_each(|client| drop(client.read_exactly(32)));
    for _ in 0..3 {
        assert!(Client::connect(server.url()).try_rest().is_ok_and(|rest| rest.is_empty()));
    }
    drop(owing.pop());
    server.wait_for_log("ended: ");
    Client::connect(server.url()).read_exactly(32);
}

/// A client that may be rejected.
fn try_echo(url: &str) -> Option<Client> {
    let mut client = Client::connect(url);
    client.try_write(b"x").ok()?;
    let mut answer = [0; 8];
    matches!(client.read(&mut answer), Ok(1)).then_some(client)
}

//! Several processes on one port: sharing, supervision, restart, drain, and totals.

use super::client::Client;
use super::process::Process;
use super::support::{KeyFile, Program, Server, halloo};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Connections spread over three workers: the probability that one worker gets none is 3 in 10^7.
const MANY: usize = 40;

#[test]
fn workers_share_every_address_and_their_counts_are_summed() {
    let path = std::env::temp_dir().join(format!("halloo-workers-{}.sock", std::process::id()));
    let unix = format!("line+unix:{}", path.display());
    let arguments = ["--workers", "3", "ws://127.0.0.1:0", "tcp://127.0.0.1:0", unix.as_str()];
    let server = Server::start(&arguments);
    assert_eq!(server.urls().len(), 3, "each address is announced once");
    let mut clients = Vec::new();
    for url in server.urls() {
        clients.extend((0..MANY).map(|_| Client::open(url)));
    }
    for client in &mut clients {
        client.echo(b"halloo");
    }
    drop(clients);
    let log = server.wait_for_logs("ended: ", 3 * MANY);
    assert_eq!(workers_that(&log, "connected").len(), 3, "all workers serve: {log}");
    let finished = server.stop();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let sum = format!("stopped after {} connections messages={}", 3 * MANY, 3 * MANY);
    assert!(finished.stderr.contains(&sum), "{}", finished.stderr);
    assert!(!path.exists(), "the socket file is removed");
}

#[test]
fn a_worker_that_dies_is_restarted_and_queued_clients_are_served() {
    let server = Server::start(&["--workers", "2", "ws://127.0.0.1:0"]);
    let mut clients: Vec<Client> = (0..MANY).map(|_| Client::open(server.url())).collect();
    let victim = children(&server)[0];
    victim.signal(Signal::KILL);
    // They connect while one of the two accept queues has no process to empty it.
    let mut late: Vec<Client> = (0..MANY).map(|_| Client::connect(server.url())).collect();
    for client in &mut late {
        client.upgrade();
        client.echo(b"late");
    }
    server.wait_for_log("died with signal: 9 (SIGKILL) and will be restarted");
    let alive = clients.iter_mut().filter_map(|client| {
        let request = client.encode(b"still there");
        client.try_write(&request).ok()?;
        let mut first = [0; 1];
        client.read(&mut first).ok().filter(|&count| count == 1)
    });
    let alive = alive.count();
    println!("{alive} of {MANY} connections were with the surviving worker");
    assert!(alive > 0 && alive < MANY);
    assert_eq!(children(&server).len(), 2);
}

#[test]
fn a_stop_drains_all_workers() {
    let server = Server::start(&["--workers", "2", "ws://127.0.0.1:0"]);
    let mut clients: Vec<Client> = (0..MANY).map(|_| Client::open(server.url())).collect();
    for client in &mut clients {
        let message = client.encode(b"in flight");
        client.write(&message);
    }
    let begun = Instant::now();
    let stopping = std::thread::spawn(move || server.stop());
    for client in &mut clients {
        client.expect_echo(b"in flight");
        client.expect_close(1001);
    }
    drop(clients);
    let finished = stopping.join().expect("the server stops");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn workers_end_without_their_parent() {
    let server = Server::start(&["--workers", "2", "ws://127.0.0.1:0"]);
    let workers = children(&server);
    let mut client = Client::open(server.url());
    client.echo(b"halloo");
    Process::new(server.pid()).signal(Signal::KILL);
    client.expect_close(1001);
    drop(client);
    for worker in workers {
        assert!(worker.settles(Process::is_gone), "{worker:?} continues without a parent");
    }
}

#[test]
fn a_stalled_worker_is_killed_in_the_end() {
    let arguments = ["--workers", "2", "--drain-timeout", "300ms", "ws://127.0.0.1:0"];
    let server = Server::start(&arguments);
    let workers = children(&server);
    workers[0].signal(Signal::STOP);
    let begun = Instant::now();
    let finished = server.stop();
    println!("with a stalled worker, it took {:?}", begun.elapsed());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("has not stopped in time and is killed"), "{finished:?}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(workers.iter().all(|worker| worker.is_gone()));
}

#[test]
fn a_second_signal_ends_stalled_workers() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let program = Program::start_server(halloo().args([
            "serve",
            "--workers",
            "2",
            "--drain-timeout",
            "1h",
            "ws://127.0.0.1:0",
        ]));
        program.wait_for_stdout(|stdout| stdout.contains('\n'));
        let workers = children_of(program.pid());
        workers[0].signal(Signal::STOP);
        program.terminate();
        assert!(workers[1].settles(Process::is_gone), "the other one stops");
        Process::new(program.pid()).signal(second);
        let begun = Instant::now();
        let finished = program.wait();
        assert_eq!(finished.code, Some(code), "{finished:?}");
        assert!(finished.stderr.contains("a second signal: ending at once"), "{finished:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert!(workers[0].is_gone());
    }
}

#[test]
fn a_worker_that_cannot_restart_leaves_no_client_waiting() {
    let key = KeyFile::new("a key that is long enough");
    let arguments = ["--workers", "2", "--auth-key-file", key.path(), "tcp://127.0.0.1:0"];
    let server = Server::start(&arguments);
    let address = server.address().to_owned();
    let [first, second] = children(&server)[..] else { panic!("two of them") };
    std::fs::remove_file(key.path()).expect("the file can be removed");
    first.signal(Signal::KILL);
    server.wait_for_log("is given up");
    // The other worker serves every client, whichever the kernel chooses.
    for _ in 0..MANY {
        assert_eq!(Client::connect(server.url()).read_exactly(32).len(), 32);
    }
    second.signal(Signal::KILL);
    server.wait_for_log("no worker is left");
    let error = std::net::TcpStream::connect(&address).expect_err("the listener is closed");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(server.finish().code, Some(1));
}

#[test]
fn each_worker_can_be_pinned_to_a_cpu() {
    let server = Server::start(&["--workers", "2", "--pin", "ws://127.0.0.1:0"]);
    for worker in children(&server) {
        let processors = worker.processors();
        assert!(processors.parse::<u32>().is_ok(), "one processor, and not {processors}");
    }
}

#[test]
fn all_show_the_same_certificate() {
    if cfg!(not(feature = "tls")) {
        return println!("skipped: this build has no TLS");
    }
    let server = Server::start(&["--workers", "3", "--tls-self-signed", "wss://127.0.0.1:0"]);
    for _ in 0..6 {
        let finished = super::support::connect(&["--insecure", server.url()], "halloo\n");
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(0), "halloo\n"),
            "{finished:?}"
        );
    }
    let log = server.stop().stderr;
    assert_eq!(log.matches("self-signed certificate").count(), 1, "{log}");
}

/// The workers of a server.
fn children(server: &Server) -> Vec<Process> {
    children_of(server.pid())
}

fn children_of(pid: u32) -> Vec<Process> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.expect("the server runs");
    text.split_whitespace().map(|pid| Process::new(pid.parse().expect("a number"))).collect()
}

/// The workers whose lines of the log contain these words.
fn workers_that<'a>(log: &'a str, words: &str) -> BTreeSet<&'a str> {
    let lines = log.lines().filter(|line| line.contains(words));
    lines.filter_map(|line| line.rsplit_once(" worker=")).map(|(_, worker)| worker).collect()
}

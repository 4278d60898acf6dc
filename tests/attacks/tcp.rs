//! Attacks on sockets and on the event loop.

use crate::client::Client;
use crate::rush::Crowd;
use crate::support::Server;
use crate::{process_of, serve, wire};
use socket2::SockRef;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// No descriptor left: the server must neither spin nor strand the clients in the accept queue.
/// With 64 descriptors and 200 clients it is idle while it is full, and serves another client when
/// one closes.
#[test]
fn t_emfile_spin_or_strand() {
    let server = serve(&["tcp://127.0.0.1:0"]);
    let process = process_of(&server);
    // The limit is lowered without the server's knowledge, so it runs into EMFILE itself.
    process.limit_descriptors(64);
    let mut crowd = Crowd::rush(server.url());
    let served = crowd.settle();
    assert!((40..64).contains(&served), "{served} are served with 64 descriptors");
    crowd.check_full_and_resuming("64 descriptors at run time", process);
}

/// More clients at once than are accepted in one turn: none of them is forgotten, and established
/// clients are served meanwhile.
#[test]
fn t_accept_storm() {
    let server = serve(&["tcp://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut present = Client::open(server.url());
    present.echo(b"before");
    let mut storm = process.while_stopped(|| {
        present.send(b"meanwhile");
        let mut storm: Vec<Client> = (0..1_000).map(|_| Client::connect(server.url())).collect();
        storm.iter_mut().for_each(|client| client.send(b"x"));
        storm
    });
    present.expect_echo(b"meanwhile");
    storm.iter_mut().for_each(|client| client.expect_echo(b"x"));
    let descriptors = process.descriptors();
    assert!(descriptors > storm.len(), "all are connected at the same time");
    drop(storm);
    assert!(process.settles(|it| it.descriptors() <= descriptors - 1_000), "all connections end");
    present.echo(b"after");
}

/// One connection that always has more input: other connections get their turn.
#[test]
fn t_busy_connection_starvation() {
    let server = serve(&["tcp://127.0.0.1:0"]);
    let busy = Client::open(server.url());
    let mut writer = busy.stream().try_clone().expect("a second handle");
    let mut reader = busy.stream().try_clone().expect("a second handle");
    let is_over = AtomicBool::new(false);
    let longest = std::thread::scope(|scope| {
        scope.spawn(|| {
            let bytes = vec![b'b'; 1 << 20];
            while !is_over.load(Ordering::Relaxed) {
                writer.write_all(&bytes).expect("the server reads its input");
            }
            busy.finish_output();
        });
        scope.spawn(|| std::io::copy(&mut reader, &mut std::io::sink()));
        let mut quiet = Client::open(server.url());
        let longest = (0..200).map(|_| {
            let start = Instant::now();
            quiet.echo(b"quiet");
            start.elapsed()
        });
        let longest = longest.max().expect("two hundred echoes");
        is_over.store(true, Ordering::Relaxed);
        longest
    });
    println!("beside a flood, the slowest of 200 echoes took {longest:?}");
    // The bound is for a machine that is busy with other tests; starvation would have no end.
    assert!(longest < Duration::from_millis(500), "{longest:?}");
}

/// A byte out of band: a read stops at its mark, and the data after it is read too, though no event
/// reports it.
#[test]
fn t_urgent_mark() {
    let server = serve(&["line://127.0.0.1:0"]);
    let process = process_of(&server);
    for urgent in [&b"!"[..], b"!!"] {
        let mut client = Client::open(server.url());
        client.echo(b"before");
        process.while_stopped(|| {
            let crate::stream::Stream::Tcp(stream) = client.stream() else { panic!("it is TCP") };
            let mut stream = stream;
            for line in [&b"one\n"[..], b"two\n", b"three\n"] {
                stream.write_all(line).expect("a socket");
                SockRef::from(stream).send_out_of_band(&urgent[..1]).expect("TCP has it");
            }
            stream.write_all(b"four\n").expect("a socket");
            // All input has arrived before the server reads.
            std::thread::sleep(Duration::from_millis(50));
        });
        let mut heard = Vec::new();
        while !heard.ends_with(b"four\n") {
            heard.extend(client.read_exactly(1));
        }
        // A mark that is replaced by the next one leaves its byte in the line.
        let lines = String::from_utf8_lossy(&heard).replace('!', "");
        assert_eq!(lines, "one\ntwo\nthree\nfour\n");
    }
}

/// An empty fragment or a byte before each deadline: a client that completes no message is idle. A
/// client that sends a large message slowly is not.
#[test]
fn t_idle_trickle() {
    const PAUSE: Duration = Duration::from_millis(250);
    let server = Server::start(&["--idle-timeout", "1s", "ws://127.0.0.1:0", "line://127.0.0.1:0"]);
    let [websocket, line] = server.urls() else { panic!("two of them") };
    let empty = wire::masked(wire::NEXT, b"");
    let first = wire::masked(wire::FIRST_BINARY, b"x");
    let large = wire::masked(wire::BINARY, &vec![b'x'; 12 * 70_000]);
    let mut slow = Client::open(websocket);
    let mut trickles = [
        (Client::open(websocket), first.clone(), empty),
        (Client::open(websocket), first, wire::masked(wire::NEXT, b"x")),
        (Client::open(websocket), wire::masked_header(wire::BINARY, 1_000), b"x".to_vec()),
        (Client::open(websocket), Vec::new(), wire::masked(wire::PONG, b"x")),
        (Client::open(line), Vec::new(), b"x".to_vec()),
    ];
    for (client, begin, _) in &mut trickles {
        client.write(begin);
    }
    for part in large.chunks(70_000) {
        for (client, _, more) in &mut trickles {
            let _ = client.try_write(more);
        }
        slow.write(part);
        std::thread::sleep(PAUSE);
    }
    let log = server.wait_for_logs("ended: ", trickles.len());
    assert_eq!(log.matches("no message for too long").count(), trickles.len(), "{log}");
    slow.read_exactly(12 * 70_000);
}

/// Ten thousand clients that connect and reset: there are fewer log lines than clients, and every
/// descriptor is released.
#[test]
fn t_rst_storm() {
    const CLIENTS: usize = 10_000;
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut bystander = Client::open(server.url());
    bystander.echo(&[b'b'; 300_000]);
    let (descriptors, memory) = (process.descriptors(), process.memory_kib());
    let start = Instant::now();
    for number in 0..CLIENTS {
        let stream = TcpStream::connect(server.address()).expect("it listens");
        if number % 2 == 0 {
            let mut client = Client::connect(server.url());
            client.write(&wire::REQUEST[..number % wire::REQUEST.len()]);
            reset(&client);
        }
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket");
    }
    bystander.echo(b"undisturbed");
    assert!(process.settles(|it| it.descriptors() <= descriptors), "every descriptor is released");
    process.settles(|it| it.memory_kib() <= memory + 1024);
    let grown = process.memory_kib().saturating_sub(memory);
    let lines = server.stderr_so_far().lines().count();
    println!("{CLIENTS} resets in {:?}: {lines} log lines, {grown} KiB", start.elapsed());
    assert!(grown <= 1024, "{grown} KiB");
    let seconds = start.elapsed().as_secs() as usize + 1;
    assert!(lines <= 1_100 + 150 * seconds, "{lines} lines");
    bystander.echo(b"still undisturbed");
}

/// Closes with a reset.
fn reset(client: &Client) {
    let crate::stream::Stream::Tcp(stream) = client.stream() else { panic!("TCP is reset") };
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a socket");
}

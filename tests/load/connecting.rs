//! Connecting: timed from its due time, step by step, bounded as a whole, and delayed by a full
//! accept queue.

use super::foreign::Foreign;
use super::measured::{bench, hold, run};
use super::peer::{Peer, Wire};
use super::support::{KeyFile, Server};
use halloo::load::Outcome;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn connect_latency_includes_a_stall_from_the_due_time_on() {
    // Four fifths of all connections are due during a stall of a second, so half of all wait for
    // longer than 1 - 0.5 / 0.8 of it. Most cannot even be started before its end: only 128 are
    // made at once.
    let (begins, stall) = (Duration::from_millis(250), Duration::from_secs(1));
    let first = OnceLock::new();
    let server = Foreign::start_bare("ws", move |stream, _| {
        let since: Duration = first.get_or_init(Instant::now).elapsed();
        if since >= begins {
            thread::sleep((begins + stall).saturating_sub(since));
        }
        if let Ok(mut peer) = Peer::accept(stream, Wire::WebSocket) {
            peer.echo();
        }
    });
    let outcome = hold(&server.url(), "-c 625 --connect-rate 500/s -d 200ms").outcome;
    assert_eq!(outcome.connections.established, 625, "{:?}", outcome.errors);
    let p50_s = outcome.connecting.latency_us.p50.expect("connections were made") / 1e6;
    assert!((0.3..0.6).contains(&p50_s), "{p50_s} s, 0.375 s computed");
    // An attempt that was started late was not slow itself.
    let tcp = &outcome.connecting.phases[0];
    assert!(tcp.latency_us.p50 < Some(100_000.0), "{:?}", tcp.latency_us);
}

#[test]
fn each_step_is_timed() {
    let key = KeyFile::new("a key");
    let secured = cfg!(feature = "tls");
    let listens =
        ["ws://127.0.0.1:0", "tcp://127.0.0.1:0", "wss://127.0.0.1:0", "tls://127.0.0.1:0"];
    let listens = if secured { &listens[..] } else { &listens[..2] };
    let tls: &[&str] = if secured { &["--tls-self-signed"] } else { &[] };
    for auth in [false, true] {
        let key: &[&str] = if auth { &["--auth-key-file", key.path()] } else { &[] };
        let server = Server::start(&[key, tls, listens].concat());
        for (url, steps) in
            server.urls().iter().zip(["tcp upgrade", "tcp", "tcp tls upgrade", "tcp tls"])
        {
            let flags = format!("-c 5 -d 100ms {}", key.join(" "));
            let flags = if secured { format!("{flags} --insecure") } else { flags };
            let outcome = hold(url, &flags).outcome;
            let expected = if auth { format!("{steps} authentication") } else { steps.into() };
            assert_eq!(names(&outcome), expected, "{url}");
            let phases = &outcome.connecting.phases;
            assert!(phases.iter().all(|phase| phase.histogram.count() == 5), "{url}: {phases:?}");
        }
    }
}

#[test]
fn a_slow_step_is_named_in_every_result() {
    let server = Foreign::start_bare("ws", |stream, _| {
        thread::sleep(Duration::from_millis(300));
        if let Ok(mut peer) = Peer::accept(stream, Wire::WebSocket) {
            peer.echo();
        }
    });
    for processes in [1, 2] {
        let flags = format!("-c 4 -d 100ms --processes {processes}");
        let outcome = hold(&server.url(), &flags).outcome;
        assert_eq!(names(&outcome), "tcp upgrade");
        let [tcp, upgrade] = &outcome.connecting.phases[..] else { unreachable!() };
        assert!(upgrade.latency_us.min > Some(280_000.0), "{:?}", upgrade.latency_us);
        assert!(tcp.latency_us.max < Some(250_000.0), "{:?}", tcp.latency_us);
    }
    let table = run("hold", &server.url(), "-c 2 -d 100ms").stdout;
    for row in ["  connecting ", "    tcp ", "    upgrade "] {
        assert!(table.lines().any(|line| line.starts_with(row)), "no {row:?}: {table}");
    }
}

#[test]
fn the_timeout_bounds_all_steps_together() {
    let silent = || Foreign::start_bare("ws", |stream, _| drop(wait_for_end(stream)));
    // A byte now and then is not progress, and a response does not restart the timeout.
    let drips = || {
        Foreign::start_bare("ws", |mut stream, _| {
            let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
            for byte in response.bytes() {
                thread::sleep(Duration::from_millis(100));
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        })
    };
    let late = || {
        Foreign::start_bare("ws", |stream, _| {
            thread::sleep(Duration::from_millis(400));
            if let Ok(mut peer) = Peer::accept(stream, Wire::WebSocket) {
                peer.listen();
            }
        })
    };
    let key = KeyFile::new("a key");
    let auth = format!("--auth-key-file {}", key.path());
    for (name, server, flags) in
        [("silent", silent(), ""), ("drips", drips(), ""), ("no challenge", late(), &*auth)]
    {
        for command in ["bench", "hold"] {
            let flags = format!("-c 3 -d 1s --connect-timeout 500ms {flags}");
            let finished = run(command, &server.url(), &flags);
            let took = finished.took;
            assert_eq!(finished.code, Some(1), "{name}: {finished:#?}");
            assert!((0.5..1.5).contains(&took.as_secs_f64()), "{name}, {command}: {took:?}");
        }
    }
}

#[test]
fn the_timeout_bounds_later_connections_like_the_first() {
    let server = Foreign::start_bare("ws", |stream, nth| match nth % 4 {
        0 => Peer::accept(stream, Wire::WebSocket).map_or((), |mut peer| peer.echo()),
        _ => drop(wait_for_end(stream)),
    });
    let flags = "-c 4 -d 100ms --warmup off --connect-timeout 500ms";
    let outcome = bench(&server.url(), flags).outcome;
    assert_eq!((outcome.connections.established, outcome.connections.failed), (1, 3));
    assert_eq!(outcome.ceiling.as_deref(), Some("connect-timeouts"), "{:?}", outcome.errors);
    let took = outcome.connecting.duration_s;
    assert!((0.5..1.5).contains(&took), "{took} s");
}

#[test]
fn a_full_accept_queue_that_only_delays_connections_is_a_finding() {
    let listener = small_queue();
    let url = serve_late(listener, Duration::from_millis(500));
    let outcome = hold(&url, "-c 20 -d 100ms").outcome;
    assert_eq!(outcome.connections.failed, 0, "{:?}", outcome.errors);
    assert_eq!(outcome.ceiling, None);
    assert!(outcome.connecting.latency_us.max > Some(990_000.0), "a SYN was sent again");
    let finding = outcome.findings.iter().find(|it| it.contains("accept queue"));
    let finding =
        finding.unwrap_or_else(|| panic!("the finding is missing: {:?}", outcome.findings));
    for words in ["of 20 connections took a second or longer", "at most 2", "--backlog 8"] {
        assert!(finding.contains(words), "no {words:?} in {finding}");
    }
}

#[test]
fn a_full_accept_queue_that_fails_connections_is_the_ceiling() {
    let listener = small_queue();
    let url = serve_late(listener, Duration::from_millis(1_500));
    let outcome = bench(&url, "-c 20 -d 100ms --warmup off --connect-timeout 900ms").outcome;
    assert!(outcome.connections.failed > 0, "{:?}", outcome.connections);
    assert_eq!(outcome.ceiling.as_deref(), Some("backlog"), "{}", outcome.verdict_reason);
}

#[test]
fn a_full_accept_queue_of_another_listener_is_not_blamed() {
    let other = small_queue();
    let address = address_of(&other);
    // The counter of overflows covers the whole machine.
    let crowd = thread::spawn(move || {
        let end = Instant::now() + Duration::from_secs(1);
        let mut clients = Vec::new();
        while Instant::now() < end {
            clients.extend(TcpStream::connect_timeout(&address, Duration::from_millis(20)));
        }
    });
    let server = Foreign::start_bare("ws", |stream, nth| match nth % 4 {
        0 => Peer::accept(stream, Wire::WebSocket).map_or((), |mut peer| peer.echo()),
        _ => drop(wait_for_end(stream)),
    });
    let flags = "-c 4 -d 100ms --warmup off --connect-timeout 700ms";
    let outcome = bench(&server.url(), flags).outcome;
    crowd.join().expect("it does not panic");
    assert_eq!(outcome.ceiling.as_deref(), Some("connect-timeouts"), "{}", outcome.verdict_reason);
    assert!(outcome.findings.iter().all(|it| !it.contains("accept queue")), "{outcome:#?}");
}

fn names(outcome: &Outcome) -> String {
    let names = outcome.connecting.phases.iter().map(|phase| phase.name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

fn wait_for_end(mut stream: TcpStream) -> TcpStream {
    while stream.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
    stream
}

/// A listener with a backlog of two, plus the connection that the kernel adds.
fn small_queue() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let address: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&address.into()).expect("there is a free port");
    socket.listen(2).expect("it is bound");
    socket
}

fn address_of(socket: &Socket) -> SocketAddr {
    socket.local_addr().expect("it is bound").as_socket().expect("an IP address")
}

/// Serves the first client at once, and all others after this pause. Returns the URL.
fn serve_late(listener: Socket, pause: Duration) -> String {
    let url = format!("ws://{}", address_of(&listener));
    thread::spawn(move || {
        for (nth, stream) in TcpListener::from(listener).incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            thread::spawn(move || {
                if let Ok(mut peer) = Peer::accept(stream, Wire::WebSocket) {
                    peer.echo();
                }
            });
            if nth == 0 {
                thread::sleep(pause);
            }
        }
    });
    url
}

//! Attacks on TLS itself, each named after its advisory.

use super::client::Client;
use super::ending::{assert_idle, to_the_fin};
use super::records::write_cut;
use super::stream::{Stream, config, config_of, tcp, tls, unsent};
use super::support::Program;
use super::wire::REQUEST;
use super::{process_of, serve};
use rustls::{ClientConnection, Error};
use std::io::Write;
use std::net::Shutdown;
use std::process::Command;
use std::time::{Duration, Instant};

/// close_notify as an unencrypted record (RFC 8446 §6.1).
const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];

/// Input that does not belong in a handshake: noise, a request without TLS, a record above the
/// maximum length.
const JUNK: [&[u8]; 3] = [&[0xff], REQUEST, &[22, 3, 3, 0xff, 0xff, 0, 0]];

/// Enough of it to complete any record that was begun.
const JUNK_BYTES: usize = 2_000;

/// CPU time that none of them may use: without an end of their own they would last until the
/// handshake's deadline, 10 s.
const SOON: Duration = Duration::from_secs(4);

/// The steps of a handshake at which other input may arrive.
#[derive(Debug, Clone, Copy)]
enum Step {
    Nothing,
    HalfAHello,
    Hello,
    HalfTheFinished,
    Finished,
}

const STEPS: [Step; 5] =
    [Step::Nothing, Step::HalfAHello, Step::Hello, Step::HalfTheFinished, Step::Finished];

/// rustls' `complete_io` looped on close_notify in the handshake. Before keys exist anybody on the
/// network path could have sent it, so it is not trusted: the deadline ends such a connection.
#[test]
fn t_rustsec_2024_0336_close_notify_at_each_step() {
    let timeouts = ["--handshake-timeout", "1s", "--close-timeout", "100ms"];
    let server = serve(&[&timeouts[..], &["tls://127.0.0.1:0"]].concat());
    let before = process_of(&server).processor_time();
    let (start, mut held) = (Instant::now(), Vec::new());
    for (index, step) in STEPS.into_iter().enumerate() {
        let stream = advance_to(step, server.url());
        match step {
            // Here close_notify is encrypted; in the middle of a record it would be part of that
            // record.
            Step::Finished => stream.finish_output().expect("the server reads"),
            Step::HalfAHello | Step::HalfTheFinished => {
                stream.tcp().shutdown(Shutdown::Write).expect("it is connected");
            }
            _ => stream.tcp().write_all(CLOSE_NOTIFY).expect("the server reads"),
        }
        to_the_fin(&stream);
        server.wait_for_logs("ended: ", index + 1);
        held.push(stream);
    }
    let spent = process_of(&server).processor_time() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?} of CPU time");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    Client::open(server.url()).echo(b"the server still serves");
}

/// The end of the socket, without close_notify, at each step.
#[test]
fn t_rustsec_2024_0336_an_end_at_each_step() {
    let server = serve(&["wss://127.0.0.1:0"]);
    let (start, mut held) = (Instant::now(), Vec::new());
    for (index, step) in STEPS.into_iter().enumerate() {
        let stream = advance_to(step, server.url());
        stream.tcp().shutdown(Shutdown::Write).expect("it is connected");
        to_the_fin(&stream);
        server.wait_for_logs("ended: ", index + 1);
        held.push(stream);
    }
    assert_idle(process_of(&server));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn t_rustsec_2024_0336_junk_at_each_step() {
    let server = serve(&["tls://127.0.0.1:0"]);
    let (start, mut held) = (Instant::now(), Vec::new());
    for step in STEPS {
        for junk in JUNK {
            let mut stream = advance_to(step, server.url());
            let junk: Vec<u8> = junk.iter().copied().cycle().take(JUNK_BYTES).collect();
            // The server discards further input and does not reset.
            stream.tcp().write_all(&junk).expect("the server reads");
            let answer = to_the_fin(&stream);
            let is_refusal = refusal(stream.tls(), &answer);
            assert!(is_refusal, "{step:?}, {}: no alert", junk[..7].escape_ascii());
            held.push(stream);
        }
    }
    // The peers' ends are still open: the server must not spin in the meantime.
    assert_idle(process_of(&server));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    drop(held);
    let log = server.wait_for_logs("ended: ", STEPS.len() * JUNK.len());
    assert!(log.contains("ended: the peer does not speak TLS"), "{log}");
    assert!(log.contains("ended: the peer broke the rules of TLS"), "{log}");
}

/// rustls' `Acceptor` panicked on a ClientHello in pieces.
#[test]
fn t_rustsec_2024_0399_a_client_hello_byte_by_byte() {
    let server = serve(&["wss://127.0.0.1:0"]);
    let (socket, mut hello) = (tcp(server.url()), tls(config()));
    let bytes = unsent(&mut hello);
    let before = process_of(&server).processor_time();
    write_cut(&socket, &bytes, 1);
    let mut stream = Stream::new(socket, hello);
    stream.shake_hands().expect("the handshake succeeds");
    let spent = process_of(&server).processor_time() - before;
    println!("{} bytes, one by one: {spent:?} of CPU time", bytes.len());
    assert!(spent.as_millis() < 500, "{spent:?}");
    let mut client = Client::over(stream, server.url());
    client.upgrade();
    client.echo(b"hello");
}

/// Handshakes that are begun and abandoned affect neither other clients nor the process.
#[test]
fn t_tls_handshake_flood() {
    const FLOOD: usize = 300;
    let server = serve(&["--handshake-timeout", "2s", "tls://127.0.0.1:0"]);
    let process = process_of(&server);
    let mut other = Client::open(server.url());
    let descriptors = process.descriptors();
    let flood: Vec<Stream> = (0..FLOOD).map(|_| advance_to(Step::Hello, server.url())).collect();
    other.echo(b"still served");
    server.wait_for_logs("ended: the request was not complete in time", FLOOD);
    drop(flood);
    assert!(process.settles(|it| it.descriptors() <= descriptors), "every descriptor is released");
    assert_idle(process);
    other.echo(b"and still");
}

/// A second handshake in TLS 1.2 is refused, however often it is requested.
#[test]
fn t_tls_renegotiation() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: there is no openssl here");
        return;
    }
    let server = serve(&["tls://127.0.0.1:0"]);
    let arguments = ["s_client", "-tls1_2", "-connect", server.address()];
    let mut client = Program::start(Command::new("openssl").args(arguments));
    client.wait_for_stdout(|stdout| stdout.contains("Secure Renegotiation IS supported"));
    client.write("R\n");
    client.wait_for_stderr(|stderr| stderr.contains("no renegotiation"));
    server.wait_for_log("#1 ended: ");
    client.close_stdin();
    client.wait();
    assert_idle(process_of(&server));
}

/// A connection that has reached this step and is open.
fn advance_to(step: Step, url: &str) -> Stream {
    let (mut socket, mut tls) = (tcp(url), tls(config_of(&[&rustls::version::TLS13], None)));
    let hello = unsent(&mut tls);
    match step {
        Step::Nothing => {}
        Step::HalfAHello => socket.write_all(&hello[..hello.len() / 2]).expect("it is read"),
        _ => {
            socket.write_all(&hello).expect("it is read");
            while tls.is_handshaking() {
                tls.read_tls(&mut socket).expect("the server responds");
                tls.process_new_packets().expect("the server's TLS is valid");
            }
        }
    }
    let finished = match step {
        Step::HalfTheFinished | Step::Finished => unsent(&mut tls),
        _ => Vec::new(),
    };
    let (half, rest) = finished.split_at(finished.len() / 2);
    socket.write_all(half).expect("it is read");
    if matches!(step, Step::Finished) {
        socket.write_all(rest).expect("it is read");
    }
    Stream::new(socket, tls)
}

/// Whether these bytes contain an alert of the TLS peer that refuses.
fn refusal(tls: &mut ClientConnection, mut bytes: &[u8]) -> bool {
    while tls.read_tls(&mut bytes).is_ok_and(|count| count > 0) {
        match tls.process_new_packets() {
            Ok(_) => {}
            Err(error) => return matches!(error, Error::AlertReceived(_)),
        }
    }
    false
}

//! The library: a server in a thread of its own, a measurement in the calling thread, and what
//! neither of them may change in the process.

use halloo::load::plan::{Content, Pace, Plan, WindowEnd};
use halloo::proto::End;
use halloo::service::{Context, Discard, Echo, Service};
use halloo::{Bench, BenchError, Handle, Server, Verdict};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Tests look at the whole process: one at a time.
static PROCESS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a server listens on TCP.
fn place(server: &Handle) -> &str {
    server.url().split_once("://").expect("a URL").1
}

fn connect(server: &Handle) -> TcpStream {
    let stream = TcpStream::connect(place(server)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

fn echo(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut bytes = vec![0; text.len()];
    stream.read_exact(&mut bytes).expect("an echo");
    String::from_utf8(bytes).expect("the same text")
}

/// A plan that takes no time to speak of.
fn messages(count: u64) -> Plan {
    Plan { connections: 2, end: WindowEnd::Messages(count), ..Plan::default() }
}

/// The threads of this process that are a server's.
fn server_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("the threads").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "halloo").count()
}

/// Waits for the system to forget a thread that was joined.
fn assert_no_thread_is_left() {
    let start = Instant::now();
    while server_threads() > 0 {
        assert!(start.elapsed() < Duration::from_secs(2), "a thread is left");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_server_echoes_and_counts() {
    let _alone = alone();
    let server = halloo::serve("tcp://127.0.0.1:0").expect("a free port");
    assert_eq!(server_threads(), 1);
    let mut stream = connect(&server);
    assert_eq!(echo(&mut stream, "hello"), "hello");
    drop(stream);
    let metrics = server.stop().expect("it served");
    assert_eq!((metrics.opened, metrics.bytes_received, metrics.bytes_sent), (1, 5, 5));
    assert_eq!((metrics.messages, metrics.ended.get(&End::Peer)), (1, Some(&1)));
    assert_no_thread_is_left();
}

#[test]
fn the_url_has_the_real_port_and_the_path() {
    let _alone = alone();
    let server = halloo::serve("ws://127.0.0.1:0/chat").expect("a free port");
    let port = server.url().strip_prefix("ws://127.0.0.1:").expect("the host");
    let port = port.strip_suffix("/chat").expect("the path");
    assert_ne!(port.parse::<u16>().expect("a port"), 0);
    let again = halloo::serve(server.url()).expect_err("it is taken");
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    let short = halloo::serve("0").expect("the short form of an address");
    assert!(short.url().starts_with("ws://127.0.0.1:"), "{}", short.url());
}

#[test]
fn a_stop_does_not_wait_for_clients_that_stay() {
    let _alone = alone();
    let server = halloo::serve("tcp://127.0.0.1:0").expect("a free port");
    let mut stream = connect(&server);
    assert_eq!(echo(&mut stream, "hello"), "hello");
    let start = Instant::now();
    let metrics = server.stop().expect("it served");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(metrics.ended_total(), 1);
    assert_eq!(stream.read(&mut [0]).expect("an end"), 0);
}

#[test]
fn a_drop_answers_and_closes_at_once() {
    let _alone = alone();
    let server = halloo::serve("ws://127.0.0.1:0").expect("a free port");
    let (mut socket, _) =
        tungstenite::client(server.url(), connect(&server)).expect("an opening handshake");
    socket.send("hello".into()).expect("it reads");
    assert_eq!(socket.read().expect("an echo").into_text().expect("text"), "hello");
    let start = Instant::now();
    let address = place(&server).to_owned();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let tungstenite::Message::Close(Some(close)) = socket.read().expect("a Close frame") else {
        panic!("no Close frame");
    };
    assert_eq!(u16::from(close.code), 1001);
    assert_eq!(
        TcpStream::connect(address).expect_err("closed").kind(),
        ErrorKind::ConnectionRefused
    );
    assert_no_thread_is_left();
}

#[test]
fn two_servers_serve_at_once() {
    let _alone = alone();
    let line = halloo::serve("line://127.0.0.1:0").expect("a free port");
    let raw = halloo::serve("tcp://127.0.0.1:0").expect("a free port");
    assert_eq!(server_threads(), 2);
    let (mut to_line, mut to_raw) = (connect(&line), connect(&raw));
    assert_eq!(echo(&mut to_raw, "raw"), "raw");
    drop(raw);
    assert_eq!(echo(&mut to_line, "a line\n"), "a line\n");
    drop(line);
    assert_no_thread_is_left();
}

#[test]
fn a_server_that_cannot_start_says_why_and_leaves_no_thread() {
    let _alone = alone();
    let kind = |address: &str| halloo::serve(address).expect_err("it is refused").kind();
    assert_eq!(kind("http://127.0.0.1:0"), ErrorKind::InvalidInput);
    assert_eq!(kind("wss://127.0.0.1:0"), ErrorKind::InvalidInput);
    assert_eq!(kind("ws://192.0.2.1:0"), ErrorKind::AddrNotAvailable);
    assert_no_thread_is_left();
}

/// Answers with the number of the message.
#[derive(Default)]
struct Count(u32);

impl Service for Count {
    fn on_message(
        &mut self,
        _context: &Context,
        message: halloo::proto::Message<'_>,
        outbox: &mut halloo::proto::Outbox<'_>,
    ) {
        self.0 += 1;
        outbox.send(message.kind, &[self.0.to_string().as_bytes()]);
    }
}

#[test]
fn a_service_of_the_caller_processes_the_messages() {
    let _alone = alone();
    let server = Server::new("tcp://127.0.0.1:0").service(Count::default()).start();
    let server = server.expect("a free port");
    let mut stream = connect(&server);
    assert_eq!((echo(&mut stream, "a"), echo(&mut stream, "b")), ("1".into(), "2".into()));
}

#[test]
#[cfg_attr(debug_assertions, should_panic(expected = "the bug"))]
fn a_panic_of_the_service_is_the_callers() {
    struct Buggy;
    impl Service for Buggy {
        fn on_message(
            &mut self,
            _context: &Context,
            _message: halloo::proto::Message<'_>,
            _outbox: &mut halloo::proto::Outbox<'_>,
        ) {
            panic!("the bug");
        }
    }
    let _alone = alone();
    let server = Server::new("tcp://127.0.0.1:0").service(Buggy).start().expect("a free port");
    let mut stream = connect(&server);
    stream.write_all(b"poison").expect("it reads");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    let metrics = server.stop().expect("it served");
    assert_eq!(metrics.ended.get(&End::Panicked), Some(&1));
}

#[test]
fn a_measurement_has_a_verdict_and_counts() {
    let _alone = alone();
    let server = halloo::serve("ws://127.0.0.1:0").expect("a free port");
    let url = format!("{}/?token=secret", server.url());
    let outcome = halloo::bench(url, &messages(1000)).expect("an outcome");
    assert_eq!((outcome.messages.sent, outcome.messages.received), (1000, 1000));
    assert_eq!((outcome.messages.lost, outcome.messages.corrupted), (0, 0));
    assert_eq!(outcome.connections.established, 2);
    assert!(!outcome.verdict_reason.is_empty() && !outcome.headline().is_empty());
    assert!(outcome.latency_us.p50.is_some_and(|us| us > 0.0));
    assert!(!outcome.target.contains("secret"), "{}", outcome.target);
    let metrics = server.stop().expect("it served");
    assert_eq!((metrics.opened, metrics.messages), (2, 1000));
}

#[test]
fn other_threads_are_not_the_generators_cost() {
    let _alone = alone();
    let server = halloo::serve("ws://127.0.0.1:0").expect("a free port");
    let end = WindowEnd::Time(Duration::from_millis(400));
    let plan = Plan { pace: Pace::Open { rate: 500.0 }, end, ..Plan::default() };
    let is_done = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&is_done);
    let busy = std::thread::spawn(move || while !until.load(Ordering::Relaxed) {});
    let cpu = halloo::bench(server.url(), &plan).expect("an outcome").generator.cpu;
    is_done.store(true, Ordering::Relaxed);
    busy.join().expect("it ends");
    assert!(cpu < 0.7, "{cpu} of a CPU, one of which another thread has kept busy");
}

#[test]
fn keys_are_demanded_and_given() {
    let _alone = alone();
    let server = Server::new("line://127.0.0.1:0").auth_key(b"old").auth_key(b"new");
    let server = server.start().expect("a free port");
    let bench = |key: &[u8]| Bench::new(server.url(), messages(10)).auth_key(key).run();
    assert_eq!(bench(b"new").expect("an outcome").messages.received, 10);
    assert!(matches!(bench(b"other"), Err(BenchError::Ended { was_open: true, .. })));
}

#[cfg(feature = "tls")]
#[test]
fn a_self_signed_certificate_is_presented_and_trusted() {
    let _alone = alone();
    let server = Server::new("wss://localhost:0").tls_self_signed().start().expect("a free port");
    let certificate = server.certificate().expect("a certificate");
    assert!(!certificate.contains("PRIVATE"), "the key stays here");
    let bench = || Bench::new(server.url(), messages(10));
    let trusting = bench().trust(certificate).run().expect("an outcome");
    assert_eq!(trusting.messages.received, 10);
    assert_eq!(bench().trust_anybody().run().expect("an outcome").messages.received, 10);
    assert!(matches!(bench().run(), Err(BenchError::Ended { .. } | BenchError::Tls(_))));
}

#[test]
fn what_cannot_be_measured_is_an_error_and_what_is_wrong_a_verdict() {
    let _alone = alone();
    let server = halloo::serve("line://127.0.0.1:0").expect("a free port");
    let url = server.url().to_owned();
    let impossible = [
        Plan { connections: 0, ..messages(1) },
        Plan { pace: Pace::Closed { depth: 0 }, ..messages(1) },
        Plan { pace: Pace::Open { rate: f64::NAN }, ..messages(1) },
        Plan { interval: Duration::ZERO, ..messages(1) },
        Plan { content: Content::Text("a\nb".into()), ..messages(1) },
        messages(0),
    ];
    for plan in impossible {
        assert!(matches!(halloo::bench(&url, &plan), Err(BenchError::Plan(_))), "{plan:?}");
    }
    drop(server);
    let gone = halloo::bench(&url, &messages(1)).expect_err("nobody listens");
    assert!(matches!(gone, BenchError::Ended { was_open: false, .. }), "{gone}");
    let typo = halloo::bench("http://localhost", &messages(1)).expect_err("not an address");
    assert!(matches!(typo, BenchError::Address(_)), "{typo}");
    let server = Server::new("tcp://127.0.0.1:0").service(Discard).start().expect("a free port");
    let plan = Plan { reply_timeout: Duration::from_millis(50), ..messages(4) };
    let outcome = halloo::bench(server.url(), &plan).expect("an outcome");
    assert!(!outcome.verdict.is_valid() && outcome.verdict != Verdict::GeneratorBound);
}

/// How this process handles signals, and its limits.
fn settings() -> (Vec<String>, String) {
    let status = fs::read_to_string("/proc/thread-self/status").expect("the status");
    let signals =
        status.lines().filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"));
    let limits = fs::read_to_string("/proc/self/limits").expect("the limits");
    (signals.map(str::to_owned).collect(), limits)
}

#[test]
fn the_process_stays_as_it_was() {
    static PANICS: AtomicU32 = AtomicU32::new(0);
    let _alone = alone();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }));
    let before = settings();
    let server = halloo::serve("ws://127.0.0.1:0").expect("a free port");
    halloo::bench(server.url(), &messages(10)).expect("an outcome");
    let between = settings();
    server.stop().expect("it served");
    let after = settings();
    let panicked = panic::catch_unwind(|| panic!("on purpose"));
    panic::set_hook(hook);
    assert!(panicked.is_err() && PANICS.load(Ordering::Relaxed) == 1, "the panic hook stayed");
    assert_eq!((&between, &after), (&before, &before));
    assert_eq!(log::max_level(), log::LevelFilter::Off, "no logger was installed");
    assert_no_thread_is_left();
}

#[test]
fn a_handle_may_go_to_another_thread() -> io::Result<()> {
    fn is_free<T: Send + Sync>() {}
    is_free::<Handle>();
    let _alone = alone();
    let server = Server::new("tcp://127.0.0.1:0").service(Echo).start()?;
    std::thread::spawn(move || server.stop()).join().expect("no panic").map(drop)
}

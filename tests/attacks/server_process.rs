//! Attacks on the process: its memory, its clock, its descriptors, its log, and its dependencies.

use crate::client::Client;
use crate::support::{KeyFile, Program, Server, halloo, python};
use crate::{process_of, serve, wire};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Milliseconds in 32 bits, which overflow after 49.7 days: the process starts a second before that
/// moment, and later deadlines are met on time.
#[test]
fn t_timer_wheel_overflow() {
    let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux");
    let uptime: f64 = uptime.split(' ').next().and_then(|it| it.parse().ok()).expect("seconds");
    let offset = ((1_u64 << 32) as f64 / 1000.0 - uptime - 1.0) as i64;
    let mut command = Command::new("unshare");
    command.args(["--time", "--monotonic", &offset.to_string()]);
    if !command.arg("true").output().is_ok_and(|output| output.status.success()) {
        println!("skipped: no time namespaces here");
        return;
    }
    let mut command = Command::new("unshare");
    command.args(["--time", "--monotonic", &offset.to_string()]);
    command.arg(halloo().get_program());
    command.args(["serve", "--quiet", "--handshake-timeout", "2s", "--ping-interval", "500ms"]);
    let program = Program::start_server(command.arg("ws://127.0.0.1:0"));
    let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
    let url = stdout.trim().strip_prefix("listening ").expect("it prints its address");
    let (mut silent, mut pinged) = (Client::connect(url), Client::open(url));
    let start = Instant::now();
    let ping = pinged.read_frame();
    assert_eq!(ping.first, wire::PING, "{ping:?}");
    pinged.write(&wire::masked(wire::PONG, b""));
    assert!(silent.read_head().starts_with("HTTP/1.1 408 "));
    let elapsed = start.elapsed();
    println!("a deadline of 2 s across 2^32 ms: {elapsed:?}");
    assert!(elapsed > Duration::from_millis(1_900), "{elapsed:?}");
    assert!(elapsed < Duration::from_millis(3_500), "{elapsed:?}");
}

/// A clock that is set, or a time zone from the environment: only the programs on top read the time
/// of day, for its logs and time stamps, so no wait can depend on it; and no time zone ends the
/// process.
#[test]
fn t_clock_step() {
    for (path, code) in sources("src") {
        let is_log_or_stamp = path.contains("/cli/") || path.ends_with("/src/bench.rs");
        for word in ["SystemTime", "Zoned::now", "Timestamp::now", "UNIX_EPOCH", "set_var"] {
            assert!(is_log_or_stamp || !code.contains(word), "{path}: {word}");
        }
    }
    for zone in
        ["Asia/Shanghai", "UTC0", ":/etc/passwd", "../../../../etc", "No/Where", "\u{1b}[31m"]
    {
        let mut command = halloo();
        command.env("TZ", zone).args(["serve", "--service", "timestamp", "line://127.0.0.1:0"]);
        let program = Program::start_server(&mut command);
        let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
        let mut client = Client::open(stdout.trim().strip_prefix("listening ").expect("a URL"));
        client.write(b"time\n");
        let answer = String::from_utf8(client.read_exactly(32)).expect("a stamp is text");
        assert!(answer.starts_with('[') && answer.ends_with("] time\n"), "{answer}");
    }
}

/// Every source file below this directory, with its path.
fn sources(directory: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                std::fs::read_dir(&path).expect("it is there").flatten().map(|it| it.path()),
            );
        } else {
            let text = std::fs::read_to_string(&path).expect("a source file is text");
            found.push((path.display().to_string(), text));
        }
    }
    assert!(found.len() > 30, "{directory} was found");
    found
}

/// Memory for incomplete messages, until the system kills processes: together they stay within
/// `--max-memory`, the largest holder is closed with 1013, and other clients are served.
#[test]
fn t_oom() {
    const LIMIT_MIB: usize = 16;
    let arguments = ["--service", "timestamp", "--max-memory", "16MiB", "ws://127.0.0.1:0"];
    let server = Server::start(&arguments);
    let process = process_of(&server);
    let mut healthy = Client::open(server.url());
    healthy.write(&wire::masked(wire::BINARY, &[0; 300_000]));
    healthy.read_frame();
    let before = process.memory_kib();
    let half = [wire::masked_header(wire::BINARY, 2 << 20), vec![b'h'; 1 << 20]].concat();
    let mut clients: Vec<Client> = (0..3 * LIMIT_MIB).map(|_| Client::open(server.url())).collect();
    let mut most = 0;
    for client in &mut clients {
        // A client that was ended already may have gone.
        let _ = client.try_write(&half);
        most = most.max(process.memory_kib().saturating_sub(before));
    }
    server.wait_for_log("the server's memory limit is reached");
    println!("{} halves of 1 MiB each: {most} KiB at most", clients.len());
    assert!(most as usize <= (LIMIT_MIB + 4) * 1024, "{most} KiB");
    healthy.write(&wire::masked(wire::BINARY, b"undisturbed"));
    assert!(healthy.read_frame().payload.ends_with(b"undisturbed"));
}

/// Writes to a closed peer: no signal ends the process, and it still stops cleanly. A log whose
/// reader has gone does not end it either.
#[test]
fn t_sigpipe() {
    let mut shell = Command::new("sh");
    let script = "exec \"$0\" serve --service flood tcp://127.0.0.1:0 2>&-";
    let program = Program::start_server(shell.args(["-c", script]).arg(halloo().get_program()));
    let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
    let url = stdout.trim().strip_prefix("listening ").expect("it prints its address").to_owned();
    for _ in 0..200 {
        let mut client = Client::open(&url);
        client.read_exactly(100);
        // Closing a socket with unread input sends a reset, and the server is still writing.
    }
    Client::open(&url).read_exactly(100_000);
    program.terminate();
    assert_eq!(program.wait().code, Some(0));
}

/// Descriptors that leak on an error path, or that a child would inherit: after two thousand
/// failures of ten kinds the number of open descriptors is unchanged, and all of them are closed on
/// exec.
#[test]
fn t_fd_leak() {
    let server = serve(&["--max-message-size", "1KiB", "ws://127.0.0.1:0", "line://127.0.0.1:0"]);
    let process = process_of(&server);
    let [websocket, line] = server.urls() else { panic!("two of them") };
    let descriptors = process.descriptors();
    for round in 0..200 {
        for bytes in
            [&b""[..], b"\x16\x03\x01", b"GET / HT", b"POST / HTTP/1.1\r\n\r\n", wire::REQUEST]
        {
            Client::connect(websocket).write(&bytes[..bytes.len().min(10 + round)]);
        }
        for frame in
            [wire::unmasked(wire::TEXT, b"?"), wire::masked(0x83, b"?"), b"\x82\xff".to_vec()]
        {
            Client::open(websocket).write(&frame);
        }
        Client::open(line).write(&[b'x'; 2_000]);
        Client::open(websocket).write(&wire::masked_close(1000));
    }
    assert!(process.settles(|it| it.descriptors() <= descriptors), "{}", process.descriptors());
    // 02000000 is O_CLOEXEC in `flags` (proc_pid_fdinfo(5)); the standard streams are not marked.
    for entry in std::fs::read_dir(format!("/proc/{}/fdinfo", server.pid())).expect("its own") {
        let path = entry.expect("an entry").path();
        let number: u32 = path.file_name().and_then(|it| it.to_str()?.parse().ok()).expect("one");
        let info = std::fs::read_to_string(&path).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.map_or(0, |flags| u64::from_str_radix(flags.trim(), 8).expect("octal"));
        // Descriptors that this process did not mark either were inherited from it.
        let is_inherited = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))
            .is_ok_and(|own| own == info);
        let is_marked = flags & 0o2_000_000 != 0;
        assert!(number < 3 || is_inherited || is_marked, "{}: {info}", path.display());
    }
}

/// Keys that slow down a hash table, and versions with known vulnerabilities: every table uses the
/// hasher of the standard library, and every locked version is above its minimum.
#[test]
fn t_rustsec_2025_0047() {
    for (path, code) in sources("src") {
        for word in ["FxHash", "fxhash", "rustc_hash", "BuildHasher", "ahash"] {
            assert!(!code.contains(word), "{path}: {word}");
        }
    }
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock = std::fs::read_to_string(lock).expect("it is committed");
    let mut looked_at = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_matches([' ', '=', '"']).to_owned()).expect(name)
        };
        let (name, version) = (field("name"), field("version"));
        let floor = FLOORS.iter().find(|(floored, _)| *floored == name);
        let number = |part: &str| part.parse::<u32>().unwrap_or(0);
        let parts: Vec<u32> = version.split(['.', '+', '-']).take(3).map(number).collect();
        assert!(floor.is_none_or(|(_, floor)| parts[..] >= floor[..]), "{name} {version}");
        looked_at += usize::from(floor.is_some());
    }
    assert!(looked_at > 0, "the names of the packages were found");
}

/// The first version of each package without its advisory: RUSTSEC-2025-0047, 2026-0007, 2024-0019,
/// 2024-0401, 2024-0336 and 2024-0399.
const FLOORS: [(&str, [u32; 3]); 8] = [
    ("slab", [0, 4, 11]),
    ("bytes", [1, 11, 1]),
    ("mio", [0, 8, 11]),
    ("zlib-rs", [0, 4, 2]),
    ("libz-rs-sys", [0, 4, 2]),
    ("rustls", [0, 23, 18]),
    ("rustls-webpki", [0, 103, 13]),
    ("ring", [0, 17, 12]),
];

/// A peer's bytes in the log, for the terminal of its reader: whatever a peer sends, each line is
/// printable ASCII.
#[test]
fn t_rustsec_2025_0055() {
    let addresses = ["ws://127.0.0.1:0", "line://127.0.0.1:0", "tcp://127.0.0.1:0"];
    for format in ["text", "json"] {
        let server = Server::start(&[&["-vv", "--log-format", format][..], &addresses].concat());
        for nasty in nasty_bytes() {
            let field =
                [b"GET /", &nasty[..], b" HTTP/1.1\r\nHost: ", &nasty, b"\r\n\r\n"].concat();
            let origin = [&wire::REQUEST[..wire::REQUEST.len() - 2], b"Origin: ", &nasty].concat();
            for bytes in [nasty.clone(), field, [&origin[..], b"\r\n\r\n"].concat()] {
                for url in server.urls() {
                    let _ = Client::connect(url).try_write(&bytes);
                }
            }
            let close = [&1000_u16.to_be_bytes()[..], &nasty[..nasty.len().min(100)]].concat();
            let mut client = Client::open(&server.urls()[0]);
            let _ = client.try_write(&wire::masked(wire::TEXT, &nasty));
            let _ = client.try_write(&wire::masked(wire::CLOSE, &close));
        }
        std::thread::sleep(Duration::from_millis(200));
        let log = server.stop().stderr;
        assert!(log.lines().count() > 300, "it logs: {log}");
        let harmless = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        let found = log.bytes().find(|byte| !harmless(byte));
        assert_eq!(found, None, "{}", log.escape_debug());
        assert!(!log.contains("forged"), "{log}");
    }
}

/// A server's bytes on the user's terminal: each reply is one line of harmless characters.
#[test]
fn t_osc_52() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    let nasty = nasty_bytes();
    let typed = "x\n".repeat(nasty.len()) + "quit\n";
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        for reply in nasty {
            stream.read_exact(&mut [0; 1])?;
            stream.write_all(&[b"nasty:", &reply[..]].concat())?;
        }
        stream.read_to_end(&mut Vec::new())
    });
    let command = [env!("CARGO_BIN_EXE_halloo"), "connect", &url];
    let screen = python().run("terminal.py", &command, &typed).stdout;
    server.join().expect("it does not panic").expect("the client reads to the end");
    let replies: Vec<&str> = screen.lines().filter(|line| line.contains("nasty:")).collect();
    assert_eq!(replies.len(), nasty_bytes().len(), "{screen:?}");
    for reply in replies {
        let is_harmless = |it: char| it == '\t' || it == '\r' || (' '..='~').contains(&it);
        assert!(reply.chars().all(is_harmless), "{reply:?}");
    }
}

/// Every byte, C1 and bidirectional controls as UTF-8, and sequences that terminals act on.
fn nasty_bytes() -> Vec<Vec<u8>> {
    let mut nasty: Vec<Vec<u8>> = (0..=255).step_by(8).map(|n| (n..=n + 7).collect()).collect();
    let controls =
        ('\u{80}'..='\u{9f}').chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    nasty.push(controls.collect::<String>().into_bytes());
    for text in
        ["\x1b[31m", "\x1b]52;c;aGk=\x07", "\x1b]8;;http://x\x07", "\r\n2026-01-01 forged line\r\n"]
    {
        nasty.push(text.into());
    }
    nasty
}

/// Secrets in a core dump, in the arguments or in the environment: with a key there is no core
/// dump, and the key appears nowhere in /proc.
#[test]
fn t_core_dump() {
    let key = KeyFile::new("a key that nobody else has");
    let server = Server::start(&["-vv", "--auth-key-file", key.path(), "tcp://127.0.0.1:0"]);
    let process = process_of(&server);
    let limits = process.read("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("one");
    let figures: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(figures, ["0", "0"], "{core}");
    for name in ["cmdline", "environ"] {
        assert!(!process.read(name).contains("nobody else has"), "{name}");
    }
    assert!(!server.stop().stderr.contains("nobody else has"));
}

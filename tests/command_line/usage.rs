//! Usage errors: exit code 2 and a message with the flag, the value and what is accepted. Valid
//! arguments that fail: exit code 1.

use super::super::support::{Program, Server, halloo};
use super::{assert_refused, run};
use std::net::TcpListener;
use std::time::{Duration, Instant};

#[test]
fn a_wrong_value_is_reported_with_the_flag_and_what_is_accepted() {
    let cases = [
        ("--max-message-size", "5parsec", "64KiB"),
        ("--max-message-size", "-1", "64KiB"),
        ("--max-memory", "lots", "1MiB"),
        ("--max-header-size", "512", "1KiB to 64KiB"),
        ("--max-header-size", "1MiB", "1KiB to 64KiB"),
        ("--port", "70000", "65535"),
        ("--max-connections", "0", "at least 1"),
        ("--max-connections", "many", "10k"),
        ("--max-connections-per-ip", "none", "or off"),
        ("--max-unauthenticated", "25%", "25%:30:50%"),
        ("--max-unauthenticated", "2:30:1", "or off"),
        ("--close-after", "x", "or off"),
        ("--handshake-timeout", "10", "10s?"),
        ("--write-timeout", "1.5", "1.5s?"),
        ("--handshake-timeout", "0s", "above zero"),
        ("--auth-timeout", "soon", "10s"),
        ("--idle-timeout", "1 fortnight", "or off"),
        ("--close-timeout", "", "5m"),
        ("--drain-timeout", "1d", "1h"),
        ("--ping-interval", "often", "or off"),
        ("--service", "fortune", "echo, timestamp, discard, flood, none"),
        ("--auth-hash", "sha1", "sha256, md5"),
        ("--auth-encoding", "base64", "raw, hex"),
        ("--log-format", "xml", "text, json"),
        ("--allow-origin", "https://x/", "write https://x"),
        ("--allow-origin", "https://x:443", "write https://x"),
        ("--allow-origin", "page.example", "https://page.example"),
        ("--allow-host", "a:9527", "write a"),
        ("--allow-host", "http://a", "echo.example"),
        ("--subprotocol", "a b", "letters, digits"),
    ];
    for (flag, value, accepted) in cases {
        let argument = format!("{flag}={value}");
        let quoted = format!("'{value}'");
        // clap omits an empty value from its message.
        let shown = if value.is_empty() { "" } else { quoted.as_str() };
        assert_refused(&["serve", &argument], 2, &[flag, shown, accepted]);
    }
}

#[test]
fn a_wrong_address_is_reported_with_what_is_accepted() {
    let cases = [
        ("localhost", "write HOST:PORT"),
        ("127.0.0.1:0/chat", "write HOST:PORT"),
        ("70000", "0 to 65535"),
        ("http://127.0.0.1:0/x", "did you mean ws://127.0.0.1:0/x?"),
        ("https://127.0.0.1:0", "did you mean wss://127.0.0.1:0?"),
        ("ftp://127.0.0.1:0", "'ftp' is not a scheme: use one of ws://, wss://, tcp://"),
        ("ws://::1:9527", "write ws://[::1]:9527"),
        ("tcp://127.0.0.1", "needs a port"),
        ("tcp://127.0.0.1:65536", "needs a port from 0 to 65535"),
        ("tcp://127.0.0.1:0/path", "only ws:// and wss:// take"),
        ("ws://user@127.0.0.1:0", "user:password"),
        ("tcp://user:password@127.0.0.1:0", "Basic authorization"),
        ("ws://127.0.0.1:0/#part", "fragment"),
        ("ws://", "no host"),
        ("ws://:port", "needs a port"),
        ("unix:", "no path"),
    ];
    for (address, words) in cases {
        assert_refused(&["serve", address], 2, &[address, words]);
        assert_refused(&["connect", address], 2, &[address, words]);
    }
}

#[test]
fn more_connections_than_the_process_can_hold_are_refused() {
    let words = ["--max-connections 4000000000", "ulimit -Hn"];
    assert_refused(&["serve", "--max-connections", "4000000000", "tcp://127.0.0.1:0"], 2, &words);
}

#[test]
fn an_unknown_flag_and_a_missing_argument_are_refused() {
    assert_refused(&["serve", "--frobnicate"], 2, &["--frobnicate", "--help"]);
    assert_refused(&["connect"], 2, &["<URL>"]);
    assert_refused(&["connect", "-H", "no colon", "ws://127.0.0.1:1"], 2, &["'Name: value'"]);
}

#[test]
fn a_port_that_is_in_use_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("ws://{}", taken.local_addr().expect("it is bound"));
    let words = [&*format!("cannot listen on {url}"), "choose another port"];
    assert_refused(&["serve", &url], 1, &words);
    assert_refused(&[&url], 1, &words);
}

#[test]
fn if_one_of_several_addresses_fails_none_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("tcp://{}", taken.local_addr().expect("it is bound"));
    let finished = run(&["serve", "tcp://127.0.0.1:0", &url]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
}

#[test]
fn halloo_alone_serves_websocket_on_its_default_port() {
    const URL: &str = "ws://127.0.0.1:9527";
    let help = run(&["serve", "--help"]);
    assert!(help.stdout.contains(&format!("[default: {URL}]")), "{}", help.stdout);
    let program = Program::start_server(&mut halloo());
    // Another program may have the port: then the error must say so.
    let refusal = format!("cannot listen on {URL}");
    let start = Instant::now();
    while program.stdout_so_far().is_empty() && !program.stderr_so_far().contains(&refusal) {
        assert!(start.elapsed() < Duration::from_secs(10), "it prints one or the other");
        std::thread::sleep(Duration::from_millis(5));
    }
    if program.stdout_so_far().is_empty() {
        assert_eq!(program.wait().code, Some(1));
        return;
    }
    program.wait_for_stdout(|stdout| stdout == format!("listening {URL}\n"));
    program.terminate();
    assert_eq!(program.wait().code, Some(0));
}

#[test]
fn an_address_alone_and_flags_alone_mean_serve() {
    let url = "line://127.0.0.1:0";
    for arguments in [vec![url], vec!["--service", "timestamp", url], vec!["-q", url]] {
        let program = Program::start_server(halloo().args(&arguments));
        program.wait_for_stdout(|stdout| stdout.starts_with("listening line://127.0.0.1:"));
        program.terminate();
        assert_eq!(program.wait().code, Some(0), "{arguments:?}");
    }
}

#[test]
fn help_and_version() {
    let version = run(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(version.stdout, format!("halloo {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in [&["--help"][..], &["-h"], &["help"]] {
        let help = run(arguments);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:#?}");
        for word in ["serve", "connect", "doctor", "--help", "--version"] {
            assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
        }
    }
    for arguments in [["serve", "--help"], ["connect", "--help"], ["help", "connect"]] {
        let help = run(&arguments);
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:#?}");
        assert!(help.stdout.contains("--auth-key-file <FILE>"), "{}", help.stdout);
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
    }
}

#[test]
fn the_help_has_every_documented_default() {
    let help = run(&["serve", "--help"]).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let defaults = [
        ("--service", "echo"),
        ("--close-after", "off"),
        ("--auth-hash", "sha256"),
        ("--auth-encoding", "raw"),
        ("--max-connections-per-ip", "off"),
        ("--max-message-size", "64MiB"),
        ("--max-header-size", "8KiB"),
        ("--max-memory", "256MiB"),
        ("--handshake-timeout", "10s"),
        ("--auth-timeout", "10s"),
        ("--idle-timeout", "off"),
        ("--close-timeout", "5s"),
        ("--drain-timeout", "10s"),
        ("--ping-interval", "off"),
        ("--profile", "bench"),
        ("--log-format", "text"),
    ];
    for (flag, default) in defaults {
        let (_, about) = help.split_once(&format!("{flag} <")).expect(flag);
        let (_, rest) = about.split_once("[default: ").expect(flag);
        assert!(rest.starts_with(&format!("{default}]")), "{flag}: {about}");
    }
}

#[test]
fn off_is_accepted() {
    let server = Server::start(&[
        "--idle-timeout=off",
        "--ping-interval=off",
        "--close-after=off",
        "--max-connections-per-ip=off",
        "--max-unauthenticated=off",
        "tcp://127.0.0.1:0",
    ]);
    assert_eq!(server.stop().code, Some(0));
}

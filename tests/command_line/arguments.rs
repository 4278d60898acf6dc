//! The arguments: addresses, commands and flags, suggestions for mistyped ones, and the sources of
//! values.

use super::super::support::{Program, Server, connect, halloo};
use super::{assert_refused, run};
use std::fs::OpenOptions;
use std::process::{Command, Stdio};

#[test]
fn a_word_that_is_not_an_address_is_an_unknown_command() {
    for (word, meant) in [
        ("srve", "halloo serve"),
        ("conect", "halloo connect"),
        ("version", "halloo --version"),
        ("man", "the commands are serve, connect"),
        ("frobnicate", "the commands are"),
        ("localhost", "halloo ws://localhost"),
        ("echo.example/chat", "halloo ws://echo.example/chat"),
        ("70000", "the commands are"),
    ] {
        assert_refused(&[word], 2, &[&format!("'{word}'"), "neither a command", meant]);
    }
}

#[test]
fn short_addresses_work_for_serve_and_connect() {
    for arguments in [
        &["0"][..],
        &["serve", ":0"],
        &["-p", "0"],
        &["tcp://:0"],
        &["--port=0", "line://127.0.0.1:0"],
    ] {
        let program = Program::start_server(halloo().args(arguments));
        let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
        let url = stdout.lines().next().and_then(|line| line.strip_prefix("listening "));
        let url = url.expect("it listens");
        let port = url.rsplit(':').next().expect("a port");
        let finished = match url.starts_with("ws") {
            true => connect(&[port], "hello\n"),
            false => {
                connect(&[&format!("{}://:{port}", url.split(':').next().unwrap())], "hello\n")
            }
        };
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(0), "hello\n"),
            "{finished:#?}"
        );
        if arguments.iter().any(|argument| argument.contains(':')) && url.contains("[::]") {
            let finished = connect(
                &[&format!("{}127.0.0.1:{port}", &url[..url.find("://").unwrap() + 3])],
                "4\n",
            );
            assert_eq!(finished.stdout, "4\n", "IPv4 too");
        }
        program.terminate();
    }
    let server = Server::start(&["tcp://127.0.0.1:0", "-p", "0"]);
    assert!(!server.urls().is_empty());
    assert!(server.stop().stdout.lines().count() >= 1);
}

#[test]
fn flags_of_other_tools_are_translated() {
    for (arguments, meant) in [
        (&["serve", "--listen", "0.0.0.0:80"][..], "ws://0.0.0.0:9527"),
        (&["serve", "--bind=0.0.0.0"], "ws://0.0.0.0:9527"),
        (&["serve", "-t", "4"], "--workers"),
        (&["serve", "--threads", "4"], "--workers"),
        (&["serve", "--idle-timout", "4s"], "--idle-timeout"),
        (&["bench", "9527", "-t", "4"], "--processes"),
        (&["bench", "9527", "-z", "10s"], "--duration"),
        (&["bench", "-q", "100", "ws://127.0.0.1:1"], "--rate 100/s"),
        (&["bench", "ws://127.0.0.1:1", "-q", "100"], "--rate 100/s"),
        (&["bench", "9527", "--concurrency", "4"], "--connections"),
        (&["connect", "9527", "--port", "4"], "ws://127.0.0.1:9527"),
    ] {
        assert_refused(arguments, 2, &[meant]);
    }
    for arguments in [&["connect", "9527", "--port", "4"][..], &["serve", "--prot", "4"]] {
        let finished = run(arguments);
        assert!(!finished.stderr.contains("subprotocol"), "{finished:#?}");
    }
}

#[test]
fn listening_on_another_machines_address_suggests_connect() {
    for url in ["ws://192.0.2.1:9527", "tcp://192.0.2.1:9527"] {
        assert_refused(&[url], 1, &["cannot listen on", &format!("halloo connect {url}")]);
    }
}

#[test]
fn help_that_cannot_be_written_is_an_error() {
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"], &["bench", "-h"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("this is Linux");
        let mut command = Command::new(halloo().get_program());
        let output = command.args(arguments).stdout(Stdio::from(full)).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn the_help_of_a_client_is_about_clients() {
    let [serve, connect, bench] =
        ["serve", "connect", "bench"].map(|it| run(&[it, "--help"]).stdout);
    for help in [&connect, &bench] {
        for word in ["for clients that", "any of the keys", "--max-memory"] {
            assert!(!help.contains(word), "{word}: {help}");
        }
        assert!(help.contains("--connect-timeout <TIME>"), "{help}");
    }
    assert!(serve.contains("any of the keys"), "{serve}");
}

/// Runs `serve` with these variables on a port that is in use, so it never starts. Returns stderr.
fn serve_with(variables: &[(&str, &str)]) -> String {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("ws://{}", taken.local_addr().expect("it is bound"));
    // Inherited variables with our prefix are removed; those given here stay.
    let mut command = Command::new(halloo().get_program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HALLOO_") {
            command.env_remove(name);
        }
    }
    let output = command.args(["serve", &url]).envs(variables.iter().copied()).output();
    String::from_utf8(output.expect("it runs").stderr).expect("text")
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let names = [
        "HALLOO_IDLE_TIMEOUT",
        "HALLOO_QUIET",
        "HALLOO_SERVICE",
        "HALLOO_CONFIG",
        "HALLOO_NO_SUCH",
    ];
    let stderr = serve_with(&names.map(|name| (name, "")));
    assert!(stderr.contains("cannot listen on") && !stderr.contains("HALLOO_"), "{stderr}");
}

#[test]
fn a_variable_without_a_flag_is_a_warning() {
    for (name, words) in [
        ("HALLOO_LISTEN", "addresses are arguments"),
        ("HALLOO_URL", "addresses are arguments"),
        ("HALLOO_SERVISE", "did you mean HALLOO_SERVICE?"),
        ("HALLOO_XYZZY", "no flag has this name"),
    ] {
        let stderr = serve_with(&[(name, "x")]);
        assert!(
            stderr.contains(&format!("{name} is ignored")) && stderr.contains(words),
            "{stderr}"
        );
    }
    for name in
        ["HALLOO_PORT", "HALLOO_PORT_80_TCP", "HALLOO_SERVICE_HOST", "HALLOO_WEB_SERVICE_PORT"]
    {
        let stderr = serve_with(&[(name, "tcp://10.0.0.1:80")]);
        assert!(!stderr.contains("ignored"), "{stderr}");
    }
    let stderr = serve_with(&[("HALLOO_CONNECTIONS", "5")]);
    assert!(!stderr.contains("ignored"), "a flag of another command: {stderr}");
}

#[test]
fn an_error_names_the_source_of_a_bad_value() {
    let stderr = serve_with(&[("HALLOO_IDLE_TIMEOUT", "soon")]);
    assert!(
        stderr.contains("'soon'") && stderr.contains("variable HALLOO_IDLE_TIMEOUT"),
        "{stderr}"
    );
    let path = std::env::temp_dir().join(format!("halloo-source-{}.toml", std::process::id()));
    std::fs::write(&path, "idle-timeout = \"soon\"\n").expect("the name is unique");
    let path_text = path.to_str().expect("UTF-8");
    assert_refused(&["serve", "--config", path_text], 2, &["'soon'", "config file", path_text]);
    // A typed value needs no source.
    let finished = run(&["serve", "--config", path_text, "--idle-timeout", "late"]);
    assert!(!finished.stderr.contains("comes from"), "{finished:#?}");
    std::fs::write(&path, "idle-timout = \"5s\"\n").expect("the name is unique");
    assert_refused(
        &["serve", "--config", path_text],
        2,
        &["'idle-timout'", "did you mean 'idle-timeout'?"],
    );
    let _ = std::fs::remove_file(path);
}

//! Limits that are reached: each has its verdict, with the sentence that explains it, and exit code
//! 4.

// Prints which test this machine cannot run.
#![allow(clippy::print_stderr)]

use super::foreign::Foreign;
use super::measured::{Measured, bench, start, undisturbed};
use super::peer::{Wire, reset};
use super::support::{Program, Server, halloo};
use halloo::load::Verdict;
use halloo::load::result::EndReason;
use std::process::Command;
use std::thread;
use std::time::Duration;

#[test]
fn a_limit_on_descriptors_is_named() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for command in ["bench", "hold"] {
        let mut shell = Command::new("sh");
        let script = "ulimit -n 40 && exec \"$0\" \"$@\"";
        shell.args(["-c", script, env!("CARGO_BIN_EXE_halloo"), command]);
        let finished = start(&mut shell, server.url(), "-c 100 -d 500ms --json -").wait();
        let measured = Measured::of(finished);
        measured.assert_verdict("CEILING: descriptors", &["hard limit 40", "ulimit"]);
        let connections = measured.outcome.connections;
        assert_eq!(connections.established + connections.failed, 100);
        assert!((20..40).contains(&connections.established), "{connections:?}");
        assert_eq!(connections.lost, 0);
    }
}

#[test]
fn a_lack_of_ports_is_named() {
    let Some(server) = server_with_few_ports() else { return };
    let url = server.wait_for_stdout(|stdout| stdout.ends_with('\n'));
    let url = url.trim().strip_prefix("listening ").expect("the server's address").to_owned();
    let measured = |flags: &str| {
        let mut enter = Command::new("nsenter");
        enter.arg(format!("--net=/proc/{}/ns/net", server.pid()));
        enter.args([env!("CARGO_BIN_EXE_halloo"), "bench"]);
        Measured::of(start(&mut enter, &url, &format!("{flags} --json -")).wait())
    };
    let one = measured("-c 50 -d 500ms --source 127.0.0.1");
    let route = format!("127.0.0.1 -> {}", url.trim_start_matches("ws://"));
    one.assert_verdict("CEILING: ports", &[&route, "--source"]);
    assert_eq!(one.outcome.connections.established, 20, "{}", one.outcome.verdict_reason);
    let more = measured("-c 50 -d 500ms --source 127.0.0.0/29 --accept-invalid");
    assert_eq!((more.code, more.outcome.connections.failed), (Some(0), 0));
}

/// Our server in a network namespace, where an address has 20 ports for connections.
fn server_with_few_ports() -> Option<Program> {
    let is_possible = rustix::process::geteuid().is_root()
        && Command::new("unshare")
            .args(["-n", "ip", "link", "set", "lo", "up"])
            .status()
            .is_ok_and(|status| status.success());
    if !is_possible {
        eprintln!("skipped: a network with few ports takes root, unshare and ip");
        return None;
    }
    let script = "ip link set lo up && \
        echo '40000 40019' > /proc/sys/net/ipv4/ip_local_port_range && \
        exec \"$0\" serve ws://127.0.0.1:9527";
    let mut unshare = Command::new("unshare");
    unshare.args(["-n", "sh", "-c", script, env!("CARGO_BIN_EXE_halloo")]);
    Some(Program::start_server(&mut unshare))
}

#[test]
fn a_source_address_of_another_machine_is_refused() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let finished = start(halloo().arg("bench"), server.url(), "-c 2 --source 192.0.2.1").wait();
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("192.0.2.1"), "{finished:#?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
}

#[test]
fn a_server_that_resets_every_tenth_connection_is_named() {
    let while_connecting = Foreign::start_bare("ws", |stream, nth| match nth % 10 {
        9 => reset(&stream),
        _ => {
            if let Ok(mut peer) = super::peer::Peer::accept(stream, Wire::WebSocket) {
                peer.echo();
            }
        }
    });
    let measured = bench(&while_connecting.url(), "-c 50 -d 300ms --warmup off");
    measured.assert_verdict("CEILING: remote-resets", &["5 of 50 connections could not be opened"]);
    let connections = measured.outcome.connections;
    assert_eq!((connections.established, connections.failed), (45, 5));
    assert_eq!(measured.outcome.errors[&"reset while connecting".into()], 5);

    let later = Foreign::start(Wire::WebSocket, |mut peer, nth| {
        if nth % 10 != 9 {
            return peer.echo();
        }
        peer.receive();
        peer.reset();
    });
    let measured = bench(&later.url(), "-c 50 -d 300ms --warmup off");
    let words = "5 of 50 connections ended during the run, most often with RST";
    measured.assert_verdict("CEILING: remote-resets", &[words]);
    assert_eq!(measured.outcome.endings[&EndReason::Reset], 5);
    assert_eq!(measured.outcome.connections.lost, 5);
    let url = later.url();
    assert_eq!(bench(&url, "-c 50 -d 300ms --warmup off --accept-invalid").code, Some(0));
}

#[test]
fn a_server_below_the_requested_rate_is_named() {
    // Few messages fit into the buffers on the path, and the others wait for their connection: so
    // only few can be late because the machine is busy.
    let slow = || {
        Foreign::start(Wire::WebSocket, |mut peer, _| {
            peer.shrink_buffer(256 * 1024);
            while let Some(message) = peer.receive() {
                thread::sleep(Duration::from_millis(200));
                peer.send(&message);
            }
        })
    };
    let flags = "-c 1 -r 40/s --size 1MiB -d 1s --warmup off --reply-timeout 1s --lossy-above 100%";
    let measured = undisturbed(slow, flags, |_| false);
    if measured.outcome.verdict == Verdict::GeneratorBound {
        // Also true, and reported first.
        eprintln!("skipped: {}", measured.outcome.verdict_reason);
        return;
    }
    measured.assert_verdict("RATE-NOT-REACHED", &["40/s were requested"]);
    assert!(measured.outcome.messages_per_second < 20.0, "{:?}", measured.outcome.messages);
    let accepted = bench(&slow().url(), &format!("{flags} --accept-invalid"));
    assert_eq!(accepted.code, Some(0), "{}", accepted.stderr);
}

#[test]
fn a_server_that_never_echoes_is_named() {
    let mute = Foreign::start(Wire::WebSocket, |mut peer, _| peer.listen());
    let flags = "-c 2 -d 500ms --reply-timeout 500ms";
    for warm_up in ["--warmup off", "--warmup 300ms"] {
        let measured = bench(&mute.url(), &format!("{flags} {warm_up}"));
        measured.assert_verdict("NOT-AN-ECHO", &["messages was echoed", "--no-verify"]);
        assert_eq!(measured.outcome.messages.received, 0);
    }
}

#[test]
fn a_server_that_closes_connections_during_the_run_is_named() {
    let closes = Foreign::start(Wire::WebSocket, |mut peer, nth| {
        if nth != 1 {
            return peer.echo();
        }
        peer.receive();
        peer.close(1013);
    });
    let measured = bench(&closes.url(), "-c 3 -d 300ms --warmup off");
    let words = "1 of 3 connections ended during the run, most often with close 1013";
    measured.assert_verdict("CEILING: remote-closes", &[words]);
    assert_eq!(measured.outcome.endings[&EndReason::Close(1013)], 1);
}

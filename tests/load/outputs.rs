//! Outputs and watched processes: an unusable one is reported before a run, a failure during the
//! run at its end.

use super::foreign::Foreign;
use super::measured::{bench, run, start};
use super::peer::Wire;
use super::support::{Server, halloo};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A run that would take long.
const LONG: &str = "-c 1 -d 60s --warmup off";

#[test]
fn an_unwritable_output_is_reported_before_the_run() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| peer.echo());
    for flag in ["--json", "--html", "--hdr"] {
        for (file, words) in [
            ("/nonexistent/a", "no such directory"),
            ("/", "it is a directory"),
            ("/proc/halloo", "it cannot be written"),
            ("/proc/version", "it cannot be written"),
            ("/proc/version/a", "no such directory"),
        ] {
            for command in ["bench", "hold"] {
                let flags = LONG.replace("--warmup off", "");
                let finished = run(command, &server.url(), &format!("{flags} {flag} {file}"));
                assert_eq!((finished.code, &*finished.stdout), (Some(2), ""), "{finished:#?}");
                assert!(finished.took < Duration::from_secs(10), "{finished:#?}");
                for words in [&format!("{flag} {file}"), words] {
                    assert!(finished.stderr.contains(words), "no {words:?}: {finished:#?}");
                }
            }
        }
    }
    let same = format!("{LONG} --json /tmp/halloo-same --html /tmp/halloo-same");
    let finished = run("bench", &server.url(), &same);
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("already the file of --json"), "{finished:#?}");
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| peer.echo());
    for command in ["bench", "hold"] {
        let mut shell = Command::new("sh");
        let script = "exec \"$0\" \"$@\" >&-";
        shell.args(["-c", script, env!("CARGO_BIN_EXE_halloo"), command]);
        let finished = start(&mut shell, &server.url(), "-c 1 -d 100ms").wait();
        assert_eq!(finished.code, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains("cannot write to stdout"), "{finished:#?}");
        let mut shell = Command::new("sh");
        let script = "exec \"$0\" \"$@\" >/dev/full";
        shell.args(["-c", script, env!("CARGO_BIN_EXE_halloo"), command]);
        let finished = start(&mut shell, &server.url(), "-c 1 -d 100ms").wait();
        assert_eq!(finished.code, Some(1), "{finished:#?}");
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" >/dev/null", env!("CARGO_BIN_EXE_halloo"), "bench"]);
    let flags = "-c 1 -d 100ms --warmup off --accept-invalid";
    assert_eq!(start(&mut shell, &server.url(), flags).wait().code, Some(0));
}

#[test]
fn a_missing_process_cannot_be_watched() {
    for pid in ["0", "2147483646", "4294967295"] {
        for processes in [1, 2] {
            let flags = format!("-c 2 -d 60s --pid {pid} --processes {processes}");
            let finished = run("hold", "ws://127.0.0.1:1", &flags);
            assert_eq!(finished.code, Some(2), "{finished:#?}");
            let words = format!("--pid {pid}: there is no such process");
            assert!(finished.stderr.contains(&words), "{finished:#?}");
        }
    }
}

#[test]
fn a_watched_process_that_ends_has_no_figures() {
    let server = Foreign::start(Wire::WebSocket, |mut peer, _| peer.echo());
    let mut watched = Command::new("sleep").arg("0.5").spawn().expect("it can be run");
    let pid = watched.id();
    let reaper = thread::spawn(move || watched.wait());
    let flags = format!("-c 1 -d 1500ms --warmup off --pid {pid} --accept-invalid");
    let outcome = bench(&server.url(), &flags).outcome;
    reaper.join().expect("it does not panic").expect("it is our child");
    assert_eq!(outcome.server, None);
    let words = format!("process {pid} ended while it was watched");
    assert!(outcome.findings.iter().any(|it| it.contains(&words)), "{:?}", outcome.findings);
}

#[test]
fn every_result_names_the_program_and_its_settings() {
    let server = Server::start(&["ws://127.0.0.1:0"]);
    for (command, flags, load) in [
        ("bench", "-c 1 -d 100ms --warmup off --lossy-above 2.5%", "closed loop"),
        ("hold", "-c 1 -d 100ms", "open loop"),
        ("hold", "-c 1 -d 100ms --probe-every off", "idle"),
    ] {
        let flags = format!("{flags} --accept-invalid");
        let table = run(command, server.url(), &flags).stdout;
        for words in [load, concat!("halloo ", env!("CARGO_PKG_VERSION"), " on Linux ")] {
            assert!(table.contains(words), "no {words:?}: {table}");
        }
    }
    let outcome =
        bench(server.url(), "-c 1 -d 100ms --warmup off --lossy-above 2.5% --spin").outcome;
    assert!((outcome.load.lossy_above - 0.025).abs() < 1e-9 && outcome.load.spin);
    let machine = &outcome.machine;
    assert!(machine.system.starts_with("Linux "), "{machine:?}");
    assert!(machine.cpus > Some(0) && machine.memory_bytes > Some(1 << 20), "{machine:?}");
    let help = halloo().args(["bench", "--help"]).output().expect("it runs").stdout;
    let help = String::from_utf8_lossy(&help).into_owned();
    assert!(help.contains("--spin") && help.contains("--lossy-above"), "{help}");
}

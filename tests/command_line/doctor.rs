//! `halloo doctor`: its sentence, table, JSON and exit codes.

use super::super::support::{Finished, Program};
use super::{assert_refused, run};
use serde_json::Value;
use std::process::Command;

/// Runs it with this hard limit on descriptors, which is lower than every other limit.
#[track_caller]
fn doctor(descriptors: u64, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    // The shell sets the variables: `Program` removes inherited ones with our prefix.
    let exports = environment.iter().map(|(name, value)| format!("export {name}={value}; "));
    let script = exports.collect::<String>()
        + &format!("ulimit -n {descriptors} && exec \"$0\" doctor \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_halloo")]).args(arguments);
    Program::start(&mut command).wait()
}

#[test]
fn the_sentence_first_and_then_the_table() {
    let finished = doctor(132, &[], &[]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let mut lines = finished.stdout.lines();
    let sentence = lines.next().expect("a sentence");
    let start = "This machine can hold 100 connections. The limiting factor is file descriptors of \
                 one process (hard limit 132): raise it with `";
    assert!(sentence.starts_with(start), "{sentence}");
    // A million connections would take 10,000 such processes, so that is not suggested.
    assert!(sentence.ends_with("as root") && !sentence.contains("--processes"), "{sentence}");
    assert_eq!(lines.next(), Some(""));
    let heading = lines.next().expect("a heading");
    let rows: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    assert!(rows[0].starts_with("descriptors "), "{rows:#?}");
    // Columns start below their headings, and numbers end where their heading does.
    let (value, numbers_end) = (
        heading.find("value"),
        heading.find("connections").map(|start| start + "connections".len()),
    );
    let (value, numbers_end) = (value.expect("a value"), numbers_end.expect("a count"));
    let counts: Vec<u64> = rows
        .iter()
        .map(|row| {
            assert!(row[..value].ends_with("  ") && !row[value..].starts_with(' '), "{row}");
            assert!(row[numbers_end..].starts_with("  "), "{row}");
            let (_, count) = row[..numbers_end].rsplit_once(' ').expect("a blank before the count");
            count.replace(',', "").parse().expect("a count")
        })
        .collect();
    assert_eq!(counts[0], 100);
    assert!(counts.is_sorted(), "{counts:?}");
}

#[test]
fn the_exit_code_says_whether_the_connections_fit() {
    assert_eq!(doctor(132, &["-c", "100"], &[]).code, Some(0));
    let finished = doctor(132, &["--connections=101", "tcp://127.0.0.1:1"], &[]);
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    assert!(
        finished.stdout.starts_with("This machine can hold 100 connections. "),
        "{finished:#?}"
    );
    assert_eq!(finished.stderr, "halloo: --connections 101: this machine can hold 100\n");
    // A second process is enough: the server, which is elsewhere, has limits of its own.
    let arguments = ["-c", "101", "--processes", "2", "tcp://192.0.2.1:1"];
    assert_eq!(doctor(132, &arguments, &[]).code, Some(0));
}

#[test]
fn json_has_the_same_figures() {
    let finished = doctor(132, &["--json", "-c", "1k", "line+tls://[::1]:1"], &[]);
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    let found: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((&found["schema_version"], &found["connections"]), (&1.into(), &100.into()));
    assert_eq!((&found["wanted"], &found["enough"]), (&1_000.into(), &false.into()));
    assert_eq!((&found["plan"]["ends"], &found["plan"]["tls"]), (&2.into(), &true.into()));
    assert_eq!(found["machine"]["descriptors_hard"], 132);
    let first = &found["limits"][0];
    assert_eq!((&first["name"], &first["connections"]), (&"descriptors".into(), &100.into()));
    assert_eq!(first["value"], "hard limit 132");
    let sentence = found["sentence"].as_str().expect("a sentence");
    assert!(sentence.ends_with(first["remedy"].as_str().expect("a remedy")), "{sentence}");
}

#[test]
fn flags_can_be_set_by_variables() {
    let finished = doctor(132, &[], &[("HALLOO_CONNECTIONS", "101"), ("HALLOO_JSON", "yes")]);
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    assert!(finished.stdout.starts_with('{'), "{finished:#?}");
    let enough = [("HALLOO_CONNECTIONS", "101"), ("HALLOO_PROCESSES", "9")];
    assert_eq!(doctor(132, &[], &enough).code, Some(0));
    assert_eq!(doctor(132, &["-c", "100"], &[("HALLOO_CONNECTIONS", "101")]).code, Some(0));
}

#[test]
fn source_addresses_multiply_the_ports() {
    let ports = |arguments: &[&str]| {
        let found: Value = serde_json::from_str(&run(arguments).stdout).expect("JSON");
        let limits = found["limits"].as_array().expect("limits").clone();
        let ports = limits.iter().find(|limit| limit["name"] == "ports");
        ports.and_then(|limit| limit["connections"].as_u64())
    };
    let alone = ports(&["doctor", "--json"]);
    let many = ports(&["doctor", "--json", "--source", "127.1.0.0/24"]);
    assert_eq!(many, alone.map(|alone| alone * 254));
    assert_eq!(ports(&["doctor", "--json", "unix:/run/halloo.sock"]), None);
}

#[test]
fn a_source_address_of_another_machine_holds_nothing() {
    let finished = run(&["doctor", "-c", "1", "--source", "192.0.2.1"]);
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    let sentence = "This machine can hold 0 connections. The limiting factor is source addresses \
                    (192.0.2.1 is not an address of this machine): add it with `ip address \
                    add 192.0.2.1/32 dev lo` as root\n";
    assert!(finished.stdout.starts_with(sentence), "{finished:#?}");
}

#[test]
fn wrong_values_are_named() {
    assert_refused(&["doctor", "-c", "0"], 2, &["--connections", "'0'", "10k"]);
    assert_refused(&["doctor", "--processes", "few"], 2, &["--processes", "'few'", "at least 1"]);
    assert_refused(&["doctor", "--unread", "much"], 2, &["--unread", "'much'", "64KiB"]);
    let source = ["doctor", "--source", "127.1.0.5/16"];
    assert_refused(&source, 2, &["--source", "'127.1.0.5/16'", "write 127.1.0.0/16"]);
    assert_refused(&["doctor", "--source", "10.0.0"], 2, &["'10.0.0'", "expected addresses"]);
    let families = ["doctor", "--source", "::1", "ws://127.0.0.1:9527"];
    assert_refused(&families, 2, &["--source '::1'", "another family", "ws://127.0.0.1:9527"]);
    assert_refused(&["doctor", "localhost"], 2, &["'localhost'", "write HOST:PORT"]);
}

#[test]
fn the_help_fits_a_terminal() {
    let help = run(&["doctor", "--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:#?}");
    assert!(help.stdout.contains("--source <CIDR|LIST>"), "{}", help.stdout);
    assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{}", help.stdout);
}

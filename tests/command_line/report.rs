//! `halloo report`: saved results shown again, made one, compared, judged; and what is no result.

use super::super::support::{Finished, Program, Server, halloo, outcome};
use super::{assert_refused, run};
use halloo::load::{Outcome, Verdict};
use std::fs;
use std::path::PathBuf;

/// Results in a directory of their own, which is gone afterwards.
struct Saved(PathBuf);

impl Saved {
    fn new(test: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("halloo-report-{test}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let saved = Self(directory);
        saved.save("closed", &outcome::closed(1, 8, 100, 180.0));
        saved.save("slower", &outcome::closed(2, 8, 100, 280.0));
        saved
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn save(&self, name: &str, outcome: &Outcome) {
        self.write(name, &serde_json::to_string(outcome).expect("it has JSON"));
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `halloo report` on the first of these, which are files, with the rest.
    fn report(&self, files: &[&str], arguments: &[&str]) -> Finished {
        let files: Vec<String> = files.iter().map(|name| self.path(name)).collect();
        let files = files.iter().map(String::as_str);
        run(&[&["report"], arguments, &files.collect::<Vec<_>>()[..]].concat())
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn assert_ended(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?} in {finished:#?}");
    }
    assert!(finished.stderr.lines().count() <= 1, "a sentence: {finished:#?}");
}

#[test]
fn a_result_is_shown_again_and_saved_in_every_form() {
    let saved = Saved::new("forms");
    let (json, html, hdr) = (saved.path("again"), saved.path("page.html"), saved.path("a.hlog"));
    let finished = saved.report(&["closed"], &["--json", &json, "--html", &html, "--hdr", &hdr]);
    assert_ended(&finished, 0, &[]);
    assert_eq!(finished.stderr, "");
    assert!(finished.stdout.starts_with("VALID: "), "{}", finished.stdout);
    let (before, after): (Outcome, Outcome) = (
        serde_json::from_str(&saved.read("closed")).unwrap(),
        serde_json::from_str(&saved.read("again")).unwrap(),
    );
    assert_eq!(after, before);
    assert!(saved.read("page.html").starts_with("<!doctype html>"));
    assert!(saved.read("a.hlog").contains("#[Histogram log format version 1.3]"));
    assert_eq!(fs::read_dir(&saved.0).unwrap().count(), 5, "nothing unfinished is left");
}

#[test]
fn json_on_stdout_takes_the_place_of_the_table() {
    let saved = Saved::new("stdout");
    let finished = saved.report(&["closed"], &["--json", "-"]);
    assert_ended(&finished, 0, &[]);
    let outcome: Outcome = serde_json::from_str(&finished.stdout).expect("nothing but JSON");
    assert_eq!(outcome.messages.received, 800);
}

#[test]
fn stdin_is_a_file_too() {
    let saved = Saved::new("stdin");
    let mut program = Program::start(halloo().args(["report", "-"]));
    program.write(saved.read("closed"));
    program.close_stdin();
    let finished = program.wait();
    assert_ended(&finished, 0, &[]);
    assert!(finished.stdout.contains("800 received"), "{}", finished.stdout);
}

#[test]
fn several_are_merged() {
    let saved = Saved::new("merge");
    let finished = saved.report(&["closed", "slower", "closed"], &["--merge", "--json", "-"]);
    assert_ended(&finished, 0, &[]);
    let merged: Outcome = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((merged.runs, merged.histograms.latency.count()), (3, 2_400));
    assert_ended(&saved.report(&["closed"], &["--merge"]), 0, &[]);
    saved.save("hold", &outcome::hold());
    assert_ended(&saved.report(&["closed", "hold"], &["--merge"]), 1, &["cannot be merged"]);
}

#[test]
fn two_are_compared() {
    let saved = Saved::new("compare");
    let finished = saved.report(&["closed", "slower"], &["--compare"]);
    assert_ended(&finished, 0, &[]);
    assert!(
        finished.stdout.contains("p50 ") && finished.stdout.contains("slower by "),
        "{finished:#?}"
    );
    let crossed = saved.report(&["closed", "slower"], &["--compare", "--fail-if", "p50>+5%"]);
    assert_ended(&crossed, 3, &["p50 changed by +", "crosses p50>+5%"]);
    assert!(crossed.stdout.contains("slower by "), "the table is printed first");
    assert_ended(&saved.report(&["slower", "closed"], &["--compare", "--fail-if=p50>+5%"]), 0, &[]);
}

#[test]
fn thresholds_decide_before_the_verdict() {
    let saved = Saved::new("exit");
    let mut bound = outcome::closed(1, 8, 100, 180.0);
    bound.verdict = Verdict::GeneratorBound;
    bound.verdict_reason = "the generator was busy".into();
    saved.save("bound", &bound);
    let invalid = saved.report(&["bound"], &[]);
    assert_ended(&invalid, 4, &["GENERATOR-BOUND: the generator was busy", "--accept-invalid"]);
    assert!(invalid.stdout.starts_with("GENERATOR-BOUND: "), "the table is printed first");
    assert_ended(&saved.report(&["bound"], &["--accept-invalid"]), 0, &[]);
    let both = ["--fail-if", "p50>1us", "--fail-if", "rate<1M/s"];
    let crossed = ["p50 is ", "crosses p50>1us; rate is 100/s: crosses rate<1M/s"];
    assert_ended(&saved.report(&["bound"], &both), 3, &crossed);
    assert_ended(&saved.report(&["closed"], &["--fail-if", "errors>0"]), 0, &[]);
    assert_ended(&saved.report(&["closed", "bound"], &["--merge"]), 4, &["GENERATOR-BOUND"]);
    assert_ended(&saved.report(&["bound", "closed"], &["--compare"]), 4, &["GENERATOR-BOUND"]);
}

#[test]
fn what_is_asked_wrongly_is_told_before_anything_is_read() {
    let twice: &[&str] = &["report", "a", "b"];
    assert_refused(twice, 2, &["2 files", "--merge", "--compare"]);
    assert_refused(&["report"], 2, &["<FILE>"]);
    assert_refused(&["report", "--compare", "a"], 2, &["--compare takes two files, not 1"]);
    assert_refused(&["report", "--compare", "--merge", "a", "b"], 2, &["--compare", "--merge"]);
    assert_refused(&["report", "a", "--html", "-"], 2, &["--html -", "only --json"]);
    assert_refused(&["report", "a", "--hdr", "/nowhere/b"], 2, &["--hdr /nowhere/b", "directory"]);
    let words = ["--fail-if p99>+5%", "--compare A B"];
    assert_refused(&["report", "a", "--fail-if", "p99>+5%"], 2, &words);
    let words = ["'p98>1ms'", "--fail-if", "'p98' is not measured", "p99.9", "server.cpu"];
    assert_refused(&["report", "a", "--fail-if", "p98>1ms"], 2, &words);
    let words = ["--json is for one result"];
    assert_refused(&["report", "--compare", "a", "b", "--json", "-"], 2, &words);
}

#[test]
fn what_is_no_result_is_one_sentence() {
    let saved = Saved::new("strange");
    let good = saved.read("closed");
    for (text, words) in [
        ("halloo", "is not JSON: "),
        ("{}", "is no result of halloo: it has no schema_version"),
        ("[1]", "is no result of halloo"),
        ("{\"schema_version\":1}", "is no result of halloo: missing field"),
        (&good.replace("\"schema_version\":1", "\"schema_version\":2"), "this halloo reads 1"),
        (&good.replace("\"VALID\"", "\"FINE\""), "'FINE' is no verdict"),
        (&good.replace("HISTF", "HISTX"), "no HdrHistogram"),
    ] {
        saved.write("strange", text);
        let finished = saved.report(&["strange"], &[]);
        assert_ended(&finished, 1, &[&saved.path("strange"), words]);
        assert_eq!(finished.stdout, "");
    }
    assert_ended(&saved.report(&["absent"], &[]), 1, &["absent' cannot be read: No such file"]);
    saved.write("bytes", "");
    fs::write(saved.0.join("bytes"), b"\xff\xfe").unwrap();
    assert_ended(&saved.report(&["bytes"], &[]), 1, &["cannot be read"]);
}

#[test]
fn a_file_that_cannot_be_written_is_said() {
    let saved = Saved::new("unwritable");
    let name = saved.path(&"x".repeat(300));
    let finished = saved.report(&["closed"], &["--json", &name]);
    assert_ended(&finished, 1, &["cannot write", "File name too long"]);
    assert!(finished.stdout.starts_with("VALID: "), "what was measured is not lost");
    let directory = saved.path("");
    assert_eq!(saved.report(&["closed"], &["--html", &directory]).code, Some(2));
}

#[test]
fn flags_may_come_from_a_file_and_the_environment() {
    let saved = Saved::new("config");
    saved.write("config", "fail-if = [\"errors>0\", \"p50>1us\"]\nmerge = true\n");
    let config = saved.path("config");
    let finished = saved.report(&["closed", "slower"], &["--config", &config]);
    assert_ended(&finished, 3, &["crosses p50>1us"]);
    let file = saved.path("closed");
    let mut command = halloo();
    command.args(["report", &file]).env("HALLOO_FAIL_IF", "p50>2us");
    let mut program = Program::start(&mut command);
    program.close_stdin();
    assert_ended(&program.wait(), 3, &["crosses p50>2us"]);
}

#[test]
fn nothing_of_a_file_is_obeyed_by_the_terminal() {
    let saved = Saved::new("nasty");
    let mut nasty = outcome::closed(1, 2, 10, 180.0);
    nasty.command = "\u{1b}]0;title\u{7}\u{202e}".into();
    nasty.verdict = Verdict::Ceiling;
    nasty.ceiling = Some("\u{1b}[31m".into());
    nasty.verdict_reason = "\u{1b}[2J".into();
    saved.save("nasty", &nasty);
    let finished = saved.report(&["nasty"], &[]);
    assert_eq!(finished.code, Some(4));
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn what_bench_and_hold_save_is_what_the_schema_says() {
    let schema = include_str!("../../docs/bench.schema.json");
    let schema = serde_json::from_str(schema).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let server = Server::start(&["ws://127.0.0.1:0"]);
    let pid = server.pid().to_string();
    let kinds: [&[&str]; 3] = [
        &["bench", "--pid", &pid, "-r", "500/s", "--warmup", "100ms"],
        &["bench", "--warmup", "100ms"],
        &["hold"],
    ];
    for kind in kinds {
        let rest = ["-c", "4", "-d", "1s", "--json", "-", "--accept-invalid", server.url()];
        let finished = run(&[kind, &rest[..]].concat());
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        let saved = serde_json::from_str(&finished.stdout).expect("nothing but JSON");
        let errors: Vec<String> = validator
            .iter_errors(&saved)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{kind:?}: {errors:#?}");
    }
}

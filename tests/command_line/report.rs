//! `halloo report`: results shown again, merged, compared and judged, and other files refused.

use super::super::support::{Finished, Program, Server, halloo, outcome};
use super::{assert_refused, run};
use halloo::load::{Outcome, Verdict};
use std::fs;
use std::path::PathBuf;

/// A directory with saved results, removed when this goes out of scope.
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

    /// Runs `halloo report` with these arguments on these files.
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
fn a_result_is_shown_again_and_saved_in_every_format() {
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
    assert_eq!(fs::read_dir(&saved.0).unwrap().count(), 5, "no temporary file remains");
}

#[test]
fn json_on_stdout_replaces_the_table() {
    let saved = Saved::new("stdout");
    let finished = saved.report(&["closed"], &["--json", "-"]);
    assert_ended(&finished, 0, &[]);
    let outcome: Outcome = serde_json::from_str(&finished.stdout).expect("nothing but JSON");
    assert_eq!(outcome.messages.received, 800);
}

#[test]
fn a_result_can_be_read_from_stdin() {
    let saved = Saved::new("stdin");
    let mut program = Program::start(halloo().args(["report", "-"]));
    program.write(saved.read("closed"));
    program.close_stdin();
    let finished = program.wait();
    assert_ended(&finished, 0, &[]);
    assert!(finished.stdout.contains("800 received"), "{}", finished.stdout);
}

#[test]
fn several_results_are_merged() {
    let saved = Saved::new("merge");
    let finished = saved.report(&["closed", "slower"], &["--merge", "--json", "-"]);
    assert_ended(&finished, 0, &[]);
    let merged: Outcome = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!((merged.runs, merged.histograms.latency.count()), (2, 1_600));
    assert_ended(&saved.report(&["closed"], &["--merge"]), 0, &[]);
    saved.save("hold", &outcome::hold());
    assert_ended(&saved.report(&["closed", "hold"], &["--merge"]), 1, &["cannot be merged"]);
}

#[test]
fn different_experiments_are_merged_only_by_force() {
    let saved = Saved::new("force");
    let mut other = outcome::closed(2, 8, 100, 180.0);
    other.target = "ws://elsewhere/".into();
    saved.save("other", &other);
    let files = ["closed", "other"];
    assert_ended(&saved.report(&files, &["--merge"]), 1, &["the targets differ", "--force"]);
    let forced = saved.report(&files, &["--merge", "--force", "--json", "-"]);
    assert_ended(&forced, 0, &[]);
    let merged: Outcome = serde_json::from_str(&forced.stdout).expect("JSON");
    assert!(merged.findings[0].starts_with("merged with --force although the targets differ"));
    let twice = saved.report(&["closed", "closed"], &["--merge"]);
    assert_ended(&twice, 1, &["is given twice"]);
}

/// Saves runs of two servers in turn: A with a latency of 180 µs, B with `usual_us`.
fn save_rounds(saved: &Saved, usual_us: f64) -> [Vec<String>; 2] {
    let mut names = [Vec::new(), Vec::new()];
    for place in 0..12_i64 {
        let side = usize::from([false, true, true, false][place as usize % 4]);
        let mut run = outcome::closed(place as u64 + 1, 3, 3_000, [180.0, usual_us][side]);
        let start: jiff::Timestamp = run.started_at.parse().expect("a time");
        run.started_at = (start + jiff::SignedDuration::from_secs(place * 20)).to_string();
        let name = format!("{}{}", ["a", "b"][side], names[side].len());
        saved.save(&name, &run);
        names[side].push(saved.path(&name));
    }
    names
}

fn compare(sides: &[Vec<String>; 2], runs: usize, arguments: &[&str]) -> Finished {
    let [a, b] = sides.each_ref().map(|side| side.iter().map(String::as_str).take(runs));
    let (a, b): (Vec<&str>, Vec<&str>) = (a.collect(), b.collect());
    run(&[&["report", "--compare"], &a[..], &["--against"], &b[..], arguments].concat())
}

#[test]
fn two_sides_are_compared() {
    let saved = Saved::new("compare");
    let sides = save_rounds(&saved, 280.0);
    let page = saved.path("page.html");
    let finished = compare(&sides, 6, &["--html", &page]);
    assert_ended(&finished, 0, &[]);
    assert!(
        finished.stdout.contains("p50 ") && finished.stdout.contains(" % slower ± "),
        "{finished:#?}"
    );
    assert!(saved.read("page.html").contains("<h1>DIFFERENT</h1>"));
    let crossed = compare(&sides, 6, &["--fail-if", "p50>+5%"]);
    assert_ended(&crossed, 3, &["p50 changed by +", "crosses p50>+5%"]);
    assert!(crossed.stdout.contains(" % slower ± "), "the table is printed first");
    let [a, b] = sides;
    assert_ended(&compare(&[b, a], 6, &["--fail-if=p50>+5%"]), 0, &[]);
}

#[test]
fn few_runs_are_shown_side_by_side_and_decide_no_change() {
    let saved = Saved::new("few");
    let sides = save_rounds(&saved, 280.0);
    let one = compare(&sides, 1, &[]);
    assert_ended(&one, 0, &[]);
    assert!(one.stdout.contains("one run per side is not enough"), "{}", one.stdout);
    for (runs, words) in [(1, "one run per side is not enough"), (4, "4 runs are too few")] {
        let finished = compare(&sides, runs, &["--fail-if", "p50>+5%"]);
        assert_ended(&finished, 4, &["p50>+5% cannot be judged", words]);
    }
    assert_ended(&compare(&sides, 1, &["--fail-if", "p50>1us"]), 3, &["crosses p50>1us"]);
}

#[test]
fn sides_that_are_not_valid_are_refused_or_accepted() {
    let saved = Saved::new("sides");
    let sides = save_rounds(&saved, 180.0);
    let mut bound: Outcome = serde_json::from_str(&saved.read("b3")).expect("JSON");
    bound.verdict = Verdict::GeneratorBound;
    bound.verdict_reason = "it was busy".into();
    saved.save("b3", &bound);
    let refused = compare(&sides, 6, &[]);
    assert_ended(&refused, 4, &["is GENERATOR-BOUND: it was busy", "--accept-invalid"]);
    assert_eq!(refused.stdout, "");
    assert_ended(&compare(&sides, 6, &["--accept-invalid"]), 0, &[]);
}

#[test]
fn a_threshold_on_an_untrusted_figure_cannot_be_judged() {
    let saved = Saved::new("doubted");
    let mut doubted = outcome::closed(1, 8, 100, 180.0);
    doubted.valid_to = Some(90.0);
    doubted.not_believed = vec!["p99".into()];
    saved.save("doubted", &doubted);
    let words = ["p99>1us cannot be judged", "stalls of the load generator"];
    assert_ended(&saved.report(&["doubted"], &["--fail-if", "p99>1us"]), 4, &words);
    let both = ["--fail-if", "p90>1us", "--fail-if", "p99>1us"];
    assert_ended(&saved.report(&["doubted"], &both), 4, &words);
    assert_ended(&saved.report(&["doubted"], &["--fail-if", "p90>1us"]), 3, &["crosses p90>1us"]);
    let accepted = ["--accept-invalid", "--fail-if", "p99>1us"];
    assert_ended(&saved.report(&["doubted"], &accepted), 3, &["crosses p99>1us"]);
}

#[test]
fn thresholds_decide_before_the_verdict() {
    let saved = Saved::new("exit");
    let mut bound = outcome::closed(3, 8, 100, 180.0);
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
}

#[test]
fn usage_errors_are_reported_before_anything_is_read() {
    let twice: &[&str] = &["report", "a", "b"];
    assert_refused(twice, 2, &["2 files", "--merge", "--compare"]);
    assert_refused(&["report"], 2, &["<FILE>"]);
    assert_refused(&["report", "--compare", "a", "b"], 2, &["--against"]);
    assert_refused(&["report", "--against", "a"], 2, &["--compare"]);
    let merged: &[&str] = &["report", "--merge", "--compare", "a", "--against", "b"];
    assert_refused(merged, 2, &["--compare", "--merge"]);
    assert_refused(&["report", "a", "--force"], 2, &["--merge"]);
    assert_refused(&["report", "a", "--html", "-"], 2, &["--html -", "only --json"]);
    assert_refused(&["report", "a", "--hdr", "/nowhere/b"], 2, &["--hdr /nowhere/b", "directory"]);
    let words = ["--fail-if p99>+5%", "--compare A... --against B..."];
    assert_refused(&["report", "a", "--fail-if", "p99>+5%"], 2, &words);
    let words = ["'p98>1ms'", "--fail-if", "'p98' is not a metric", "p99.9", "server.cpu"];
    assert_refused(&["report", "a", "--fail-if", "p98>1ms"], 2, &words);
    let words = ["--json is for one result"];
    assert_refused(&["report", "--json", "-", "--compare", "a", "--against", "b"], 2, &words);
}

#[test]
fn a_file_that_is_not_a_result_is_an_error_of_one_sentence() {
    let saved = Saved::new("strange");
    let good = saved.read("closed");
    for (text, words) in [
        ("halloo", "is not JSON: "),
        ("{}", "is not a result of halloo: it has no schema_version"),
        ("[1]", "is not a result of halloo"),
        ("{\"schema_version\":2}", "is not a result of halloo: missing field"),
        ("{\"schema_version\":1}", "has schema_version 1: this halloo reads 2"),
        (&good.replace("\"VALID\"", "\"FINE\""), "unknown variant `FINE`"),
        (&good.replace("HISTF", "HISTX"), "not an HdrHistogram"),
        (&good.replace("\"received\":800", "\"received\":700"), "contradicts itself: "),
        (
            &good.replace("\"sent\":800", "\"sent\":18446744073709551615"),
            "messages.sent is 18446744073709551615, which is too large to add up",
        ),
    ] {
        saved.write("strange", text);
        for arguments in [&[][..], &["--merge"], &["--html", &saved.path("page")]] {
            let finished = saved.report(&["strange"], arguments);
            assert_ended(&finished, 1, &[&saved.path("strange"), words]);
            assert_eq!(finished.stdout, "");
        }
        let (strange, closed) = (saved.path("strange"), saved.path("closed"));
        let finished = run(&["report", "--compare", &closed, "--against", &strange]);
        assert_ended(&finished, 1, &[&strange, words]);
    }
    saved.write("marked", &format!("\u{feff}{good}"));
    assert_ended(&saved.report(&["marked"], &[]), 0, &[]);
    assert_ended(&saved.report(&["absent"], &[]), 1, &["absent' cannot be read: No such file"]);
    saved.write("bytes", "");
    fs::write(saved.0.join("bytes"), b"\xff\xfe").unwrap();
    assert_ended(&saved.report(&["bytes"], &[]), 1, &["is UTF-16 text: expected UTF-8"]);
    assert_ended(&run(&["report", "/dev/zero"]), 1, &["'/dev/zero' is larger than 256 MiB"]);
}

#[test]
fn a_file_that_cannot_be_written_is_a_usage_error() {
    let saved = Saved::new("unwritable");
    let name = saved.path(&"x".repeat(300));
    let finished = saved.report(&["closed"], &["--json", &name]);
    assert_ended(&finished, 2, &["--json", "cannot be written", "File name too long"]);
    let directory = saved.path("");
    assert_eq!(saved.report(&["closed"], &["--html", &directory]).code, Some(2));
}

#[test]
fn flags_can_be_set_by_a_file_and_the_environment() {
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
fn control_characters_in_a_file_are_escaped() {
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
fn saved_results_match_the_schema() {
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

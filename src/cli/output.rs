//! Where the result of a measurement goes: the table on stdout, files, and what it means for the exit code.

use super::Failure;
use super::output_file::{self, unfinished};
use super::terminal::printable;
use crate::load::Outcome;
use crate::load::render::{comparison, hlog, html, text};
use crate::load::result::compare::{Comparison, Refusal};
use crate::load::result::threshold::Threshold;
use clap::Args;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// In place of a file: stdout.
const STDOUT: &str = "-";

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Save the result as JSON (docs/bench.schema.json); - is stdout, in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Save a page for a browser that needs no other file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Save the latencies of each interval as an HdrHistogram log
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,
    #[command(flatten)]
    gate: GateArgs,
}

/// When a result counts as failed.
#[derive(Debug, Args)]
struct GateArgs {
    #[arg(long, value_name = "EXPR", help = fail_if_help())]
    fail_if: Vec<Threshold>,
    /// Exit with 0 even if the figures may not be believed
    #[arg(long)]
    accept_invalid: bool,
}

fn fail_if_help() -> String {
    let names = crate::load::result::threshold::names();
    format!(
        "Exit with 3 if this is so, as in 'p99>5ms', 'errors>0', 'rate<100k/s' (repeatable); {names}"
    )
}

impl OutputArgs {
    /// The metrics that thresholds name.
    pub(super) fn needed(&self) -> Vec<String> {
        self.gate.fail_if.iter().map(|threshold| threshold.metric_name().to_owned()).collect()
    }

    /// Finds out before anything is measured what would be in the way of [`deliver`](Self::deliver).
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.check_files()?;
        match self.gate.fail_if.iter().find(|threshold| threshold.is_relative()) {
            None => Ok(()),
            Some(threshold) => Err(Failure::Usage(format!(
                "--fail-if {threshold}: a change needs two sides: halloo report --compare A... --against B..."
            ))),
        }
    }

    fn check_files(&self) -> Result<(), Failure> {
        for (flag, file) in self.files() {
            let Some(file) = file else { continue };
            if file == Path::new(STDOUT) {
                if flag == "--json" {
                    continue;
                }
                return Err(Failure::Usage(format!("{flag} -: only --json can go to stdout")));
            }
            output_file::check(flag, file)?;
        }
        let files = self.files().into_iter().filter_map(|(flag, file)| Some((flag, file?)));
        // What is no plain file, such as /dev/null, takes more than one.
        let files = files.filter(|(_, file)| !file.exists() || file.is_file());
        let files: Vec<(&str, &Path)> = files.collect();
        for (index, (flag, file)) in files.iter().enumerate() {
            if let Some((other, _)) = files[..index].iter().find(|(_, other)| other == file) {
                let file = file.display();
                return Err(Failure::Usage(format!(
                    "{flag} {file}: it is the file of {other}, too"
                )));
            }
        }
        Ok(())
    }

    /// Prints and saves a result. Fails with what could not be written, then with what the thresholds say, then
    /// with the verdict. Everything is tried before: what was measured is not lost because a disk is full.
    pub(super) fn deliver(&self, outcome: &Outcome) -> Result<(), Failure> {
        let shown = match self.json.as_deref() {
            Some(file) if file == Path::new(STDOUT) => json(outcome).and_then(|json| print(&json)),
            Some(file) => {
                let printed = print_table(&text::render(outcome));
                json(outcome).and_then(|json| save(file, &json)).and(printed)
            }
            None => print_table(&text::render(outcome)),
        };
        let is_elsewhere =
            self.files().iter().any(|(_, file)| file.is_some_and(|file| file != Path::new(STDOUT)));
        if !is_elsewhere && self.gate.fail_if.is_empty() && output_file::is_stdout_closed() {
            return Err(Failure::Runtime("cannot write to stdout: it is closed".into()));
        }
        let html = self.html.as_deref().map(|file| save(file, &html::render(outcome)));
        let hdr = self.hdr.as_deref().map(|file| save(file, &hlog::render(outcome)));
        shown?;
        html.transpose()?;
        hdr.transpose()?;
        self.gate.judge(outcome)
    }

    /// Finds out before anything is read what would be in the way of
    /// [`deliver_comparison`](Self::deliver_comparison).
    pub(super) fn check_comparison(&self) -> Result<(), Failure> {
        for (flag, file) in [("--json", &self.json), ("--hdr", &self.hdr)] {
            if file.is_some() {
                return Err(Failure::Usage(format!(
                    "{flag} is for one result: a comparison is a table, or a page with --html"
                )));
            }
        }
        self.check_files()
    }

    /// Prints and saves how the runs of `b` differ from those of `a`, and judges them by it.
    pub(super) fn deliver_comparison(&self, a: &[Outcome], b: &[Outcome]) -> Result<(), Failure> {
        let accept_invalid = self.gate.accept_invalid;
        let comparison =
            Comparison::new(a, b, accept_invalid).map_err(|refusal| match refusal {
                Refusal::NotValid(sentence) => invalid(&sentence),
                Refusal::NotComparable(sentence) => {
                    Failure::Runtime(printable::line(sentence.as_bytes()))
                }
            })?;
        let shown = print_table(&comparison::render(&comparison));
        let page = || html::render_comparison(&comparison);
        let html = self.html.as_deref().map(|file| save(file, &page()));
        shown?;
        html.transpose()?;
        self.gate.judge_change(&comparison)
    }

    fn files(&self) -> [(&'static str, Option<&Path>); 3] {
        let [json, html, hdr] = [&self.json, &self.html, &self.hdr].map(Option::as_deref);
        [("--json", json), ("--html", html), ("--hdr", hdr)]
    }
}

impl GateArgs {
    /// What the thresholds say, then the verdict.
    fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
        if !self.accept_invalid {
            self.judge_by(Failure::Invalid, |threshold| threshold.doubt(outcome))?;
        }
        self.judge_by(Failure::Check, |threshold| threshold.complaint(outcome))?;
        self.judge_verdict(outcome)
    }

    /// What the thresholds say of a change. That the runs are valid, or accepted, is known.
    fn judge_change(&self, comparison: &Comparison<'_>) -> Result<(), Failure> {
        let is_decided = |threshold: &Threshold| threshold.is_relative() || !self.accept_invalid;
        self.judge_by(Failure::Invalid, |threshold| {
            threshold.doubt_between(comparison).filter(|_| is_decided(threshold))
        })?;
        self.judge_by(Failure::Check, |threshold| threshold.complaint_between(comparison))
    }

    fn judge_by(
        &self,
        failure: fn(String) -> Failure,
        complaint: impl Fn(&Threshold) -> Option<String>,
    ) -> Result<(), Failure> {
        let complaints: Vec<String> = self.fail_if.iter().filter_map(complaint).collect();
        if complaints.is_empty() { Ok(()) } else { Err(failure(complaints.join("; "))) }
    }

    fn judge_verdict(&self, outcome: &Outcome) -> Result<(), Failure> {
        if outcome.verdict.is_valid() || self.accept_invalid {
            return Ok(());
        }
        Err(invalid(&format!("{}: {}", outcome.headline(), outcome.verdict_reason)))
    }
}

/// What cannot be believed, with what accepts it nevertheless.
fn invalid(verdict: &str) -> Failure {
    Failure::Invalid(format!(
        "{} (--accept-invalid takes the figures as they are)",
        printable::line(verdict.as_bytes())
    ))
}

/// A result as it is saved.
fn json(outcome: &Outcome) -> Result<String, Failure> {
    match serde_json::to_string_pretty(outcome) {
        Ok(json) => Ok(json + "\n"),
        Err(error) => Err(Failure::Runtime(format!("the result has no JSON: {error}"))),
    }
}

/// Prints lines of which some may have come from a stranger's file.
fn print_table(table: &str) -> Result<(), Failure> {
    let lines: Vec<String> = table.lines().map(|line| printable::line(line.as_bytes())).collect();
    print(&format!("{}\n", lines.join("\n")))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever read our output has enough of it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => {
            result.map_err(|error| Failure::Runtime(format!("cannot write to stdout: {error}")))
        }
    }
}

/// Writes a file so that it is there whole or not at all. What is no plain file, such as a pipe, is written to.
fn save(file: &Path, text: &str) -> Result<(), Failure> {
    write_whole(file, text)
        .map_err(|error| Failure::Runtime(format!("cannot write '{}': {error}", file.display())))
}

fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if !there.is_file() => return fs::write(file, text),
        // A link stays one: what it points to is replaced, or made.
        Ok(_) if file.is_symlink() => return write_whole(&fs::canonicalize(file)?, text),
        Err(_) if file.is_symlink() => return fs::write(file, text),
        _ => {}
    }
    let unfinished = unfinished(file)?;
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, file));
    if written.is_err() {
        // It may not even have been made.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_links_stay() {
        let directory = std::env::temp_dir().join(format!("halloo-output-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (file, link) = (directory.join("a.json"), directory.join("link"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for text in ["one", "another"] {
            write_whole(&link, text).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing unfinished is left");
        assert!(write_whole(&directory.join("none/a"), "").is_err());
        write_whole(Path::new("/dev/null"), "gone").unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }
}

//! The result of a measurement: its flags, the table on stdout, the files, and the exit code.

use super::Failure;
use super::args::heading;
use super::output_file::{self, save};
use super::terminal::printable;
use crate::load::Outcome;
use crate::load::render::{comparison, hlog, html, text};
use crate::load::result::compare::{Comparison, Refusal};
use crate::load::result::threshold::Threshold;
use clap::Args;
use rustix::fs::OFlags;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file name that stands for stdout.
const STDOUT: &str = "-";

/// See the [module documentation](self).
#[derive(Debug, Args)]
#[command(next_help_heading = heading::OUTPUT)]
pub(super) struct OutputArgs {
    /// Save the result as JSON; - prints it instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Save the result as a self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Save the latencies of each interval as an HdrHistogram log (ns)
    #[arg(long, value_name = "FILE")]
    hdr: Option<PathBuf>,
    #[command(flatten)]
    gate: GateArgs,
}

/// When a result counts as failed.
#[derive(Debug, Args)]
#[command(next_help_heading = heading::OUTPUT)]
struct GateArgs {
    #[arg(long, value_name = "EXPR", help = fail_if_help())]
    fail_if: Vec<Threshold>,
    /// Exit with 0 instead of 4 if the figures cannot be trusted
    #[arg(long)]
    accept_invalid: bool,
}

fn fail_if_help() -> String {
    let names = crate::load::result::threshold::names();
    format!(
        "Exit with 3 if this holds, as in 'p99>5ms', 'errors>0' or 'rate<100k/s' (repeatable); {names}"
    )
}

impl OutputArgs {
    /// The metrics that the thresholds name.
    pub(super) fn needed(&self) -> Vec<String> {
        self.gate.fail_if.iter().map(|threshold| threshold.metric_name().to_owned()).collect()
    }

    /// Checks before a measurement that [`deliver`](Self::deliver) can write its files.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.check_files()?;
        match self.gate.fail_if.iter().find(|threshold| threshold.is_relative()) {
            None => Ok(()),
            Some(threshold) => Err(Failure::Usage(format!(
                "--fail-if {threshold}: a change needs two sides: \
                 halloo report --compare A... --against B..."
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
        // A device such as /dev/null may be named more than once.
        let files = files.filter(|(_, file)| !file.exists() || file.is_file());
        let files: Vec<(&str, &Path)> = files.collect();
        for (index, (flag, file)) in files.iter().enumerate() {
            if let Some((other, _)) = files[..index].iter().find(|(_, other)| other == file) {
                let file = file.display();
                return Err(Failure::Usage(format!(
                    "{flag} {file}: this is already the file of {other}"
                )));
            }
        }
        Ok(())
    }

    /// Prints and saves a result. All outputs are tried before an error is returned, so that a full
    /// disk does not lose the measurement.
    ///
    /// # Errors
    ///
    /// In this order: what could not be written, what the thresholds say, and the verdict.
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
        if !is_elsewhere && self.gate.fail_if.is_empty() && is_stdout_closed() {
            return Err(Failure::Runtime("cannot write to stdout: it is closed".into()));
        }
        let html = self.html.as_deref().map(|file| save(file, &html::render(outcome)));
        let hdr = self.hdr.as_deref().map(|file| save(file, &hlog::render(outcome)));
        shown?;
        html.transpose()?;
        hdr.transpose()?;
        self.gate.judge(outcome)
    }

    /// Checks before any result is read that
    /// [`deliver_comparison`](Self::deliver_comparison) can write its files.
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

    /// Prints and saves how the runs of `b` differ from those of `a`, and applies the thresholds.
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
    /// Applies the thresholds, then the verdict.
    fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
        if !self.accept_invalid {
            self.judge_by(Failure::Invalid, |threshold| threshold.doubt(outcome))?;
        }
        self.judge_by(Failure::Check, |threshold| threshold.complaint(outcome))?;
        self.judge_verdict(outcome)
    }

    /// Applies the thresholds to a comparison. Its runs are known to be valid, or were accepted.
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

/// The error for figures that cannot be trusted, with the flag that accepts them nevertheless.
fn invalid(verdict: &str) -> Failure {
    Failure::Invalid(format!(
        "{} (to accept the figures as they are: --accept-invalid)",
        printable::line(verdict.as_bytes())
    ))
}

/// The result in the format in which it is saved.
fn json(outcome: &Outcome) -> Result<String, Failure> {
    match serde_json::to_string_pretty(outcome) {
        Ok(json) => Ok(json + "\n"),
        Err(error) => {
            Err(Failure::Runtime(format!("the result cannot be encoded as JSON: {error}")))
        }
    }
}

/// Prints a table, escaped for a terminal: parts of it may come from a stranger's file.
fn print_table(table: &str) -> Result<(), Failure> {
    let lines: Vec<String> = table.lines().map(|line| printable::line(line.as_bytes())).collect();
    print(&format!("{}\n", lines.join("\n")))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // The reader of the output has closed it: it has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => {
            result.map_err(|error| Failure::Runtime(format!("cannot write to stdout: {error}")))
        }
    }
}

/// Whether stdout was closed when the program started. Rust's runtime then opens /dev/null in its
/// place for reading and writing, which no shell redirection does. Some programs start others with
/// such a stdout on purpose, so this is an error only if the result goes nowhere else.
fn is_stdout_closed() -> bool {
    let stdout = rustix::stdio::stdout();
    let flags = rustix::fs::fcntl_getfl(stdout);
    let is_for_both = flags.is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let device = rustix::fs::fstat(stdout).map(|stat| stat.st_rdev);
    let null = rustix::fs::stat("/dev/null").map(|stat| stat.st_rdev);
    is_for_both && device.is_ok_and(|device| null == Ok(device))
}

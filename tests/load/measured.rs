//! Runs the binary and reads its result.

use super::foreign::Foreign;
use super::support::{Finished, Program, halloo};
use halloo::load::{Outcome, Verdict};
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// How often a measurement is repeated that other activity on the machine has disturbed.
const ATTEMPTS_MAX: usize = 5;

/// Shared by every measurement, and held exclusively by one that other tests must not disturb.
static MACHINE: RwLock<()> = RwLock::new(());

/// The output of a run.
pub(crate) struct Measured {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    /// How long the program ran. Tests measure time by this value, because a test may have to wait
    /// for another one that measures alone.
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

impl Measured {
    /// Parses the JSON on stdout.
    #[track_caller]
    pub(crate) fn of(finished: Finished) -> Self {
        let Finished { code, stdout, stderr, took } = finished;
        let outcome = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}, exit code {code:?}: {stdout}{stderr}"));
        Self { code, stderr, took, outcome }
    }

    /// Asserts this verdict, with all these words in its sentence, and the sentence on stderr.
    #[track_caller]
    pub(crate) fn assert_verdict(&self, verdict: &str, words: &[&str]) {
        let outcome = &self.outcome;
        let reason = &outcome.verdict_reason;
        // The percentile depends on the machine.
        match verdict {
            "VALID" => assert_eq!(outcome.verdict, Verdict::Valid, "{reason}"),
            _ => assert_eq!(outcome.headline(), verdict, "{reason}"),
        }
        for word in words {
            assert!(reason.contains(word), "no {word:?} in {reason:?}");
        }
        let expected = if outcome.verdict.is_valid() { Some(0) } else { Some(4) };
        assert_eq!(self.code, expected, "{}", self.stderr);
        if !outcome.verdict.is_valid() {
            let sentence = format!(
                "halloo: {verdict}: {reason} (to accept the figures as they are: --accept-invalid)"
            );
            assert!(self.stderr.starts_with(&sentence), "{}", self.stderr);
            assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        }
    }
}

/// `halloo bench` with these flags, separated by blanks.
#[track_caller]
pub(crate) fn bench(url: &str, flags: &str) -> Measured {
    Measured::of(run("bench", url, &format!("{flags} --json -")))
}

/// `halloo hold` with these flags, separated by blanks.
#[track_caller]
pub(crate) fn hold(url: &str, flags: &str) -> Measured {
    Measured::of(run("hold", url, &format!("{flags} --json -")))
}

/// Either command, to its end, with any result.
#[track_caller]
pub(crate) fn run(command: &str, url: &str, flags: &str) -> Finished {
    let _among_others = among_others();
    start(halloo().arg(command), url, flags).wait()
}

/// Either command, while it runs.
#[track_caller]
pub(crate) fn start(command: &mut Command, url: &str, flags: &str) -> Program {
    let mut arguments: Vec<&str> = flags.split_whitespace().collect();
    if !flags.contains("--progress") {
        arguments.extend(["--progress", "none"]);
    }
    Program::start(command.args(arguments).arg(url))
}

/// No test measures alone until this guard is dropped.
pub(crate) fn among_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// No other test measures until this guard is dropped.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().unwrap_or_else(PoisonError::into_inner)
}

/// `halloo bench` while no other test measures; repeated with another such server while the figures
/// fail the check and the verdict is GENERATOR-BOUND.
#[track_caller]
pub(crate) fn undisturbed(
    server: impl Fn() -> Foreign,
    flags: &str,
    is_right: impl Fn(&Outcome) -> bool,
) -> Measured {
    let _alone = alone();
    let flags = format!("{flags} --json -");
    let measure = || Measured::of(start(halloo().arg("bench"), &server().url(), &flags).wait());
    let mut measured = measure();
    for _ in 1..ATTEMPTS_MAX {
        let outcome = &measured.outcome;
        if outcome.verdict != Verdict::GeneratorBound || is_right(outcome) {
            break;
        }
        measured = measure();
    }
    measured
}

//! How often `report --compare` is right on this machine: records many runs of one server, and
//! draws trials from them.
//!
//! ```sh
//! cargo bench --bench compare -- record DIRECTORY 200 2s    # results, and DIRECTORY/runs.csv
//! cargo bench --bench compare -- draw DIRECTORY/runs.csv   # 1,000 trials, without and with +10 %
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to a user")]

mod record;
#[allow(dead_code, reason = "shared with tests/report")]
#[path = "../../tests/support/trials.rs"]
mod trials;

use halloo::load::result::compare::COMPARED;
use std::path::Path;
use std::process::ExitCode;

const TRIALS: u32 = 1_000;

/// The simulated change of one side.
const ADDED: f64 = 0.1;

fn main() -> ExitCode {
    // Cargo adds a flag of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["record", directory] => record::record(Path::new(directory), 200, "2s"),
        ["record", directory, runs, duration] => match runs.parse() {
            Ok(runs) => record::record(Path::new(directory), runs, duration),
            Err(error) => Err(format!("'{runs}': {error}")),
        },
        ["draw", file] => draw(Path::new(file)),
        // `cargo bench` without a name runs all benches; this one takes minutes, so it runs only by
        // name.
        [] => Ok(()),
        _ => Err("expected record DIRECTORY [RUNS DURATION], or draw FILE".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("compare: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn draw(file: &Path) -> Result<(), String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let rounds = trials::rounds(&text)?;
    if rounds.len() < 10 {
        return Err(format!("{} rounds are too few, at least 10 are needed", rounds.len()));
    }
    let same = trials::draw(&rounds, TRIALS, 1, 0.0);
    let changed = trials::draw(&rounds, TRIALS, 2, ADDED);
    println!("{} rounds, {TRIALS} trials of 5 to 10 rounds", rounds.len());
    println!("{:<24}{:>18}{:>26}", "", "declared different", "10 % found, of possible");
    for (name, (same, changed)) in COMPARED.iter().zip(same.iter().zip(&changed)) {
        let percent = |count: u32, all: u32| f64::from(count) * 100.0 / f64::from(all.max(1));
        let found =
            format!("{:.1} % of {}", percent(changed.found, changed.possible), changed.possible);
        println!("{name:<24}{:>16.1} %{found:>26}", percent(same.different, TRIALS));
    }
    Ok(())
}

//! The number of instructions per operation of the protocol, compared with a committed baseline.
//!
//! Time depends on other load on the machine; the number of instructions does not. valgrind counts
//! them, and presents the same CPU to every program: AVX2 and nothing newer, whatever the machine
//! has. So the counts depend on the source, the compiler, and slightly on the C library. The
//! baseline names all three, and with a different compiler nothing is compared.
//!
//! An instruction is not a cycle. A count shows whether something became more or less work, not how
//! fast it is.
//!
//! `cargo bench --bench instructions -- --help` lists the options.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to a user")]

mod baseline;
mod callgrind;
mod options;
mod scenes;
#[path = "../support/mod.rs"]
mod support;
mod surroundings;

use baseline::{Baseline, Verdict};
use options::{Choice, Options};
use std::io;
use std::process::ExitCode;
use surroundings::Surroundings;

/// The exit code of a failed check, as in the program itself.
const CHECK_FAILED: u8 = 3;

fn main() -> ExitCode {
    let choice = match Options::from_arguments(std::env::args().skip(1)) {
        Ok(choice) => choice,
        Err(message) => {
            eprintln!("instructions: {message}");
            return ExitCode::from(2);
        }
    };
    let outcome = match choice {
        Choice::Help => {
            println!("{}", options::HELP);
            Ok(true)
        }
        Choice::Perform { scene, worked } => perform(&scene, worked).map(|()| true),
        Choice::Count(options) if options.update => update().map(|()| true),
        Choice::Count(options) => compare(&options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(CHECK_FAILED),
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays a scene under valgrind.
fn perform(name: &str, worked: usize) -> io::Result<()> {
    let scene = scenes::all().into_iter().find(|scene| scene.name() == name);
    scene.ok_or_else(|| io::Error::other(format!("{name} is not a scene")))?.play(worked);
    Ok(())
}

/// Counts every scene and writes a new baseline.
fn update() -> io::Result<()> {
    let mut baseline = Baseline::new(Surroundings::look()?);
    for scene in scenes::all() {
        let count = callgrind::count(&scene)?;
        println!("{:28} {count:>10.1}", scene.name());
        baseline.insert(scene.name(), count);
    }
    baseline.write()?;
    println!("written to {}", baseline::PATH);
    Ok(())
}

/// Counts the chosen scenes. Returns whether all of them are within the limit.
fn compare(options: &Options) -> io::Result<bool> {
    let surroundings = Surroundings::look()?;
    let baseline = Baseline::read()?;
    let incomparable = surroundings.incomparable_with(baseline.surroundings());
    for remark in surroundings.remarks_beside(baseline.surroundings()) {
        println!("{remark}");
    }
    println!("instructions per operation   {:>10} {:>10}", "now", "baseline");
    let scenes = scenes::all();
    let mut all_well = true;
    for scene in scenes.iter().filter(|scene| options.chooses(scene.name())) {
        let verdict = Verdict::new(callgrind::count(scene)?, baseline.count(scene.name()));
        match incomparable {
            None => println!("{:28} {verdict}", scene.name()),
            Some(_) => println!("{:28} {:>10.1}", scene.name(), verdict.now()),
        }
        all_well &= verdict.is_well();
    }
    for name in baseline.names().filter(|name| !scenes.iter().any(|scene| scene.name() == *name)) {
        println!("{name:28} is in the baseline, but not in this build");
    }
    if let Some(reason) = incomparable {
        println!("not compared: {reason}; `-- --update` makes a baseline for it");
        return Ok(true);
    }
    if !all_well {
        println!("{}", baseline::ADVICE);
    }
    Ok(all_well)
}

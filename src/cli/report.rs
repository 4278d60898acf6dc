//! `halloo report`: saved results, shown again, made one, or compared.

use super::output::OutputArgs;
use super::terminal::{logger, printable};
use super::{CommonArgs, Failure};
use crate::load::Outcome;
use crate::load::result::merge;
use crate::load::result::read::{RESULT_BYTES_MAX, parse};
use clap::Args;
use log::LevelFilter;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Results that bench or hold saved with --json; - is stdin
    #[arg(value_name = "FILE", required_unless_present = "compare")]
    files: Vec<PathBuf>,
    /// Add the results up: histograms are added, and runs at the same time are one load from several sides
    #[arg(long)]
    merge: bool,
    /// Merge results that are not runs of one experiment; the result records that
    #[arg(long, requires = "merge")]
    force: bool,
    /// Compare two sides of one or more runs each: these are A
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        requires = "against",
        conflicts_with_all = ["merge", "files"]
    )]
    compare: Vec<PathBuf>,
    /// The runs that are compared with those of --compare: B. From 5 runs a side on the comparison tells more
    /// than chance; let the sides take turns (A B B A ...)
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "compare")]
    against: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Reads, and shows.
pub(super) fn run(arguments: &ReportArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    if !arguments.compare.is_empty() {
        return compare(arguments);
    }
    arguments.output.check()?;
    if arguments.files.len() > 1 && !arguments.merge {
        return Err(Failure::Usage(format!(
            "{} files: expected --merge, which makes one result of them, or --compare A... --against B..., \
             which says how the runs of B differ from those of A",
            arguments.files.len()
        )));
    }
    let outcomes = read_all(&arguments.files)?;
    let merge = if arguments.force { merge::merge_forced } else { merge::merge };
    match &outcomes[..] {
        [only] => arguments.output.deliver(only),
        several => {
            let merged = merge(several)
                .map_err(|message| Failure::Runtime(printable::line(message.as_bytes())))?;
            arguments.output.deliver(&merged)
        }
    }
}

fn compare(arguments: &ReportArgs) -> Result<(), Failure> {
    arguments.output.check_comparison()?;
    let (a, b) = (read_all(&arguments.compare)?, read_all(&arguments.against)?);
    arguments.output.deliver_comparison(&a, &b)
}

fn read_all(files: &[PathBuf]) -> Result<Vec<Outcome>, Failure> {
    files.iter().map(|file| read(file)).collect()
}

/// One saved result.
fn read(file: &Path) -> Result<Outcome, Failure> {
    // What is wrong with a stranger's file may quote it.
    let failure = |message: String| {
        let message = printable::line(message.as_bytes());
        Failure::Runtime(format!("'{}' {message}", file.display()))
    };
    let bytes = if file == Path::new("-") {
        read_limited(io::stdin().lock())
    } else {
        File::open(file).and_then(read_limited)
    };
    let bytes = bytes.map_err(|error| failure(format!("cannot be read: {error}")))?;
    parse(&bytes).map_err(failure)
}

/// All of it, or one byte more than a result can have.
fn read_limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(RESULT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

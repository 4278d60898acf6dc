//! `halloo report`: shows, merges or compares saved results.

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
    /// Read these results, saved by bench or hold with --json; - is stdin
    #[arg(value_name = "FILE", required_unless_present = "compare")]
    files: Vec<PathBuf>,
    /// Merge the results into one; overlapping runs count as one load
    #[arg(long)]
    merge: bool,
    /// Merge results of different experiments too; the merged result says so
    #[arg(long, requires = "merge")]
    force: bool,
    /// Compare the runs in these files (A) with those of --against (B)
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        requires = "against",
        conflicts_with_all = ["merge", "files"]
    )]
    compare: Vec<PathBuf>,
    /// Compare these runs (B) with those of --compare; it takes 5 a side, in turns (A B B A ...)
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "compare")]
    against: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Reads the results and shows, merges or compares them.
pub(super) fn run(arguments: &ReportArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    if !arguments.compare.is_empty() {
        return compare(arguments);
    }
    arguments.output.check()?;
    if arguments.files.len() > 1 && !arguments.merge {
        return Err(Failure::Usage(format!(
            "{} files: expected --merge, which makes them one result, or \
             --compare A... --against B..., which reports how the runs of B differ from those of A",
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

/// Reads one saved result.
fn read(file: &Path) -> Result<Outcome, Failure> {
    // The error may quote a stranger's file.
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

/// Reads all of it, or one byte more than a result may have.
fn read_limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(RESULT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! `halloo report`: saved results, shown again, made one, or compared.

use super::output::OutputArgs;
use super::{CommonArgs, Failure, logger, printable};
use crate::load::outcome::SCHEMA_VERSION;
use crate::load::{Outcome, merge};
use clap::Args;
use log::LevelFilter;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Results that bench or hold saved with --json; - is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Make one of them all: histograms are added, runs at the same time are one load from several sides
    #[arg(long)]
    merge: bool,
    /// Say what the second has become beside the first, metric by metric, and whether it is more than chance
    #[arg(long, conflicts_with = "merge")]
    compare: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    common: CommonArgs,
}

/// Reads, and shows.
pub(super) fn run(arguments: &ReportArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    if arguments.compare {
        return compare(arguments);
    }
    arguments.output.check()?;
    if arguments.files.len() > 1 && !arguments.merge {
        return Err(Failure::Usage(format!(
            "{} files: expected --merge, which makes one result of them, or --compare, which says how the \
             second of two differs",
            arguments.files.len()
        )));
    }
    let outcomes = arguments.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    match &outcomes[..] {
        [only] => arguments.output.deliver(only),
        several => arguments.output.deliver(&merge::merge(several).map_err(Failure::Runtime)?),
    }
}

fn compare(arguments: &ReportArgs) -> Result<(), Failure> {
    let [before, after] = &arguments.files[..] else {
        return Err(Failure::Usage(format!(
            "--compare takes two files, not {}: the earlier result, and the later one",
            arguments.files.len()
        )));
    };
    arguments.output.check_comparison()?;
    arguments.output.deliver_comparison(&read(before)?, &read(after)?)
}

/// One saved result.
fn read(file: &Path) -> Result<Outcome, Failure> {
    // What is wrong with a stranger's file may quote it.
    let failure = |message: String| {
        let message = printable::line(message.as_bytes());
        Failure::Runtime(format!("'{}' {message}", file.display()))
    };
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| failure(format!("cannot be read: {error}")))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| failure(format!("is not JSON: {error}")))?;
    match value.get("schema_version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(SCHEMA_VERSION) => {}
        Some(version) => {
            return Err(failure(format!(
                "has schema_version {version}: this halloo reads {SCHEMA_VERSION}"
            )));
        }
        None => {
            return Err(failure(
                "is no result of halloo: it has no schema_version; bench and hold save one with --json"
                    .into(),
            ));
        }
    }
    serde_json::from_value(value)
        .map_err(|error| failure(format!("is no result of halloo: {error}")))
}

//! The `--config` file: TOML whose keys are the names of the long flags. Its values become
//! defaults, so that flags and environment variables override them.

use super::nearest;
use crate::cli::Failure;
use crate::cli::secrets::read_file;
use crate::cli::terminal::failure;
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use toml::{Table, Value};

/// The largest file that is read: 1 MiB. One line for each flag takes a few KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The key for the positional LISTEN arguments.
const LISTEN: &str = "listen";

/// The contents of a file: names of flags, each with its values.
#[derive(Debug)]
pub(in crate::cli) struct ConfigFile {
    pub(in crate::cli) path: PathBuf,
    values: Vec<(String, Vec<String>)>,
}

impl ConfigFile {
    /// Whether the file sets this flag to this value.
    pub(in crate::cli) fn sets(&self, key: &str, value: &str) -> bool {
        let mut of_flag = self.values.iter().filter(|(known, _)| known == key);
        of_flag.any(|(_, values)| values.iter().any(|it| it == value))
    }
}

/// Makes the file's values the defaults of `command`, if the arguments or the environment name a
/// file.
///
/// # Errors
///
/// [`Failure::Usage`] if the file cannot be read, is not TOML, or has an unknown key.
pub(in crate::cli) fn apply(
    command: Command,
    arguments: &[OsString],
) -> Result<(Command, Option<ConfigFile>), Failure> {
    let Some(path) = named_file(arguments) else { return Ok((command, None)) };
    let failure =
        |message| Failure::Usage(format!("the config file '{}' {message}", path.display()));
    let bytes = read_file(&path, FILE_BYTES_MAX, |_| Ok(())).map_err(failure)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|error| failure(format!("is not text: {error}")))?;
    let table: Table = text.parse().map_err(|error| failure(format!("is not TOML: {error}")))?;
    if let Some(Value::String(format)) = table.get("log-format") {
        failure::note_format_in_file(format);
    }
    let mut values = Vec::new();
    for (key, value) in table {
        if !is_known(&command, &key) {
            return Err(failure(unknown_name(&command, &key)));
        }
        let value = strings(&value).ok_or_else(|| {
            failure(format!(
                "has a table or a date as '{key}': expected a string, a number, a boolean or a list"
            ))
        })?;
        values.push((key, value));
    }
    let command = command.mut_subcommands(|command| {
        command.mut_args(|argument| {
            match values.iter().find(|(key, _)| is_called(&argument, key)) {
                Some((_, value)) => argument.default_values(value),
                None => argument,
            }
        })
    });
    Ok((command, Some(ConfigFile { path, values })))
}

fn unknown_name(command: &Command, key: &str) -> String {
    let arguments = command.get_subcommands().flat_map(Command::get_arguments);
    let longs: Vec<&str> = arguments.filter_map(Arg::get_long).chain([LISTEN]).collect();
    match nearest(key, longs.into_iter()) {
        Some(near) => format!("has an unknown key '{key}': did you mean '{near}'?"),
        None => format!("has an unknown key '{key}': expected the name of a long flag"),
    }
}

/// The file that `--config` or `HALLOO_CONFIG` names. It is looked up before the arguments are
/// parsed, because it changes their defaults.
fn named_file(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("HALLOO_CONFIG").filter(|path| path != OsStr::new("")).map(PathBuf::from)
}

fn is_known(command: &Command, key: &str) -> bool {
    key != "config"
        && command
            .get_subcommands()
            .any(|command| command.get_arguments().any(|argument| is_called(argument, key)))
}

fn is_called(argument: &Arg, key: &str) -> bool {
    argument.get_long() == Some(key) || (key == LISTEN && argument.get_id() == LISTEN)
}

/// A value as it would be typed. A list is a flag given several times.
fn strings(value: &Value) -> Option<Vec<String>> {
    Some(match value {
        Value::String(text) => vec![text.clone()],
        Value::Integer(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Boolean(truth) => vec![truth.to_string()],
        Value::Array(values) => values.iter().map(strings).collect::<Option<Vec<_>>>()?.concat(),
        Value::Table(_) | Value::Datetime(_) => return None,
    })
}

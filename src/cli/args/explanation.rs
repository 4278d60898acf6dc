//! Adds to clap's error about a wrong argument what was probably meant, or where a bad value came
//! from.

use super::config_file::ConfigFile;
use super::environment::{value, variable};
use super::suggestion::{Meant, flag};
use crate::cli::Failure;
use crate::cli::terminal::failure;
use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::ffi::OsString;
use std::io::{self, Write};

/// Prints help, the version or a usage error. Returns how the program then ends; a usage error
/// ends it at once.
pub(in crate::cli) fn explain(
    mut error: Error,
    commands: &Command,
    arguments: &[OsString],
    file: Option<&ConfigFile>,
) -> Failure {
    if !error.use_stderr() {
        return match error.print().and_then(|()| io::stdout().flush()) {
            Ok(()) => Failure::Printed(0),
            // The reader of the output has closed it: it has read enough.
            Err(broken) if broken.kind() == io::ErrorKind::BrokenPipe => Failure::Printed(0),
            Err(broken) => Failure::Runtime(format!("cannot write to stdout: {broken}")),
        };
    }
    match error.kind() {
        ErrorKind::UnknownArgument => suggest(&mut error, commands, arguments),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            if let Some(source) = source(&error, arguments, file) {
                add_tip(&mut error, format!("the value comes from {source}"));
            }
        }
        _ => {}
    }
    failure::exit_with(arguments, &error)
}

fn suggest(error: &mut Error, commands: &Command, arguments: &[OsString]) {
    // clap's suggestions are often far off, and the value that it infers is not meant as one.
    for kind in [ContextKind::SuggestedArg, ContextKind::Suggested, ContextKind::TrailingArg] {
        error.remove(kind);
    }
    if let Some(number) = rate_after_q(arguments) {
        let tip = format!("-q is --quiet and takes no value; for a rate: --rate {number}/s");
        return add_tip(error, tip);
    }
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg).cloned() else {
        return;
    };
    let name = arguments.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let Some(command) = commands.find_subcommand(name) else { return };
    // clap's usage line also shows the flag that it suggests.
    let usage = command.clone().bin_name(format!("halloo {name}")).render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    match flag(command, &unknown) {
        Some(Meant::Flag(flag)) => {
            error.insert(ContextKind::SuggestedArg, ContextValue::String(flag));
        }
        Some(Meant::Sentence(sentence)) => add_tip(error, sentence),
        None => {}
    }
}

/// The number in `-q 100`, which other load generators take as a rate.
fn rate_after_q(arguments: &[OsString]) -> Option<&str> {
    let pair = arguments.windows(2).find(|pair| pair[0] == "-q")?;
    let number = pair[1].to_str()?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
}

/// The source of a bad value that was not typed.
fn source(error: &Error, arguments: &[OsString], file: Option<&ConfigFile>) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let bad = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(bad)) => bad.as_str(),
        _ => "",
    };
    let long = argument.trim_start_matches("--").split([' ', '=']).next().unwrap_or_default();
    let is_typed = arguments.iter().any(|typed| {
        let typed = typed.to_string_lossy();
        typed == bad || typed.strip_suffix(bad).is_some_and(|flag| flag.starts_with('-'))
    });
    if is_typed && !bad.is_empty() {
        return None;
    }
    if let Some(name) = variable(long)
        && value(&name).is_some_and(|value| value.to_string_lossy() == bad)
    {
        return Some(format!("the variable {name}"));
    }
    let file = file.filter(|file| file.sets(long, bad) || file.sets("listen", bad))?;
    Some(format!("the config file '{}'", file.path.display()))
}

/// Adds a tip to what clap prints.
fn add_tip(error: &mut Error, tip: String) {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

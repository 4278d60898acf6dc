//! Reporting a command's failure on stderr: as text, or as one JSON line if the log is in JSON.

use super::line::{LogFormat, json_line, now};
use super::stream::stderr;
use clap::ValueEnum;
use log::{Level, Record};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

/// How long to wait for a slow reader of stderr before the process ends: 1 s.
const FAILURE_WAIT: Duration = Duration::from_secs(1);

/// The log format, once the arguments are parsed.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The log format in the configuration file.
static FORMAT_IN_FILE: OnceLock<LogFormat> = OnceLock::new();

/// Sets the log format once the arguments are parsed. Only the first call has an effect.
pub(in crate::cli) fn set_format(format: LogFormat) {
    let _ = FORMAT.set(format);
}

/// Notes the log format in the configuration file. It applies to failures that are reported before
/// the arguments are parsed, unless an argument or the environment names another.
pub(in crate::cli) fn note_format_in_file(name: &str) {
    if let Ok(format) = LogFormat::from_str(name, false) {
        let _ = FORMAT_IN_FILE.set(format);
    }
}

/// Writes why the command failed to stderr, in the log format. Waits for a slow reader, but not for
/// ever.
pub(in crate::cli) fn report(arguments: &[OsString], message: &str) {
    let text = match asked_format(arguments) {
        LogFormat::Text => format!("halloo: {message}\n"),
        LogFormat::Json => failure_line(message),
    };
    stderr().write_within(text.as_bytes(), FAILURE_WAIT);
}

/// Ends the process after a usage error, as clap does, but reports it in the log format.
pub(in crate::cli) fn exit_with(arguments: &[OsString], error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let text = match asked_format(arguments) {
        LogFormat::Text if std::io::stderr().is_terminal() => error.exit(),
        LogFormat::Text => error.to_string(),
        LogFormat::Json => {
            let message = error.to_string();
            failure_line(message.trim().trim_start_matches("error: "))
        }
    };
    stderr().write_within(text.as_bytes(), FAILURE_WAIT);
    std::process::exit(error.exit_code());
}

fn failure_line(message: &str) -> String {
    let message = format_args!("{message}");
    json_line(&now(), &Record::builder().level(Level::Error).args(message).build(), None)
}

/// The log format if it is set, or else the one that the arguments, the environment or the file
/// name, whatever else is wrong with them.
fn asked_format(arguments: &[OsString]) -> LogFormat {
    const FLAG: &str = "--log-format";
    if let Some(format) = FORMAT.get() {
        return *format;
    }
    let mut flags = arguments.iter().take_while(|it| *it != "--").map(|it| it.to_string_lossy());
    let mut asked = None;
    while let Some(flag) = flags.next() {
        match flag.strip_prefix(FLAG) {
            Some("") => asked = flags.next().map(Cow::into_owned),
            Some(rest) => asked = rest.strip_prefix('=').map(str::to_owned).or(asked),
            None => {}
        }
    }
    let variable = || std::env::var("HALLOO_LOG_FORMAT").ok().filter(|value| !value.is_empty());
    let named = asked.or_else(variable).and_then(|name| LogFormat::from_str(&name, false).ok());
    named.or(FORMAT_IN_FILE.get().copied()).unwrap_or(LogFormat::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_found_in_arguments_that_cannot_be_parsed() {
        let asked = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            asked_format(&arguments)
        };
        for arguments in [&["--log-format", "json"][..], &["serve", "--x", "--log-format=json"]] {
            assert_eq!(asked(arguments), LogFormat::Json, "{arguments:?}");
        }
        for arguments in [&["serve"][..], &["--log-format", "text"], &["--", "--log-format=json"]] {
            assert_eq!(asked(arguments), LogFormat::Text, "{arguments:?}");
        }
    }
}

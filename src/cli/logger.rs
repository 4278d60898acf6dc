//! Log lines on stderr, one each, as text or JSON.

use super::printable;
use super::terminal::stream::{LINE_BYTES_MAX, stderr};
use clap::ValueEnum;
use jiff::Timestamp;
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record, error};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Lines at level info that may come at once: 1,000. A person's session never notices.
const BURST_LINES: f64 = 1_000.0;

/// Lines at level info a second in the long run: 100. A storm of connects must not fill the disk, nor
/// cost more than the connections themselves.
const LINES_PER_SECOND: f64 = 100.0;

/// Warnings or errors of one kind that may come at once: 100. Each kind has its own, so that a storm of one
/// does not hide another.
const BURST_TROUBLES: f64 = 100.0;

/// Warnings or errors of one kind a second in the long run: 10, which still shows that it goes on.
const TROUBLES_PER_SECOND: f64 = 10.0;

/// How long the last words of a process wait for a reader of stderr that is behind: 1 s.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);

/// The format that was asked for, once the arguments are parsed.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// The format that the configuration file names.
static FORMAT_IN_FILE: OnceLock<LogFormat> = OnceLock::new();

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

/// Starts logging. `usual` is the level without `-v` and `-q`; each line of a worker names it.
pub(super) fn init(
    format: LogFormat,
    usual: LevelFilter,
    verbose: u8,
    quiet: bool,
    worker: Option<u32>,
) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::Error,
        (false, 0) => usual,
        (false, 1) => LevelFilter::Debug.max(usual),
        (false, _) => LevelFilter::Trace,
    };
    let logger = Logger { format, worker, is_limited: verbose == 0, state: Mutex::default() };
    // A second call, as tests of the library may make, keeps the first logger.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
        let _ = FORMAT.set(format);
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Notes the format that the configuration file names. It counts for failures that are reported before
/// [`init`], where neither the arguments nor the environment name another.
pub(super) fn note_format_in_file(name: &str) {
    if let Ok(format) = LogFormat::from_str(name, false) {
        let _ = FORMAT_IN_FILE.set(format);
    }
}

/// Writes why the command failed to stderr, as text or as one JSON line, whichever the arguments ask for. A
/// reader that is behind is waited for, but not for ever.
pub(super) fn report_failure(arguments: &[OsString], message: &str) {
    let text = match asked_format(arguments) {
        LogFormat::Text => format!("halloo: {message}\n"),
        LogFormat::Json => failure_line(message),
    };
    stderr().write_within(text.as_bytes(), LAST_WORDS_WAIT);
}

/// Ends the process as clap does when the arguments are wrong or ask for help. Wrong ones are reported as one
/// JSON line if the arguments ask for that.
pub(super) fn exit_with(arguments: &[OsString], error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let text = match asked_format(arguments) {
        LogFormat::Text if is_terminal() => error.exit(),
        LogFormat::Text => error.to_string(),
        LogFormat::Json => {
            let message = error.to_string();
            failure_line(message.trim().trim_start_matches("error: "))
        }
    };
    stderr().write_within(text.as_bytes(), LAST_WORDS_WAIT);
    std::process::exit(error.exit_code());
}

fn is_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal()
}

fn failure_line(message: &str) -> String {
    let message = format_args!("{message}");
    json_line(&now(), &Record::builder().level(Level::Error).args(message).build(), None)
}

/// The format that is known already, or else that the arguments, the environment or the file name, however
/// wrong the rest of them is.
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

/// The default hook would write several lines, and wait for their reader.
fn log_panic(panic: &PanicHookInfo<'_>) {
    error!("{}", printable::line(panic.to_string().replace('\n', " ").as_bytes()));
}

struct Logger {
    format: LogFormat,
    worker: Option<u32>,
    is_limited: bool,
    state: Mutex<State>,
}

/// What was not written, and what may be.
#[derive(Default)]
struct State {
    /// For lines at level info.
    info: Allowance,
    /// For warnings and errors, by the place in the source that they come from.
    troubles: HashMap<(Option<&'static str>, Option<u32>), Allowance>,
    /// Lines that found no room since this was said last.
    dropped: u64,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("halloo")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut state = self.state();
        let Some(suppressed) = self.take(&mut state, record) else { return };
        if suppressed > 0 {
            self.write_suppressed(&mut state, suppressed, record.level());
        }
        self.write(&mut state, record);
    }

    /// Says what was left out and not said yet.
    fn flush(&self) {
        let mut state = self.state();
        let troubles = state.troubles.values_mut().map(|it| std::mem::take(&mut it.suppressed));
        let troubles = troubles.sum();
        let infos = std::mem::take(&mut state.info.suppressed);
        for (count, level) in [(troubles, Level::Error), (infos, Level::Info)] {
            if count > 0 {
                self.write_suppressed(&mut state, count, level);
            }
        }
        self.write_dropped(&mut state);
    }
}

impl Logger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the line may be written, and how many of its kind were suppressed before it.
    fn take(&self, state: &mut State, record: &Record<'_>) -> Option<u64> {
        match record.level() {
            Level::Error | Level::Warn => {
                let place = (record.file_static(), record.line());
                let allowance = state.troubles.entry(place).or_default();
                allowance.take(Instant::now(), BURST_TROUBLES, TROUBLES_PER_SECOND)
            }
            _ if self.is_limited => state.info.take(Instant::now(), BURST_LINES, LINES_PER_SECOND),
            _ => Some(0),
        }
    }

    fn write_suppressed(&self, state: &mut State, count: u64, level: Level) {
        let kind = if level <= Level::Warn { "lines of one kind" } else { "lines" };
        let message = format_args!("suppressed {count} log {kind}");
        self.write(state, &Record::builder().level(Level::Warn).args(message).build());
    }

    fn write(&self, state: &mut State, record: &Record<'_>) {
        // Where nobody makes room, the line is not even formatted.
        self.write_dropped(state);
        if state.dropped > 0 || !stderr().write_line(self.line(record).as_bytes()) {
            state.dropped += 1;
        }
    }

    fn write_dropped(&self, state: &mut State) {
        if state.dropped == 0 {
            return;
        }
        let message = format_args!("{} log lines were dropped: stderr was not read", state.dropped);
        let line = self.line(&Record::builder().level(Level::Warn).args(message).build());
        if stderr().write_line(line.as_bytes()) {
            state.dropped = 0;
        }
    }

    fn line(&self, record: &Record<'_>) -> String {
        match self.format {
            LogFormat::Text => text_line(&now(), record, self.worker),
            LogFormat::Json => json_line(&now(), record, self.worker),
        }
    }
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

fn text_line(time: &str, record: &Record<'_>, worker: Option<u32>) -> String {
    let mut line = format!("{time} {:5} {}", record.level(), record.args());
    visit(record, |key, value| {
        let _ = write!(line, " {key}={value}");
    });
    if let Some(worker) = worker {
        let _ = write!(line, " worker={worker}");
    }
    // A pipe takes a longer line in parts, and might take only one.
    cut(&mut line, LINE_BYTES_MAX - 1);
    line.push('\n');
    line
}

fn json_line(time: &str, record: &Record<'_>, worker: Option<u32>) -> String {
    let mut object = serde_json::Map::new();
    object.insert("time".into(), time.into());
    object.insert("level".into(), record.level().as_str().to_lowercase().into());
    object.insert("message".into(), record.args().to_string().into());
    visit(record, |key, value| {
        let number = value.to_u64().map(serde_json::Value::from);
        object.insert(key.to_string(), number.unwrap_or_else(|| value.to_string().into()));
    });
    if let Some(worker) = worker {
        object.insert("worker".into(), worker.into());
    }
    let mut line = format!("{}\n", serde_json::Value::from(object.clone()));
    // A pipe takes a longer line in parts, and might take only one. It stays JSON: the message is cut.
    let mut message = record.args().to_string();
    while line.len() > LINE_BYTES_MAX && !message.is_empty() {
        let half = message.len() / 2;
        cut(&mut message, half);
        object.insert("message".into(), message.as_str().into());
        line = format!("{}\n", serde_json::Value::from(object.clone()));
    }
    line
}

/// Shortens a text to at most so many bytes, at the end of a character.
fn cut(text: &mut String, bytes_max: usize) {
    let end = (0..=bytes_max.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or(0));
}

fn visit(record: &Record<'_>, each: impl FnMut(Key<'_>, Value<'_>)) {
    struct Visitor<F>(F);
    impl<'kvs, F: FnMut(Key<'_>, Value<'_>)> VisitSource<'kvs> for Visitor<F> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            (self.0)(key, value);
            Ok(())
        }
    }
    let _ = record.key_values().visit(&mut Visitor(each));
}

/// A token bucket for lines, full at first.
#[derive(Default)]
struct Allowance {
    /// Lines that were written of the burst, and have not been regained.
    spent: f64,
    at: Option<Instant>,
    suppressed: u64,
}

impl Allowance {
    /// Whether one line may be written, and how many were suppressed before it.
    fn take(&mut self, now: Instant, burst: f64, per_second: f64) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.at.unwrap_or(now)).as_secs_f64();
        self.spent = (self.spent - elapsed * per_second).max(0.0);
        self.at = Some(now);
        if self.spent + 1.0 > burst {
            self.suppressed += 1;
            return None;
        }
        self.spent += 1.0;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_cut_off_and_counted() {
        let start = Instant::now();
        let mut allowance = Allowance::default();
        let mut take = |now| allowance.take(now, BURST_LINES, LINES_PER_SECOND);
        assert_eq!((0..5_000).filter(|_| take(start).is_some()).count(), 1_000);
        let later = start + Duration::from_secs(1);
        assert_eq!(take(later), Some(4_000));
        assert_eq!(take(later), Some(0));
    }

    #[test]
    fn a_line_is_text_or_json() {
        let pairs = [("peer", "127.0.0.1:1")];
        let write = |line: fn(&str, &Record<'_>, Option<u32>) -> String, worker| {
            let message = format_args!("#1 \"connected\"");
            let record =
                Record::builder().level(Level::Info).args(message).key_values(&pairs).build();
            line("12:00", &record, worker)
        };
        let text = "12:00 INFO  #1 \"connected\" peer=127.0.0.1:1";
        assert_eq!(write(text_line, None), format!("{text}\n"));
        assert_eq!(write(text_line, Some(2)), format!("{text} worker=2\n"));
        let json: serde_json::Value = serde_json::from_str(&write(json_line, Some(2))).unwrap();
        assert_eq!(json["level"], "info");
        assert_eq!(json["message"], "#1 \"connected\"");
        assert_eq!(json["peer"], "127.0.0.1:1");
        assert_eq!(json["worker"], 2);
    }

    #[test]
    fn each_kind_of_trouble_has_an_allowance_of_its_own() {
        let state = Mutex::default();
        let logger = Logger { format: LogFormat::Text, worker: None, is_limited: false, state };
        let take = |line| {
            let record = Record::builder().level(Level::Error).line(Some(line)).build();
            logger.take(&mut logger.state(), &record)
        };
        let storm: Vec<_> = (0..1_000).filter_map(|_| take(1)).collect();
        assert!((100..110).contains(&storm.len()), "{}", storm.len());
        assert_eq!(take(2), Some(0), "another kind is not held back");
    }

    #[test]
    fn a_line_is_never_longer_than_a_pipe_takes_at_once() {
        for character in ["x", "é", "\"", "\u{1}"] {
            let message = character.repeat(10_000);
            let message = format_args!("{message}");
            let record = Record::builder().level(Level::Info).args(message).build();
            let text = text_line("12:00", &record, None);
            assert!(text.len() <= LINE_BYTES_MAX && text.ends_with('\n'), "{}", text.len());
            let json = json_line("12:00", &record, Some(1));
            assert!((1_000..=LINE_BYTES_MAX).contains(&json.len()), "{}", json.len());
            assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }
    }

    #[test]
    fn the_format_is_found_in_arguments_that_were_not_parsed() {
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

//! The logger: one line per record on stderr, as text or JSON, with rate limits.

pub(in crate::cli) use super::line::LogFormat;

use super::failure;
use super::line::{json_line, now, text_line};
use super::printable;
use super::stream::stderr;
use log::{Level, LevelFilter, Log, Metadata, Record, error};
use std::collections::HashMap;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many lines at level info may come at once: 1,000, more than an interactive session logs.
const BURST_LINES: f64 = 1_000.0;

/// How many lines per second at level info are logged in the long run: 100. A storm of connections
/// must neither fill the disk nor cost more to log than to serve.
const LINES_PER_SECOND: f64 = 100.0;

/// How many warnings or errors of one kind may come at once: 100. Each kind has its own allowance,
/// so that a storm of one does not hide another.
const BURST_TROUBLES: f64 = 100.0;

/// How many warnings or errors of one kind per second are logged in the long run: 10.
const TROUBLES_PER_SECOND: f64 = 10.0;

/// Starts logging. `usual` is the level without `-v` or `-q`; `worker` is added to each line.
pub(in crate::cli) fn init(
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
    // A second call, as in tests of the library, keeps the first logger.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
        failure::set_format(format);
        std::panic::set_hook(Box::new(log_panic));
        if worker.is_none() {
            crate::cli::environment_warnings().iter().for_each(|warning| log::warn!("{warning}"));
        }
    }
}

/// Logs a panic in one line. The default hook writes several, and blocks while nobody reads them.
fn log_panic(panic: &PanicHookInfo<'_>) {
    error!("{}", printable::line(panic.to_string().replace('\n', " ").as_bytes()));
}

struct Logger {
    format: LogFormat,
    worker: Option<u32>,
    is_limited: bool,
    state: Mutex<State>,
}

/// The allowances, and counts of the lines that were not written.
#[derive(Default)]
struct State {
    /// The allowance for lines at level info.
    info: Allowance,
    /// The allowances for warnings and errors, by their place in the source.
    troubles: HashMap<(Option<&'static str>, Option<u32>), Allowance>,
    /// Lines that stderr did not take, and that were not reported yet.
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

    /// Reports the suppressed and dropped lines that were not reported yet.
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

    /// Whether the line may be written: how many of its kind were suppressed before, or `None`.
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
        // While stderr is full, the line is not even formatted.
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

/// A token bucket for lines, which starts full.
#[derive(Default)]
struct Allowance {
    /// Lines of the burst that were used and not yet regained.
    spent: f64,
    at: Option<Instant>,
    suppressed: u64,
}

impl Allowance {
    /// Takes one line: how many were suppressed before it, or `None` if it is suppressed.
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
    use std::time::Duration;

    #[test]
    fn a_storm_is_suppressed_and_counted() {
        let start = Instant::now();
        let mut allowance = Allowance::default();
        let mut take = |now| allowance.take(now, BURST_LINES, LINES_PER_SECOND);
        assert_eq!((0..5_000).filter(|_| take(start).is_some()).count(), 1_000);
        let later = start + Duration::from_secs(1);
        assert_eq!(take(later), Some(4_000));
        assert_eq!(take(later), Some(0));
    }

    #[test]
    fn each_kind_of_warning_or_error_has_an_allowance_of_its_own() {
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
}

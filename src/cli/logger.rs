//! Log lines on stderr, one each, as text or JSON.

use clap::ValueEnum;
use jiff::Timestamp;
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Instant;

/// Lines at level info that may come at once: 1,000. A person's session never notices.
const BURST_LINES: f64 = 1_000.0;

/// Lines at level info a second in the long run: 100. A storm of connects must not fill the disk, nor
/// cost more than the connections themselves.
const LINES_PER_SECOND: f64 = 100.0;

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
    let allowance = Allowance { lines: BURST_LINES, at: Instant::now(), suppressed: 0 };
    let logger =
        Logger { format, worker, is_limited: verbose == 0, allowance: Mutex::new(allowance) };
    // A second call, as tests of the library may make, keeps the first logger.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
        if worker.is_none() {
            super::environment_warnings().iter().for_each(|warning| log::warn!("{warning}"));
        }
    }
}

struct Logger {
    format: LogFormat,
    worker: Option<u32>,
    is_limited: bool,
    allowance: Mutex<Allowance>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("halloo")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if self.is_limited && record.level() >= Level::Info {
            let Ok(mut allowance) = self.allowance.lock() else { return };
            match allowance.take(Instant::now()) {
                None => return,
                Some(0) => {}
                Some(suppressed) => {
                    let message = format_args!("{suppressed} log lines were left out");
                    self.write(&Record::builder().level(Level::Warn).args(message).build());
                }
            }
        }
        self.write(record);
    }

    fn flush(&self) {}
}

impl Logger {
    fn write(&self, record: &Record<'_>) {
        let time = format!("{:.3}", Timestamp::now());
        let line = match self.format {
            LogFormat::Text => text_line(&time, record, self.worker),
            LogFormat::Json => json_line(&time, record, self.worker),
        };
        // Nobody is left to tell if stderr is gone.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn text_line(time: &str, record: &Record<'_>, worker: Option<u32>) -> String {
    let mut line = format!("{time} {:5} {}", record.level(), record.args());
    visit(record, |key, value| {
        let _ = write!(line, " {key}={value}");
    });
    if let Some(worker) = worker {
        let _ = write!(line, " worker={worker}");
    }
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
    format!("{}\n", serde_json::Value::from(object))
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

/// A token bucket for lines.
struct Allowance {
    lines: f64,
    at: Instant,
    suppressed: u64,
}

impl Allowance {
    /// Whether one line may be written, and how many were suppressed before it.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.lines = (self.lines + elapsed * LINES_PER_SECOND).min(BURST_LINES);
        self.at = now;
        if self.lines < 1.0 {
            self.suppressed += 1;
            return None;
        }
        self.lines -= 1.0;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_storm_is_cut_off_and_counted() {
        let start = Instant::now();
        let mut allowance = Allowance { lines: BURST_LINES, at: start, suppressed: 0 };
        let written = (0..5_000).filter(|_| allowance.take(start).is_some()).count();
        assert_eq!(written, 1_000);
        let later = start + Duration::from_secs(1);
        assert_eq!(allowance.take(later), Some(4_000));
        assert_eq!(allowance.take(later), Some(0));
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
}

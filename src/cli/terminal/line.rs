//! Formats a log line as text or JSON.

use super::stream::LINE_BYTES_MAX;
use clap::ValueEnum;
use jiff::Timestamp;
use log::Record;
use log::kv::{Key, Value, VisitSource};
use std::fmt::Write;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LogFormat {
    Text,
    Json,
}

/// The current time in UTC, with milliseconds.
pub(in crate::cli) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// Formats a record as text, in at most [`LINE_BYTES_MAX`] bytes.
pub(in crate::cli) fn text_line(time: &str, record: &Record<'_>, worker: Option<u32>) -> String {
    let mut line = format!("{time} {:5} {}", record.level(), record.args());
    visit(record, |key, value| {
        let _ = write!(line, " {key}={value}");
    });
    if let Some(worker) = worker {
        let _ = write!(line, " worker={worker}");
    }
    // A longer line could be torn by a pipe.
    cut(&mut line, LINE_BYTES_MAX - 1);
    line.push('\n');
    line
}

/// Formats a record as one JSON object, in at most [`LINE_BYTES_MAX`] bytes: a long message is cut.
pub(in crate::cli) fn json_line(time: &str, record: &Record<'_>, worker: Option<u32>) -> String {
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
    // A longer line could be torn by a pipe. Cutting the message keeps it valid JSON.
    let mut message = record.args().to_string();
    while line.len() > LINE_BYTES_MAX && !message.is_empty() {
        let half = message.len() / 2;
        cut(&mut message, half);
        object.insert("message".into(), message.as_str().into());
        line = format!("{}\n", serde_json::Value::from(object.clone()));
    }
    line
}

/// Truncates a text to at most this many bytes, at a character boundary.
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

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

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
    fn a_line_never_exceeds_what_a_pipe_writes_atomically() {
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
}

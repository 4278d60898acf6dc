//! The progress of a run on stderr: one changing line on a terminal, a line per second elsewhere.

use super::stream::stderr;
use crate::load::render::quantity::{count, length_s, per_second, time_us};
use crate::load::run::{Phase, Progress};
use clap::ValueEnum;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the line is updated on a terminal: 10 times a second.
const TERMINAL_PERIOD: Duration = Duration::from_millis(100);

/// How often a line is written elsewhere: a little less than a second, so that a run that reports
/// progress every second loses no line.
const PLAIN_PERIOD: Duration = Duration::from_millis(950);

/// The assumed width of a terminal whose width is unknown, in columns.
const COLUMNS: usize = 80;

/// The width of the bar, in columns.
const BAR: usize = 20;

/// The form of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    /// A changing line if stderr is a terminal, otherwise plain
    Auto,
    /// A line per second
    Plain,
    /// No progress
    None,
}

/// The display of progress on stderr.
#[derive(Debug)]
pub(in crate::cli) struct ProgressLine {
    style: Style,
    /// The length of the window, if it is known in advance.
    window: Option<Duration>,
    shown_at: Option<Instant>,
    /// The phase that was shown last; a new one is shown at once.
    phase: Option<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Terminal,
    Plain,
    None,
}

impl ProgressLine {
    /// A display that shows nothing yet. `window` is the length of the window, if it is known.
    pub(in crate::cli) fn new(mode: ProgressMode, window: Option<Duration>) -> Self {
        let style = match mode {
            ProgressMode::None => Style::None,
            ProgressMode::Auto if std::io::stderr().is_terminal() => Style::Terminal,
            ProgressMode::Auto | ProgressMode::Plain => Style::Plain,
        };
        Self { style, window, shown_at: None, phase: None }
    }

    /// The phase that was shown last.
    pub(in crate::cli) fn phase(&self) -> Phase {
        self.phase.unwrap_or_default()
    }

    /// Shows the progress, unless it was shown just now. That check is cheap, so this may be called
    /// often.
    pub(in crate::cli) fn show(&mut self, progress: &Progress<'_>) {
        let period = match self.style {
            Style::None => return,
            Style::Terminal => TERMINAL_PERIOD,
            Style::Plain => PLAIN_PERIOD,
        };
        let is_early = self.shown_at.is_some_and(|at| at.elapsed() < period);
        if is_early && self.phase == Some(progress.phase) {
            return;
        }
        self.shown_at = Some(Instant::now());
        self.phase = Some(progress.phase);
        let line = match self.style {
            Style::Terminal => {
                // The last column stays free: some terminals wrap after it.
                let line = line(progress, self.window, true);
                format!("\r\x1b[K{}", cut(&line, columns().saturating_sub(1)))
            }
            _ => format!("{}\n", line(progress, self.window, false)),
        };
        write(&line);
    }

    /// Erases the line from a terminal, so that the result starts in the first column.
    pub(in crate::cli) fn finish(&mut self) {
        if self.style == Style::Terminal && self.shown_at.take().is_some() {
            write("\r\x1b[K");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.finish();
    }
}

/// `measuring 3.0 s of 10.0 s, 128 connections, 98,123/s, p50 16.2 µs, p99 42.1 µs, 0 errors`.
fn line(progress: &Progress<'_>, window: Option<Duration>, with_bar: bool) -> String {
    let is_timed = progress.phase < Phase::Closing && progress.latency.count() > 0;
    let at = |quantile| is_timed.then(|| progress.latency.quantile(quantile));
    let elapsed = length_s(progress.elapsed.as_secs_f64());
    let mut line = progress.phase.to_string();
    match window.filter(|_| progress.phase == Phase::Measuring) {
        None => line += &format!(" {elapsed}"),
        Some(total) => {
            if with_bar {
                line += &format!(" {}", bar(progress.elapsed, total));
            }
            line += &format!(" {elapsed} of {}", length_s(total.as_secs_f64()));
        }
    }
    line += &format!(", {} connections", count(progress.connections));
    line += &format!(", {}", per_second(progress.per_second));
    for (name, time) in [("p50", at(0.5)), ("p99", at(0.99))] {
        if let Some(time) = time {
            line += &format!(", {name} {}", time_us(time.as_nanos() as f64 / 1e3));
        }
    }
    line += &format!(", {} errors", count(progress.errors));
    line
}

fn bar(elapsed: Duration, total: Duration) -> String {
    let part = elapsed.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
    let full = (part.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    "█".repeat(full) + &"░".repeat(BAR - full)
}

fn cut(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(COLUMNS)
}

/// Writes without waiting: a slow reader misses a line, and the next one is as good.
fn write(text: &str) {
    stderr().write_line(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Histogram;
    use std::borrow::Cow;

    fn measuring() -> Progress<'static> {
        let mut latency = Histogram::new();
        latency.record(16_200);
        Progress {
            phase: Phase::Measuring,
            elapsed: Duration::from_secs(3),
            connections: 1_280,
            per_second: 98_123.4,
            latency: Cow::Owned(latency),
            errors: 0,
        }
    }

    #[test]
    fn a_line_has_every_figure_with_its_unit() {
        let total = Some(Duration::from_secs(10));
        assert_eq!(
            line(&measuring(), total, false),
            "measuring 3.00 s of 10.0 s, 1,280 connections, 98,123/s, p50 16.2 µs, p99 16.2 µs, 0 errors"
        );
        assert!(
            line(&measuring(), total, true).starts_with("measuring ██████░░░░░░░░░░░░░░ 3.00 s of")
        );
        assert!(line(&measuring(), None, true).starts_with("measuring 3.00 s, 1,280"));
        assert_eq!(cut("█░ab", 3), "█░a");
        assert_eq!(bar(Duration::from_secs(9), Duration::ZERO), "█".repeat(BAR));
    }

    #[test]
    fn progress_that_comes_too_soon_is_skipped() {
        let mut progress = ProgressLine::new(ProgressMode::Plain, None);
        progress.show(&measuring());
        let first = progress.shown_at;
        progress.show(&measuring());
        assert_eq!(progress.shown_at, first);
        progress.show(&Progress { phase: Phase::Waiting, ..measuring() });
        assert_ne!(progress.shown_at, first, "a new phase is shown at once");
        let mut silent = ProgressLine::new(ProgressMode::None, None);
        silent.show(&measuring());
        assert_eq!(silent.shown_at, None);
    }
}

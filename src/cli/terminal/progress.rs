//! How a run goes, on stderr: one line that changes on a terminal, a line each second elsewhere.

use super::stream::stderr;
use crate::load::render::quantity::{count, length_s, per_second, time_us};
use clap::ValueEnum;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the line changes on a terminal: 10 times a second, which the eye can follow.
const TERMINAL_PERIOD: Duration = Duration::from_millis(100);

/// How often a line is written elsewhere. A little less than a second, so that who shows one each second
/// loses none.
const PLAIN_PERIOD: Duration = Duration::from_millis(950);

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// Columns of the bar.
const BAR: usize = 20;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    /// A line that changes if stderr is a terminal, otherwise as plain
    Auto,
    /// A line each second
    Plain,
    /// Not at all
    None,
}

/// How a run goes, at a glance.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Glance<'a> {
    /// What is being done: `connecting`, `warming up`, `measuring`.
    pub(in crate::cli) phase: &'a str,
    /// How long this phase has gone on.
    pub(in crate::cli) elapsed: Duration,
    /// Connections that are open.
    pub(in crate::cli) connections: u64,
    /// Messages received in the last second, or since the last glance.
    pub(in crate::cli) per_second: f64,
    /// Half of the recent messages took no longer; none if there were none.
    pub(in crate::cli) p50: Option<Duration>,
    /// 99 % of them took no longer.
    pub(in crate::cli) p99: Option<Duration>,
    /// What has gone wrong so far.
    pub(in crate::cli) errors: u64,
}

/// Shows glances.
#[derive(Debug)]
pub(in crate::cli) struct Progress {
    style: Style,
    total: Option<Duration>,
    shown_at: Option<Instant>,
    /// The phase that was shown last: a new one is shown at once.
    phase: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Terminal,
    Plain,
    None,
}

impl Progress {
    /// Nothing is shown yet. `total` is how long the measuring takes, if that is known.
    pub(in crate::cli) fn new(mode: ProgressMode, total: Option<Duration>) -> Self {
        let style = match mode {
            ProgressMode::None => Style::None,
            ProgressMode::Auto if std::io::stderr().is_terminal() => Style::Terminal,
            ProgressMode::Auto | ProgressMode::Plain => Style::Plain,
        };
        Self { style, total, shown_at: None, phase: String::new() }
    }

    /// How long the phase that comes takes, if that is known.
    pub(in crate::cli) fn set_total(&mut self, total: Option<Duration>) {
        self.total = total;
    }

    /// Shows a glance, unless one was shown just now. Costs next to nothing then, so it may be called often.
    pub(in crate::cli) fn show(&mut self, glance: &Glance<'_>) {
        let period = match self.style {
            Style::None => return,
            Style::Terminal => TERMINAL_PERIOD,
            Style::Plain => PLAIN_PERIOD,
        };
        let is_early = self.shown_at.is_some_and(|at| at.elapsed() < period);
        if is_early && self.phase == glance.phase {
            return;
        }
        self.shown_at = Some(Instant::now());
        glance.phase.clone_into(&mut self.phase);
        let line = match self.style {
            Style::Terminal => {
                // The last column stays free: some terminals begin a new line after it.
                let line = line(glance, self.total, true);
                format!("\r\x1b[K{}", cut(&line, columns().saturating_sub(1)))
            }
            _ => format!("{}\n", line(glance, self.total, false)),
        };
        write(&line);
    }

    /// Takes the line away from a terminal, so that the result begins at its margin.
    pub(in crate::cli) fn finish(&mut self) {
        if self.style == Style::Terminal && self.shown_at.take().is_some() {
            write("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// `measuring 3.0 s of 10.0 s, 128 connections, 98,123/s, p50 16.2 µs, p99 42.1 µs, 0 errors`.
fn line(glance: &Glance<'_>, total: Option<Duration>, with_bar: bool) -> String {
    let elapsed = length_s(glance.elapsed.as_secs_f64());
    let mut line = glance.phase.to_owned();
    match total {
        None => line += &format!(" {elapsed}"),
        Some(total) => {
            if with_bar {
                line += &format!(" {}", bar(glance.elapsed, total));
            }
            line += &format!(" {elapsed} of {}", length_s(total.as_secs_f64()));
        }
    }
    line += &format!(", {} connections", count(glance.connections));
    line += &format!(", {}", per_second(glance.per_second));
    for (name, time) in [("p50", glance.p50), ("p99", glance.p99)] {
        if let Some(time) = time {
            line += &format!(", {name} {}", time_us(time.as_nanos() as f64 / 1e3));
        }
    }
    line += &format!(", {} errors", count(glance.errors));
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

/// A reader that is behind misses a line: the next one says as much.
fn write(text: &str) {
    stderr().write_line(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLANCE: Glance<'_> = Glance {
        phase: "measuring",
        elapsed: Duration::from_secs(3),
        connections: 1_280,
        per_second: 98_123.4,
        p50: Some(Duration::from_nanos(16_200)),
        p99: None,
        errors: 0,
    };

    #[test]
    fn a_line_says_all_with_units() {
        let total = Some(Duration::from_secs(10));
        assert_eq!(
            line(&GLANCE, total, false),
            "measuring 3.00 s of 10.0 s, 1,280 connections, 98,123/s, p50 16.2 µs, 0 errors"
        );
        assert!(line(&GLANCE, total, true).starts_with("measuring ██████░░░░░░░░░░░░░░ 3.00 s of"));
        assert!(line(&GLANCE, None, true).starts_with("measuring 3.00 s, 1,280"));
        assert_eq!(cut("█░ab", 3), "█░a");
        assert_eq!(bar(Duration::from_secs(9), Duration::ZERO), "█".repeat(BAR));
    }

    #[test]
    fn glances_that_come_too_soon_are_left_out() {
        let mut progress = Progress::new(ProgressMode::Plain, None);
        progress.show(&GLANCE);
        let first = progress.shown_at;
        progress.show(&GLANCE);
        assert_eq!(progress.shown_at, first);
        progress.show(&Glance { phase: "draining", ..GLANCE });
        assert_ne!(progress.shown_at, first, "a new phase is shown at once");
        let mut silent = Progress::new(ProgressMode::None, None);
        silent.show(&GLANCE);
        assert_eq!(silent.shown_at, None);
    }
}

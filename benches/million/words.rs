//! What the parent and a client process say to each other, a line at a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a client is told. It answers each with one [`Report::Done`], but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Open so many connections more.
    Open(usize),
    /// Have each one echo a message, which names this round.
    Prove(u32),
    /// Close them all.
    Close,
    /// End.
    Quit,
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// It waits for the first command.
    Ready,
    /// With so many connections it did what it was told to do, in this time.
    Done { count: usize, time: Duration },
    /// So many were lost, or never came to be, for this reason.
    Lost { count: usize, reason: String },
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(count) => write!(formatter, "open {count}"),
            Self::Prove(round) => write!(formatter, "prove {round}"),
            Self::Close => formatter.write_str("close"),
            Self::Quit => formatter.write_str("quit"),
        }
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let command = match word {
            "open" => rest.parse().ok().map(Self::Open),
            "prove" => rest.parse().ok().map(Self::Prove),
            "close" => Some(Self::Close),
            "quit" => Some(Self::Quit),
            _ => None,
        };
        command.ok_or_else(|| format!("{line:?} is not a command"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => formatter.write_str("ready"),
            Self::Done { count, time } => write!(formatter, "done {count} {}", time.as_millis()),
            Self::Lost { count, reason } => write!(formatter, "lost {count} {reason}"),
        }
    }
}

impl FromStr for Report {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.splitn(3, ' ');
        let word = words.next();
        let count = words.next().and_then(|word| word.parse().ok());
        let rest = words.next();
        let report = match (word, count, rest) {
            (Some("ready"), None, None) => Some(Self::Ready),
            (Some("done"), Some(count), Some(millis)) => millis
                .parse()
                .ok()
                .map(|millis| Self::Done { count, time: Duration::from_millis(millis) }),
            (Some("lost"), Some(count), Some(reason)) => {
                Some(Self::Lost { count, reason: reason.into() })
            }
            _ => None,
        };
        report.ok_or_else(|| format!("{line:?} is not a report"))
    }
}

//! `--max-unauthenticated START:RATE:FULL`: random early drop of connections.

use super::values::{OrOff, count};
use crate::limits::{EARLY_DROP_START_MIN, EarlyDrop};

/// The default with `--profile internet`: 30 % from a quarter of the connection limit, all from
/// half of it. The rate is OpenSSH's; its counts are for logins, ours for a server that holds
/// thousands of connections.
const INTERNET: EarlyDropShares =
    EarlyDropShares { start: Share::Percent(25), percent: 30, full: Share::Percent(50) };

/// When to drop connections early, as counts or as percentages of the connection limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct EarlyDropShares {
    start: Share,
    percent: u32,
    full: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Connections(u32),
    Percent(u32),
}

impl EarlyDropShares {
    /// The default with `--profile internet`.
    pub(in crate::cli) const INTERNET: Self = INTERNET;

    /// The counts for a server with this connection limit.
    pub(in crate::cli) fn of(self, connections_max: usize) -> EarlyDrop {
        let start = self.start.of(connections_max, EARLY_DROP_START_MIN);
        let full = self.full.of(connections_max, 2 * EARLY_DROP_START_MIN);
        EarlyDrop { start, percent: self.percent, full: full.max(start) }
    }
}

impl Share {
    fn of(self, whole: usize, least: usize) -> usize {
        match self {
            Self::Connections(connections) => connections as usize,
            Self::Percent(percent) => (whole * percent as usize / 100).max(least),
        }
    }
}

/// Parses `25%:30:50%`, `100:30:200` or `off`.
pub(in crate::cli) fn early_drop_or_off(text: &str) -> Result<OrOff<EarlyDropShares>, String> {
    if text == "off" {
        return Ok(OrOff(None));
    }
    shares(text).map(|shares| OrOff(Some(shares))).ok_or_else(|| {
        "expected START:RATE:FULL such as 25%:30:50% or 100:30:200, with RATE at most 100 and START \
         not above FULL, or off"
            .to_owned()
    })
}

fn shares(text: &str) -> Option<EarlyDropShares> {
    let mut parts = text.split(':');
    let (start, rate, full) = (parts.next()?, parts.next()?, parts.next()?);
    let shares =
        EarlyDropShares { start: share(start)?, percent: percent(rate)?, full: share(full)? };
    let is_in_order = match (shares.start, shares.full) {
        (Share::Connections(start), Share::Connections(full))
        | (Share::Percent(start), Share::Percent(full)) => start <= full,
        _ => true,
    };
    (parts.next().is_none() && is_in_order).then_some(shares)
}

fn share(text: &str) -> Option<Share> {
    match text.strip_suffix('%') {
        Some(number) => percent(number).map(Share::Percent),
        None => count(text).ok().map(Share::Connections),
    }
}

fn percent(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&percent| percent <= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str, connections_max: usize) -> EarlyDrop {
        early_drop_or_off(text).unwrap().0.unwrap().of(connections_max)
    }

    #[test]
    fn percentages_are_of_the_connection_limit() {
        let internet = EarlyDrop { start: 4_992, percent: 30, full: 9_984 };
        assert_eq!(counts("25%:30:50%", 19_968), internet);
        assert_eq!(EarlyDropShares::INTERNET.of(19_968), internet);
        let counted = EarlyDrop { start: 10, percent: 0, full: 1_000 };
        assert_eq!(counts("10:0:1k", 50), counted);
    }

    #[test]
    fn a_percentage_of_a_small_limit_has_a_floor_and_a_count_has_none() {
        let floor = EarlyDrop { start: 100, percent: 30, full: 200 };
        assert_eq!(counts("25%:30:50%", 10), floor);
        assert_eq!(counts("300:5:1%", 10), EarlyDrop { start: 300, percent: 5, full: 300 });
    }

    #[test]
    fn other_values_are_refused_with_an_example() {
        assert_eq!(early_drop_or_off("off"), Ok(OrOff(None)));
        for text in
            ["", "1", "1:2", "1:2:3:4", "1:101:2", "2:1:1", "101%:1:1%", "50%:1:25%", "a:b:c"]
        {
            assert!(early_drop_or_off(text).unwrap_err().contains("25%:30:50%"), "{text}");
        }
    }
}

//! `--max-unauthenticated START:RATE:FULL`.

use super::values::{OrOff, count};
use crate::limits::{EARLY_DROP_START_MIN, EarlyDrop};

/// What applies with the internet profile: a quarter of the connections, 30 of a hundred, half of the
/// connections. OpenSSH's rate; its counts are for logins, ours for a server that holds thousands.
const INTERNET: EarlyDropShares =
    EarlyDropShares { start: Share::Percent(25), percent: 30, full: Share::Percent(50) };

/// When to drop connections early, with counts that may be percentages of the connection limit.
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
    /// What applies with the internet profile unless something else is asked for.
    pub(in crate::cli) const INTERNET: Self = INTERNET;

    /// The counts, where there may be so many connections.
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

/// `25%:30:50%`, `100:30:200`, or `off`.
pub(in crate::cli) fn early_drop_or_off(text: &str) -> Result<OrOff<EarlyDropShares>, String> {
    if text == "off" {
        return Ok(OrOff(None));
    }
    shares(text).map(|shares| OrOff(Some(shares))).ok_or_else(|| {
        "expected START:RATE:FULL such as 25%:30:50% or 100:30:200, with a RATE of at most 100 and START \
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
    fn a_small_server_has_a_floor_where_nothing_is_counted() {
        let floor = EarlyDrop { start: 100, percent: 30, full: 200 };
        assert_eq!(counts("25%:30:50%", 10), floor);
        assert_eq!(counts("300:5:1%", 10), EarlyDrop { start: 300, percent: 5, full: 300 });
    }

    #[test]
    fn everything_else_is_refused_with_what_would_do() {
        assert_eq!(early_drop_or_off("off"), Ok(OrOff(None)));
        for text in
            ["", "1", "1:2", "1:2:3:4", "1:101:2", "2:1:1", "101%:1:1%", "50%:1:25%", "a:b:c"]
        {
            assert!(early_drop_or_off(text).unwrap_err().contains("25%:30:50%"), "{text}");
        }
    }
}

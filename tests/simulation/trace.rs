//! Records the events of a run: all of them in one hash, the last of them as text.

use std::collections::VecDeque;
use std::fmt;
use std::sync::LazyLock;

/// The number of entries shown for a failing seed: enough to see the cause of most failures.
/// `HALLOO_TRACE=100000` shows more.
const ENTRIES_KEPT: usize = 60;

static ENTRIES_WANTED: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("HALLOO_TRACE").ok().and_then(|text| text.parse().ok()).unwrap_or(ENTRIES_KEPT)
});

#[derive(Clone, Copy)]
struct Entry {
    now: u64,
    what: &'static str,
    who: usize,
    number: i64,
}

pub(crate) struct Trace {
    hash: u64,
    entries: VecDeque<Entry>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, entries: VecDeque::new() }
    }

    pub(crate) fn record(&mut self, now: u64, what: &'static str, who: usize, number: i64) {
        let name = what.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        for word in [now, name, who as u64, number as u64] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
        }
        if self.entries.len() == *ENTRIES_WANTED {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { now, what, who, number });
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Entry { now, what, who, number } in &self.entries {
            let seconds = *now as f64 / 1e9;
            writeln!(formatter, "{seconds:18.9} s  link {who:<3} {what:<14} {number}")?;
        }
        Ok(())
    }
}

//! Which seeds run: those that the environment requests, or the default number.

use std::ops::Range;

/// The requested seeds, or the default number: `HALLOO_SEED` is the first, and the only one without
/// `HALLOO_SEEDS`.
pub(crate) fn seeds(usual: u64) -> Range<u64> {
    let (first, count) = (number("HALLOO_SEED"), number("HALLOO_SEEDS"));
    let count = count.unwrap_or(if first.is_some() { 1 } else { usual });
    let first = first.unwrap_or(0);
    first..first.saturating_add(count)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

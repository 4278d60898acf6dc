//! Summarizes lost connections in a sentence: who ended them, how, and when.

use super::outcome::{EndedBy, Loss};
use crate::load::render::quantity::length_s;
use crate::load::units::thousands;
use std::collections::BTreeMap;

/// Kinds of loss named in the sentence; the rest are added up.
const KINDS_MAX: usize = 3;

/// Who ended the connections and how, the most frequent first, and when: `12 by the server with
/// close 1001, 3 by the network with silence; from 1.2 s to 4.0 s after the first connect`. The
/// ledger must not be empty.
pub fn losses(ledger: &[Loss]) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for loss in ledger {
        *counts.entry(cause(loss)).or_default() += 1;
    }
    let mut causes: Vec<(String, u64)> = counts.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let named = causes.iter().take(KINDS_MAX);
    let mut parts: Vec<String> =
        named.map(|(cause, count)| format!("{} {cause}", thousands(*count))).collect();
    let rest: u64 = causes.iter().skip(KINDS_MAX).map(|(_, count)| count).sum();
    if rest > 0 {
        parts.push(format!("{} in other ways", thousands(rest)));
    }
    let moments = ledger.iter().map(|loss| loss.at_s);
    let (first, last) =
        moments.fold((f64::INFINITY, 0.0_f64), |(first, last), at| (first.min(at), last.max(at)));
    let when = match length_s(first) == length_s(last) {
        true => format!("{} after the first connect", length_s(first)),
        false => format!("from {} to {} after the first connect", length_s(first), length_s(last)),
    };
    format!("{}; {when}", parts.join(", "))
}

fn cause(loss: &Loss) -> String {
    let by = match loss.by {
        EndedBy::Server => "the server",
        EndedBy::Network => "the network",
        EndedBy::Us => "us",
    };
    format!("by {by} with {}", loss.how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_who_how_and_when() {
        let loss = |by, how: &str, at_s| Loss {
            connection: 0,
            by,
            how: how.into(),
            at_s,
            after_s: 0.0,
            in_window_s: None,
        };
        let one = loss(EndedBy::Server, "close 1001", 1.5);
        assert_eq!(
            losses(std::slice::from_ref(&one)),
            "1 by the server with close 1001; 1.50 s after the first connect"
        );
        let all = [
            one,
            loss(EndedBy::Network, "RST", 2.0),
            loss(EndedBy::Network, "RST", 2.5),
            loss(EndedBy::Network, "silence", 3.0),
            loss(EndedBy::Us, "invalid UTF-8", 9.0),
        ];
        assert_eq!(
            losses(&all),
            "2 by the network with RST, 1 by the network with silence, 1 by the server with close 1001, \
             1 in other ways; from 1.50 s to 9.00 s after the first connect"
        );
    }
}

//! Comparisons find what is there, and hardly ever what is not.

use super::outcome;
use halloo::load::Outcome;
use halloo::load::compare::{COMPARED, Change, Comparison};
use std::collections::BTreeMap;

/// Enough for a p99 and few enough to be drawn from 200 times over in seconds.
const INTERVALS: u32 = 12;
const ECHOES: u32 = 150;

fn compare(before: &Outcome, after: &Outcome) -> Comparison {
    Comparison::new(before, after).expect("they are of one kind")
}

fn change<'a>(comparison: &'a Comparison, name: &str) -> &'a Change {
    comparison.change(name).unwrap_or_else(|| panic!("{name} is compared"))
}

#[test]
fn the_same_is_hardly_ever_taken_for_different() {
    const TRIALS: u64 = 200;
    let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in 0..TRIALS {
        let before = outcome::closed(2 * trial + 1, INTERVALS, ECHOES, 180.0);
        let after = outcome::closed(2 * trial + 2, INTERVALS, ECHOES, 180.0);
        for change in compare(&before, &after).changes {
            if change.estimate.is_ok_and(|estimate| estimate.is_shown) {
                *shown.entry(change.metric.name).or_default() += 1;
            }
        }
    }
    println!("{shown:?}");
    assert!(shown.values().all(|&times| times <= TRIALS / 10), "{shown:?}");
    // A comparison that never shows anything would pass too: the interval is one of 95 %, not of 100 %.
    assert!(shown.values().sum::<u64>() > 0);
}

#[test]
fn five_percent_are_found() {
    const TRIALS: u64 = 20;
    let found = |name: &str| {
        let trials = (0..TRIALS).filter(|trial| {
            let before = outcome::closed(1_000 + trial, 20, 600, 180.0);
            let after = outcome::closed(2_000 + trial, 20, 600, 171.0);
            let comparison = compare(&before, &after);
            let estimate = change(&comparison, name).estimate.as_ref().expect("it can be told");
            estimate.is_shown && estimate.change < 0.0
        });
        trials.count() as u64
    };
    assert!(found("p50") >= TRIALS * 9 / 10);
}

#[test]
fn the_interval_covers_the_true_change() {
    const TRIALS: u64 = 40;
    let covered = (0..TRIALS).filter(|trial| {
        let before = outcome::closed(3_000 + trial, INTERVALS, ECHOES, 180.0);
        let after = outcome::closed(4_000 + trial, INTERVALS, ECHOES, 216.0);
        let comparison = compare(&before, &after);
        let estimate = change(&comparison, "p50").estimate.as_ref().expect("it can be told");
        (estimate.change - 0.2).abs() <= estimate.margin
    });
    assert!(covered.count() as u64 >= TRIALS * 17 / 20);
}

#[test]
fn it_says_by_how_much_in_the_words_of_the_metric() {
    let before = outcome::closed(1, 20, 600, 200.0);
    let mut after = outcome::closed(2, 20, 600, 160.0);
    for interval in &mut after.intervals {
        interval.received *= 2;
    }
    let comparison = compare(&before, &after);
    assert!(change(&comparison, "p50").sentence().starts_with("faster by 2"));
    assert!(change(&comparison, "rate").sentence().starts_with("higher by 100.0 % ± "));
    assert!(change(&comparison, "server.cpu_per_message").sentence().starts_with("cheaper by "));
    let back = compare(&after, &before);
    assert!(change(&back, "p50").sentence().starts_with("slower by 2"));
    assert!(change(&back, "rate").sentence().starts_with("lower by 50.0 %"));
    let same = compare(&before, &before);
    let sentence = change(&same, "p50").sentence();
    assert!(sentence.starts_with("no difference shown (+0.0 % ± "), "{sentence}");
}

#[test]
fn the_same_two_give_the_same_answer() {
    let (before, after) = (outcome::closed(1, 8, 50, 180.0), outcome::closed(2, 8, 50, 190.0));
    let sentences = || {
        let changes = compare(&before, &after).changes;
        changes.iter().map(Change::sentence).collect::<Vec<_>>()
    };
    assert_eq!(sentences(), sentences());
    assert_eq!(sentences().len(), COMPARED.len());
}

#[track_caller]
fn assert_cannot_tell(comparison: &Comparison, name: &str, why: &str) {
    let sentence = change(comparison, name).sentence();
    assert!(sentence.starts_with("cannot tell: ") && sentence.contains(why), "{name}: {sentence}");
}

#[test]
fn what_cannot_be_told_is_said() {
    let long = outcome::closed(1, 10, 50, 180.0);
    let short = outcome::closed(2, 4, 50, 180.0);
    for name in COMPARED {
        assert_cannot_tell(&compare(&long, &short), name, "4 intervals are too few");
    }
    let few = "500 messages are too few, it takes 10,000";
    assert_cannot_tell(&compare(&long, &long), "p99.9", few);
    let open = outcome::open(50);
    let both_open = compare(&open, &open);
    assert_cannot_tell(&both_open, "rate", "given, not measured");
    assert!(change(&both_open, "p50").estimate.is_ok());
    let mixed = compare(&long, &open);
    for name in ["p50", "p99", "mean", "rate"] {
        assert_cannot_tell(&mixed, name, "one is an open loop, the other a closed one");
    }
    assert!(change(&mixed, "server.cpu_per_message").estimate.is_ok());
    assert!(
        mixed.notes.iter().any(|note| note.starts_with("the loads differ")),
        "{:?}",
        mixed.notes
    );
    let mut unwatched = long.clone();
    unwatched.intervals[3].server_cpu = None;
    assert_cannot_tell(&compare(&long, &unwatched), "server.cpu_per_message", "not measured");
    let silent = outcome::closed(2, 10, 0, 180.0);
    assert_cannot_tell(&compare(&long, &silent), "p50", "0 messages are too few");
    assert!(Comparison::new(&long, &outcome::hold()).is_err());
}

#[test]
fn a_long_run_is_compared_in_blocks() {
    let mut long = outcome::closed(1, 1, 200, 180.0);
    long.intervals = std::iter::repeat_n(long.intervals[0].clone(), 1_001).collect();
    let sentence = change(&compare(&long, &long), "p50").sentence();
    assert!(sentence.starts_with("no difference shown"), "{sentence}");
}

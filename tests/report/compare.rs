//! Comparisons: what differs between two sides, what these runs cannot show, and what is rejected.

use super::outcome;
use super::outcome::Random;
use halloo::load::render::{comparison, html};
use halloo::load::result::compare::{COMPARED, Change, Comparison, Design, Refusal};
use halloo::load::result::outcome::Outcome;
use halloo::load::{Latency, Verdict};

/// Seconds from one run to the next.
const STEP_S: i64 = 15;

/// A run at the given place in a series, with its usual latency. It varies by 1 % from run to run
/// and hardly within a run.
pub(super) fn run(place: i64, usual_us: f64) -> Outcome {
    let mut random = Random::new(1_000 + place as u64);
    let factor = (0.01 * random.normal()).exp();
    let mut run = outcome::closed(place as u64 + 1, 3, 400, usual_us * factor);
    let start: jiff::Timestamp = run.started_at.parse().expect("a time");
    run.started_at = format!("{:.3}", start + jiff::SignedDuration::from_secs(place * STEP_S));
    run.messages_per_second = 1e6 / (usual_us * factor);
    let server = run.server.as_mut().expect("it was watched");
    server.cpu_us_per_message = usual_us / 30.0 * factor;
    run
}

/// Alternating sides: A B B A and so on.
pub(super) fn rounds(count: i64, usual_us: [f64; 2]) -> [Vec<Outcome>; 2] {
    let place = |round: i64, side: i64| 2 * round + (side + round) % 2;
    [0, 1].map(|side| {
        (0..count).map(|round| run(place(round, side), usual_us[side as usize])).collect()
    })
}

fn compare<'a>(a: &'a [Outcome], b: &'a [Outcome]) -> Comparison<'a> {
    Comparison::new(a, b, false).expect("they can be compared")
}

fn change<'a>(comparison: &'a Comparison<'_>, name: &str) -> &'a Change {
    comparison.change(name).unwrap_or_else(|| panic!("{name} is compared"))
}

#[track_caller]
fn assert_not_comparable(comparison: &Comparison<'_>, name: &str, why: &str) {
    let sentence = change(comparison, name).sentence();
    assert!(
        sentence.starts_with("not comparable: ") && sentence.contains(why),
        "{name}: {sentence}"
    );
}

#[test]
fn differences_are_worded_for_their_metric() {
    let [a, b] = rounds(6, [200.0, 160.0]);
    let there = compare(&a, &b);
    assert_eq!(there.design, Design::Rounds);
    for (name, words) in [
        ("p50", ["B is 2", " % faster ± "]),
        ("rate", ["B is 2", " % higher ± "]),
        ("server.cpu_per_message", ["B is ", " % lower ± "]),
    ] {
        let sentence = change(&there, name).sentence();
        assert!(words.iter().all(|words| sentence.contains(words)), "{name}: {sentence}");
    }
    let back = compare(&b, &a);
    assert!(change(&back, "p50").sentence().contains(" % slower ± "));
    assert!(change(&back, "rate").sentence().contains(" % lower ± "));
    let text = comparison::render(&there);
    assert!(text.contains("6 runs from 2026-11-27T09:10:35.123Z to "), "{text}");
    assert!(text.contains("6 rounds, compared within each (paired t test)"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn equal_sides_show_no_difference_and_the_margin() {
    let [a, b] = rounds(6, [200.0, 200.0]);
    let same = compare(&a, &b);
    let sentence = change(&same, "p50").sentence();
    let words = "no difference shown (± ";
    assert!(sentence.starts_with(words), "{sentence}");
    let sentences =
        |it: &Comparison<'_>| it.changes.iter().map(Change::sentence).collect::<Vec<_>>();
    assert_eq!(sentences(&same), sentences(&compare(&a, &b)), "deterministic");
    assert_eq!(sentences(&same).len(), COMPARED.len());
}

#[test]
fn sides_that_did_not_alternate_are_compared_with_welchs_test() {
    let a: Vec<Outcome> = (0..6).map(|place| run(place, 200.0)).collect();
    let b: Vec<Outcome> = (6..13).map(|place| run(place, 160.0)).collect();
    let comparison = compare(&a, &b);
    assert_eq!(comparison.design, Design::Separate);
    assert!(change(&comparison, "p50").sentence().contains(" % faster ± "));
    assert!(comparison.notes.iter().any(|note| note.contains("did not alternate")));
    // The order of the files does not matter.
    let [mut a, b] = rounds(5, [200.0, 160.0]);
    a.reverse();
    assert_eq!(compare(&a, &b).design, Design::Rounds);
    let [mut a, b] = rounds(5, [200.0, 160.0]);
    a[0].duration_s = 60.0;
    let notes = compare(&a, &b).notes;
    assert!(notes.iter().any(|note| note.contains("overlap in time")), "{notes:?}");
}

#[test]
fn too_few_runs_are_reported_with_the_number_needed() {
    let [a, b] = rounds(4, [200.0, 100.0]);
    let one = compare(&a[..1], &b[..1]);
    for name in COMPARED {
        assert_eq!(change(&one, name).sentence(), "one run per side is not enough");
    }
    assert!(one.notes.iter().any(|note| note.contains("one run per side is not enough")));
    let text = comparison::render(&one);
    assert!(text.contains(" 200 µs") || text.contains(" 20"), "figures stand side by side: {text}");
    assert_not_comparable(&compare(&a, &b), "p50", "4 runs are too few, each side needs 5");
    assert_not_comparable(&compare(&a, &b[..2]), "p50", "2 runs are too few, each side needs 5");
}

#[test]
fn noisy_runs_are_reported_with_the_rounds_needed() {
    let [a, mut b] = rounds(5, [200.0, 200.0]);
    for (run, factor) in b.iter_mut().zip([0.8, 1.3, 0.9, 1.2, 1.0]) {
        run.messages_per_second *= factor;
    }
    let comparison = compare(&a, &b);
    let note =
        comparison.notes.iter().find(|note| note.starts_with("to show a change of 5 %: about "));
    assert!(note.expect("a note").contains(" more rounds for rate"), "{note:?}");
}

#[test]
fn each_metric_names_its_obstacle() {
    let [a, b] = rounds(5, [200.0, 200.0]);
    let mut open = b.clone();
    open.iter_mut().for_each(|run| (run.load.depth, run.load.rate) = (None, Some(100.0)));
    let mixed = compare(&a, &open);
    for name in ["p50", "p99", "rate"] {
        assert_not_comparable(&mixed, name, "one side is an open loop, the other a closed loop");
    }
    assert!(change(&mixed, "server.cpu_per_message").difference.is_ok());
    assert!(mixed.notes.iter().any(|note| note.starts_with("the loads differ")));
    let mut other = a.clone();
    other.iter_mut().for_each(|run| (run.load.depth, run.load.rate) = (None, Some(100.0)));
    assert_not_comparable(&compare(&other, &open), "rate", "an open loop sets the rate");

    let spoilt = |spoil: fn(&mut Outcome)| {
        let mut spoilt = b.clone();
        spoil(&mut spoilt[3]);
        spoilt
    };
    let doubted = spoilt(|run| run.not_believed = vec!["p99".into()]);
    assert_not_comparable(&compare(&a, &doubted), "p99", "not believed in 1 of 10 runs");
    assert!(change(&compare(&a, &doubted), "p50").difference.is_ok());
    let accepted = Comparison::new(&a, &doubted, true).expect("it is accepted");
    assert!(change(&accepted, "p99").difference.is_ok());
    let beyond = spoilt(|run| {
        run.latency_us = Latency { p99: None, above_us: Some(5e6), ..run.latency_us };
    });
    assert_not_comparable(&compare(&a, &beyond), "p99", "beyond the reply timeout in 1 of 10 runs");
    assert!(comparison::render(&compare(&a, &beyond)).contains("> 5.00 s"));
    let unwatched = spoilt(|run| run.server = None);
    let name = "server.cpu_per_message";
    assert_not_comparable(&compare(&a, &unwatched), name, "not measured in 1 of 10 runs");
    let still = spoilt(|run| run.messages_per_second = 0.0);
    assert_not_comparable(&compare(&a, &still), "rate", "0 in 1 of 10 runs");
}

#[track_caller]
fn assert_refused(a: &[Outcome], b: &[Outcome], words: &str) {
    match Comparison::new(a, b, false) {
        Err(Refusal::NotComparable(reason)) => assert!(reason.contains(words), "{reason}"),
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn invalid_runs_and_mixed_experiments_are_rejected() {
    let [a, b] = rounds(5, [200.0, 200.0]);
    let mut bound = b.clone();
    bound[2].verdict = Verdict::GeneratorBound;
    bound[2].verdict_reason = "it was busy".into();
    match Comparison::new(&a, &bound, false) {
        Err(Refusal::NotValid(reason)) => {
            assert!(reason.contains("GENERATOR-BOUND: it was busy"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert!(Comparison::new(&a, &bound, true).is_ok());
    let mut lost = b.clone();
    lost[2].verdict = Verdict::Lost;
    assert!(Comparison::new(&a, &lost, false).is_ok(), "a finding is valid");

    let mut twice = b.clone();
    twice[1] = twice[0].clone();
    assert_refused(&a, &twice, "is given twice");
    assert_refused(&a, &a, "is given twice");
    assert!(
        Comparison::new(&a[..1], &a[..1], false).is_ok(),
        "one run compared with itself is only shown"
    );
    let mut sizes = b.clone();
    sizes[1].load.message_bytes = 65;
    assert_refused(&a, &sizes, "the runs of B are not one experiment: the message sizes differ");
    assert_refused(&a, &[outcome::hold()], "a bench and a hold");
    assert_refused(&a, &[], "B has no run");
    let timeless = Outcome { started_at: "noon".into(), ..b[0].clone() };
    assert_refused(&a, &[timeless], "'noon'");
}

#[test]
fn the_page_is_complete() {
    let [a, b] = rounds(5, [200.0, 160.0]);
    let page = html::render_comparison(&compare(&a, &b));
    let counts = super::html::elements(&page);
    assert_eq!(counts["circle"], COMPARED.len());
    assert!(page.contains("<h1>DIFFERENT</h1>") && page.contains(" % faster ± "));
    let one = html::render_comparison(&compare(&a[..1], &b[..1]));
    super::html::elements(&one);
    assert!(one.contains("<h1>NOT COMPARABLE</h1>") && !one.contains("<svg"));
    let mut nasty = b.clone();
    nasty.iter_mut().for_each(|run| run.command = "<script>".into());
    assert!(!html::render_comparison(&compare(&a, &nasty)).contains("<script"));
}

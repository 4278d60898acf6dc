//! Statistical trials: comparisons rarely call the same server different, and find the changes that
//! they claim to be able to find.

use super::outcome::Random;
use halloo::load::result::compare::COMPARED;

#[allow(dead_code, reason = "shared with the bench that records runs")]
#[path = "../support/trials.rs"]
mod drawing;

use drawing::{Counts, Figures, Round, draw};

const TRIALS: u32 = 1_000;

/// Synthetic runs of one server: a common drift, a variation of `spread` per run, and more in the
/// tails. Within a run nothing varies that a figure would show.
fn synthetic(seed: u64, rounds: usize, spread: f64) -> Vec<Round> {
    let mut random = Random::new(seed);
    let mut drift = 0.0;
    let mut run = |drift: f64| -> Figures {
        let common = random.normal() * spread;
        let mut of = |usual: f64, share: f64, own: f64| {
            usual * (drift + common * share + random.normal() * own).exp()
        };
        let tail = spread * 2.0;
        [
            of(180.0, 1.0, spread / 4.0),
            of(260.0, 1.0, spread / 2.0),
            of(700.0, 1.0, tail),
            of(90_000.0, -1.0, spread / 8.0),
            of(6.3, 0.5, spread / 4.0),
        ]
    };
    let mut all = Vec::new();
    for round in 0..rounds {
        drift += f64::from((round % 7) as u32).mul_add(0.004, -0.012);
        all.push([run(drift), run(drift)]);
    }
    all
}

#[track_caller]
fn assert_right(name: &str, rounds: &[Round]) {
    let same = draw(rounds, TRIALS, 1, 0.0);
    let changed = draw(rounds, TRIALS, 2, 0.1);
    for (metric, (same, changed)) in COMPARED.iter().zip(same.iter().zip(&changed)) {
        let percent = |count: u32| f64::from(count) * 100.0 / f64::from(TRIALS);
        assert!(percent(same.different) <= 7.0, "{name} {metric}: {same:?}");
        let Counts { possible, found, .. } = *changed;
        assert!(found * 10 >= possible * 9, "{name} {metric}: {changed:?}");
    }
}

#[test]
fn runs_that_vary_more_between_than_within_are_not_called_different() {
    for (seed, spread) in [(1, 0.005), (2, 0.02), (3, 0.05), (4, 0.15)] {
        assert_right(&format!("spread {spread}"), &synthetic(seed, 400, spread));
    }
}

#[test]
fn quiet_runs_show_ten_percent_and_noisy_runs_report_that_they_cannot() {
    let quiet = draw(&synthetic(1, 400, 0.005), TRIALS, 3, 0.1);
    assert!(quiet.iter().take(2).all(|it| it.found > TRIALS * 9 / 10), "{quiet:?}");
    let noisy = draw(&synthetic(1, 400, 0.3), TRIALS, 3, 0.1);
    assert!(noisy.iter().all(|it| it.possible < TRIALS / 20), "{noisy:?}");
}

/// 200 runs of 2 s of one server, 100 per side, alternating, on an otherwise idle machine with two
/// CPUs: the server on one, the load generator on the other, 16 connections in a closed loop.
#[test]
fn runs_of_a_real_server_are_not_called_different() {
    let rounds = drawing::rounds(include_str!("recorded_runs.csv")).expect("it was recorded");
    assert!(rounds.len() >= 40, "{} rounds", rounds.len());
    assert_right("recorded", &rounds);
}

//! The notes of a comparison: how it was made, what differs between the sides, and how many more
//! runs are needed.

use super::comparison::Change;
use super::difference::{CHANGE_WANTED, Design, RUNS_MIN};
use super::side::{Side, do_overlap};
use crate::load::render::quantity::{count, length_s, percent};
use crate::load::result::experiment::load_in_words;
use crate::load::result::outcome::{Kind, Outcome};

pub(super) fn notes(sides: &[Side<'_>; 2], design: Design, changes: &[Change]) -> Vec<String> {
    let mut notes = differing(sides);
    if do_overlap(&sides[0], &sides[1]) {
        notes.push("some runs overlap in time, so each adds to the other's load".into());
    }
    let runs = [0, 1].map(|side: usize| sides[side].runs.len());
    if runs == [1, 1] {
        notes.push(format!(
            "one run per side is not enough to show how runs vary: alternate both, at least \
             {RUNS_MIN} times"
        ));
    }
    if changes.iter().all(|change| change.difference.is_err()) {
        return notes;
    }
    notes.push(method(design, runs[0]));
    notes.extend(more_rounds(changes));
    notes
}

/// The settings that differ between the sides.
fn differing(sides: &[Side<'_>; 2]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut compare = |what: &str, of: &dyn Fn(&Outcome) -> String| {
        let [a, b] = [0, 1].map(|side: usize| of(sides[side].first()));
        if a != b {
            notes.push(format!("{what} differ: {a} in A, {b} in B"));
        }
    };
    if sides.iter().all(|side| side.runs.len() == 1) {
        compare("the verdicts", &Outcome::headline);
    }
    if sides[0].first().kind == Kind::Bench {
        compare("the loads", &|it| load_in_words(&it.load));
    }
    compare("the connections", &|it| count(it.connections.established));
    compare("the reply timeouts", &|it| length_s(it.load.reply_timeout_s));
    notes
}

fn method(design: Design, rounds: usize) -> String {
    let test = match design {
        Design::Rounds => format!("{rounds} rounds, compared within each (paired t test)"),
        Design::Separate => {
            "the runs did not alternate, so drift over time counts as a difference \
                             (Welch's t test)"
                .into()
        }
    };
    format!(
        "± is half of the 95 % interval between runs, wider because several figures are compared \
         (Holm). {test}"
    )
}

/// How many more rounds would show a change of 5 % in the metrics without a shown difference.
fn more_rounds(changes: &[Change]) -> Option<String> {
    let missing = changes.iter().filter_map(|change| {
        let it = change.difference.as_ref().ok().filter(|it| !it.is_shown)?;
        let rounds = it.rounds_missing();
        (rounds > 0).then_some((rounds, change.metric.name))
    });
    let missing: Vec<String> = missing
        .map(|(rounds, name)| format!("about {} more rounds for {name}", count(rounds.into())))
        .collect();
    let wanted = percent(CHANGE_WANTED).replace(".0", "");
    (!missing.is_empty()).then(|| format!("to show a change of {wanted}: {}", missing.join(", ")))
}

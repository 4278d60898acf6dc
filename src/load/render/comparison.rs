//! Renders a comparison as a table for a terminal.

use super::super::result::compare::{Change, Comparison, Side};
use super::quantity::count;
use super::table::Table;

/// The width of a figure, in columns.
const FIGURE: usize = 11;

/// The table, ending with a newline.
pub fn render(comparison: &Comparison<'_>) -> String {
    let mut table = Table::default();
    let names = ["A", "B"];
    for (name, side) in names.iter().zip(&comparison.sides) {
        table.row(name, &side.first().command);
        table.row("", &when(side));
    }
    table.gap();
    let [a, b] = names;
    table.row("", &format!("{a:>FIGURE$}{b:>FIGURE$}"));
    for change in &comparison.changes {
        let [a, b] = figures(change);
        table.row(name(change), &format!("{a:>FIGURE$}{b:>FIGURE$}   {}", change.sentence()));
    }
    table.gap();
    for note in &comparison.notes {
        table.row("", note);
    }
    table.text
}

/// The number of runs of a side and their start times, or the verdict of the only run.
pub(super) fn when(side: &Side<'_>) -> String {
    match &side.runs[..] {
        [only] => format!("{}, {}", only.started_at, only.headline()),
        runs => {
            let (first, last) = (&side.first().started_at, &runs[runs.len() - 1].started_at);
            format!("{} runs from {first} to {last}", count(runs.len() as u64))
        }
    }
}

/// The figures of both sides, with units.
pub(super) fn figures(change: &Change) -> [String; 2] {
    change.figures.map(|figure| figure.text(|value| change.metric.unit.show(value)))
}

/// The metric's name, shortened to fit its column.
pub(super) fn name(change: &Change) -> &'static str {
    match change.metric.name {
        "server.cpu_per_message" => "server CPU",
        name => name,
    }
}

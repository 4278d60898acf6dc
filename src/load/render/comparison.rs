//! What became of one outcome in another, as a table for a terminal.

use super::super::compare::{Change, Comparison};
use super::super::outcome::Outcome;
use super::table::Table;

/// The table, with a newline at its end.
pub fn render(comparison: &Comparison, before: &Outcome, after: &Outcome) -> String {
    let mut table = Table::default();
    for (name, outcome) in [("before", before), ("after", after)] {
        table.row(name, &outcome.command);
        table.row("", &format!("{}, {}", outcome.started_at, outcome.headline()));
    }
    table.gap();
    table.row("", &format!("{:>11}{:>11}", "before", "after"));
    for change in &comparison.changes {
        let value = |value: Option<f64>| {
            value.map_or_else(|| "–".into(), |value| change.metric.unit.show(value))
        };
        let (one, other) = (value(change.before), value(change.after));
        table.row(name(change), &format!("{one:>11}{other:>11}   {}", change.sentence()));
    }
    table.gap();
    for note in &comparison.notes {
        table.row("", note);
    }
    table.text
}

/// Short enough for its column.
fn name(change: &Change) -> &'static str {
    match change.metric.name {
        "server.cpu_per_message" => "server CPU",
        name => name,
    }
}

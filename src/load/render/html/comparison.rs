//! Renders a comparison as an HTML page: the result first, then a chart of the changes, then every
//! run.

use super::super::super::result::compare::{Change, Comparison, Side};
use super::super::comparison::{figures, name, when};
use super::document::document;
use super::forest::forest;
use super::markup::{escaped, grid, section, with_flags};

/// The page.
pub fn render_comparison(comparison: &Comparison<'_>) -> String {
    let [a, b] = [0, 1].map(|side: usize| comparison.sides[side].first());
    let title = format!("{} – {} vs {}", headline(comparison), b.target, a.target);
    let content = [
        header(comparison),
        section("Differences", &(forest(comparison) + &table(comparison))),
        section("Notes", &notes(&comparison.notes)),
        section("Every run", &runs(comparison)),
    ]
    .concat();
    document(&title, &content, &b.program, b.schema_version)
}

/// The overall result.
fn headline(comparison: &Comparison<'_>) -> &'static str {
    let known = || comparison.changes.iter().filter_map(|change| change.difference.as_ref().ok());
    match (known().count(), known().any(|it| it.is_shown)) {
        (0, _) => "NOT COMPARABLE",
        (_, true) => "DIFFERENT",
        (_, false) => "NO DIFFERENCE SHOWN",
    }
}

fn header(comparison: &Comparison<'_>) -> String {
    let sides: String =
        ["A", "B"].iter().zip(&comparison.sides).map(|(name, it)| side(name, it)).collect();
    let sentences: String = comparison
        .changes
        .iter()
        .filter(|change| change.difference.as_ref().is_ok_and(|it| it.is_shown))
        .map(|change| {
            format!("<p class=\"reason\">{}: {}</p>\n", name(change), escaped(&change.sentence()))
        })
        .collect();
    format!(
        "<header>\n<p class=\"kind\">Comparison</p>\n<h1>{}</h1>\n{sentences}{sides}</header>\n",
        headline(comparison)
    )
}

fn side(name: &str, side: &Side<'_>) -> String {
    let (when, command) = (escaped(&when(side)), with_flags(&side.first().command));
    format!("<p class=\"reason\">{name}: {when}</p>\n<pre><code>{command}</code></pre>\n")
}

fn table(comparison: &Comparison<'_>) -> String {
    let row = |change: &Change| {
        let [a, b] = figures(change);
        vec![name(change).to_owned(), a, b, change.sentence()]
    };
    let rows: Vec<Vec<String>> = comparison.changes.iter().map(row).collect();
    grid("Figures", &["", "A", "B", ""], &rows)
}

fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("<p>{}</p>\n", escaped(note))).collect()
}

/// The figures of every run, in order of time per side.
fn runs(comparison: &Comparison<'_>) -> String {
    let sides = ["A", "B"].iter().zip(&comparison.sides);
    let rows = sides.flat_map(|(name, side)| {
        side.runs.iter().map(move |run| {
            let figure = |change: &Change| {
                change.metric.value(run).text(|value| change.metric.unit.show(value))
            };
            let label = format!("{name} {}", run.started_at);
            let figures = comparison.changes.iter().map(figure);
            std::iter::once(label).chain(figures).chain([run.headline()]).collect::<Vec<_>>()
        })
    });
    let names = comparison.changes.iter().map(name);
    let head: Vec<&str> = std::iter::once("").chain(names).chain(["verdict"]).collect();
    grid("Runs", &head, &rows.collect::<Vec<_>>())
}

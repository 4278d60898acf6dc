//! Renders the page of an outcome: verdict and command first, then the most important figures,
//! charts, tables.

use super::super::quantity::{count, length_s, per_second, time_us};
use super::super::text::marked;
use super::document::document;
use super::markup::{escaped, section, with_flags};
use super::{charts, tables};
use crate::load::result::outcome::{Kind, Outcome};
use crate::load::result::verdict::Verdict;

/// The page.
pub fn render(outcome: &Outcome) -> String {
    let title = format!("{} – {}", outcome.headline(), outcome.target);
    let content = [
        header(outcome),
        section("Latency", &(charts::percentiles(outcome) + &tables::latencies(outcome))),
        section("Over time", &(charts::over_time(outcome) + &tables::intervals(outcome))),
        section("What went wrong", &tables::reasons(outcome)),
        section("All figures", &tables::all(outcome)),
    ]
    .concat();
    document(&title, &content, &outcome.program, outcome.schema_version)
}

fn header(outcome: &Outcome) -> String {
    // A sign in addition to the colour, for readers who cannot see it.
    let (class, sign) = match outcome.verdict {
        Verdict::Valid | Verdict::Lost => ("valid", "✓"),
        _ => ("invalid", "!"),
    };
    let kind = match outcome.kind {
        Kind::Bench => "Load test",
        Kind::Hold => "Held connections",
    };
    format!(
        "<header>\n<p class=\"kind\">{kind} · {} · {}</p>\n\
         <h1 class=\"{class}\"><span aria-hidden=\"true\">{sign}</span> {}</h1>\n\
         <p class=\"reason\">{}</p>\n{}<pre><code>{}</code></pre>\n{}</header>\n",
        escaped(&when(&outcome.started_at)),
        length_s(outcome.duration_s),
        escaped(&outcome.headline()),
        with_flags(&sentence(&outcome.verdict_reason)),
        findings(outcome),
        with_flags(&outcome.command),
        tiles(outcome),
    )
}

/// The list of findings.
fn findings(outcome: &Outcome) -> String {
    if outcome.findings.is_empty() {
        return String::new();
    }
    let items =
        outcome.findings.iter().map(|it| format!("<li>{}</li>\n", with_flags(&sentence(it))));
    format!("<ul class=\"findings\">\n{}</ul>\n", items.collect::<String>())
}

/// The most important figures.
fn tiles(outcome: &Outcome) -> String {
    let mut tiles = Vec::new();
    if outcome.histograms.latency.count() > 0 || outcome.histograms.beyond > 0 {
        for name in ["p50", "p99", "max"] {
            let text = outcome.latency_us.figure(name).text(time_us);
            tiles.push((name, marked(outcome, name, text)));
        }
    }
    let rate = marked(outcome, "rate", per_second(outcome.messages_per_second));
    tiles.push(("echoed", rate));
    tiles.push(("connections", count(outcome.connections.established)));
    if outcome.kind == Kind::Hold {
        tiles.push(("lost", count(outcome.connections.lost)));
    } else {
        tiles.push(("errors", count(outcome.errors_total())));
    }
    let tiles = tiles
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", escaped(value)));
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.collect::<String>())
}

/// `2026-11-27T09:10:35.123Z` as `2026-11-27 09:10:35 UTC`; other texts unchanged.
fn when(started_at: &str) -> String {
    match started_at.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => started_at.into(),
    }
}

/// A text with a capital at the start and a full stop at the end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    first.to_uppercase().collect::<String>() + characters.as_str() + stop
}

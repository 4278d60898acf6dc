//! All figures of an outcome, in tables.

use super::super::quantity::{
    bytes, count, cpus, length_s, memory_kib, per_second, percent, time_us,
};
use super::super::text::{
    MEASURED_ROWS, NOT_BELIEVED, load, losses_by_reason, machine, marked, most_frequent_first,
    stalls, window,
};
use super::markup::{bars, escaped, grid, pairs};
use crate::load::result::histogram::Latency;
use crate::load::result::outcome::{EndedBy, Outcome};

/// Lost connections listed one by one.
const LOSSES: usize = 200;

/// The percentiles of the latencies and of connecting: one row for each or, in a narrow window, one
/// column.
pub(super) fn latencies(outcome: &Outcome) -> String {
    let mut columns: Vec<(&str, &Latency)> = Vec::new();
    if outcome.histograms.latency.count() > 0 || outcome.histograms.beyond > 0 {
        let both = outcome.histograms.uncorrected.is_some();
        columns.push((if both { "corrected" } else { "round trip" }, &outcome.latency_us));
        if both {
            columns.push(("uncorrected", &outcome.latency_uncorrected_us));
        }
    }
    if outcome.connecting.histogram.count() > 0 {
        columns.push(("connecting", &outcome.connecting.latency_us));
        columns.extend(outcome.connecting.phases.iter().map(|it| (&*it.name, &it.latency_us)));
    }
    if columns.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let figures = outcome.latency_us.figures().map(|(name, _)| name);
    let cell = |column: usize, row: usize| {
        let (name, figure) = columns[column].1.figures()[row];
        let text = figure.text(time_us);
        // Connecting ends before the window, so its stalls do not apply.
        let is_judged = MEASURED_ROWS.contains(&columns[column].0);
        if is_judged { marked(outcome, name, text) } else { text }
    };
    let row = |name: &str, cells: Vec<String>| [vec![name.to_owned()], cells].concat();
    let across = names.iter().enumerate().map(|(column, name)| {
        row(name, (0..figures.len()).map(|index| cell(column, index)).collect())
    });
    let down = figures.iter().enumerate().map(|(index, name)| {
        row(name, (0..columns.len()).map(|column| cell(column, index)).collect())
    });
    let across = grid("Percentiles", &[&[""], &figures[..]].concat(), &across.collect::<Vec<_>>());
    let down = grid("Percentiles", &[&[""], &names[..]].concat(), &down.collect::<Vec<_>>());
    let doubt = match outcome.not_believed.is_empty() {
        true => String::new(),
        false => format!("<p class=\"doubt\">{}</p>\n", escaped(NOT_BELIEVED)),
    };
    format!(
        "<div class=\"wide-only\">{across}</div><div class=\"narrow-only\">{down}</div>\n{doubt}"
    )
}

/// The tables about the run, its messages and its cost.
pub(super) fn all(outcome: &Outcome) -> String {
    format!(
        "<div class=\"tables\">\n{}{}{}{}{}</div>\n",
        run(outcome),
        connections(outcome),
        messages(outcome),
        generator(outcome),
        server(outcome) + &memory(outcome),
    )
}

/// Errors, endings and losses by reason.
pub(super) fn reasons(outcome: &Outcome) -> String {
    let errors = bars("Errors", &most_frequent_first(&outcome.errors));
    // The ledger has the same in more detail.
    let endings = match outcome.ledger.is_empty() {
        true => bars("Connections not ended by us", &most_frequent_first(&outcome.endings)),
        false => bars("Lost connections by cause", &losses_by_reason(&outcome.ledger)),
    };
    let tables = errors + &endings;
    if tables.is_empty() {
        return String::new();
    }
    format!("<div class=\"tables\">\n{tables}</div>\n{}", ledger(outcome))
}

/// All intervals of the window, collapsed.
pub(super) fn intervals(outcome: &Outcome) -> String {
    if outcome.intervals.is_empty() {
        return String::new();
    }
    let rows = outcome.intervals.iter().map(|it| {
        let latency = it.histograms.latency_us(outcome.load.reply_timeout_s);
        let time = |name: &str| latency.figure(name).text(time_us);
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".into());
        vec![
            length_s(it.start_s),
            count(it.connections),
            count(it.sent),
            count(it.received),
            count(it.errors),
            time("p50"),
            time("p99"),
            time("max"),
            cpus(it.cpu),
            or_dash(it.server_cpu.map(cpus)),
        ]
    });
    let head = [
        "from",
        "connections",
        "sent",
        "received",
        "errors",
        "p50",
        "p99",
        "max",
        "generator",
        "server",
    ];
    let table = grid("Intervals", &head, &rows.collect::<Vec<_>>());
    format!("<details><summary>Every interval</summary>\n{table}</details>\n")
}

fn run(outcome: &Outcome) -> String {
    let runs = (outcome.runs > 1).then(|| count(outcome.runs.into()));
    pairs(
        "Run",
        &[
            ("Target", Some(outcome.target.clone())),
            ("Load", Some(load(&outcome.load))),
            ("Window", Some(window(outcome))),
            ("Started", Some(outcome.started_at.clone())),
            ("Runs merged", runs),
            ("Measured by", Some(outcome.program.clone())),
            ("Machine", Some(machine(&outcome.machine)).filter(|machine| !machine.is_empty())),
        ],
    )
}

fn connections(outcome: &Outcome) -> String {
    let (it, connecting) = (&outcome.connections, &outcome.connecting);
    let took = connecting.duration_s > 0.0;
    pairs(
        "Connections",
        &[
            ("Requested", Some(count(it.requested))),
            ("Established", Some(count(it.established))),
            ("Failed", Some(count(it.failed))),
            ("Lost", Some(count(it.lost))),
            ("Connect time", took.then(|| length_s(connecting.duration_s))),
            ("Connect rate", took.then(|| per_second(connecting.per_second))),
        ],
    )
}

fn messages(outcome: &Outcome) -> String {
    let it = &outcome.messages;
    let verified = |number: u64| outcome.load.verified.then(|| count(number));
    let some = |number: u64| (number > 0).then(|| count(number));
    pairs(
        "Messages",
        &[
            ("Sent", Some(count(it.sent))),
            ("Received", Some(count(it.received))),
            ("Lost", Some(count(it.lost))),
            ("Duplicated", verified(it.duplicated)),
            ("Reordered", verified(it.reordered)),
            ("Corrupted", verified(it.corrupted)),
            ("Opcode changed", verified(it.opcode_changed)),
            ("Misdelivered", some(it.misdelivered)),
            ("Unasked", some(it.unasked)),
            ("After the timeout", some(it.late)),
            ("Never sent", some(it.unsent)),
            ("Rate", Some(per_second(outcome.messages_per_second))),
            ("Payload", Some(format!("{}/s", bytes(outcome.bytes_per_second)))),
        ],
    )
}

fn generator(outcome: &Outcome) -> String {
    let it = &outcome.generator;
    let several = it.processes > 1;
    pairs(
        "Generator",
        &[
            ("CPU", Some(cpus(it.cpu))),
            ("Processes", several.then(|| count(it.processes.into()))),
            ("Busiest process", several.then(|| percent(it.cpu_of_busiest))),
            ("Longest turn", Some(time_us(it.turn_us_max))),
            ("Stalls", (outcome.stalls.watched_s > 0.0).then(|| stalls(&outcome.stalls))),
            ("Late sends", outcome.load.rate.map(|_| count(it.late_sends))),
        ],
    )
}

fn server(outcome: &Outcome) -> String {
    let Some(it) = &outcome.server else { return String::new() };
    pairs(
        "Server",
        &[
            ("CPU", Some(cpus(it.cpu))),
            ("CPU per message", Some(time_us(it.cpu_us_per_message))),
            ("Peak RSS", Some(memory_kib(it.rss_kib as f64))),
        ],
    )
}

fn memory(outcome: &Outcome) -> String {
    let Some(it) = &outcome.memory else { return String::new() };
    let kernel = if it.both_ends { "Kernel, both ends" } else { "Kernel, our end" };
    pairs(
        "Memory per connection",
        &[
            ("Generator", Some(memory_kib(it.own_user_kib))),
            (kernel, Some(memory_kib(it.kernel_kib))),
            ("Server", it.server_user_kib.map(memory_kib)),
        ],
    )
}

fn ledger(outcome: &Outcome) -> String {
    if outcome.ledger.is_empty() {
        return String::new();
    }
    let rows = outcome.ledger.iter().take(LOSSES).map(|loss| {
        let by = match loss.by {
            EndedBy::Server => "server",
            EndedBy::Network => "network",
            EndedBy::Us => "us",
        };
        vec![
            count(loss.connection),
            by.into(),
            loss.how.to_string(),
            length_s(loss.at_s),
            length_s(loss.after_s),
        ]
    });
    let total = outcome.ledger.len();
    let title = match total {
        0..=LOSSES => "Every lost connection".into(),
        _ => format!("The first {} of {} lost connections", LOSSES, count(total as u64)),
    };
    let head = ["connection", "ended by", "how", "at", "open for"];
    let table = grid(&title, &head, &rows.collect::<Vec<_>>());
    format!("<details><summary>{title}</summary>\n{table}</details>\n")
}

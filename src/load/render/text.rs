//! An outcome as a table for a terminal: the verdict first, then only what there is, at most
//! [`WIDTH`] columns wide.

use super::super::latency::Latency;
use super::super::outcome::{EndedBy, Kind, Load, Loss, Outcome};
use super::quantity::{bytes, count, cpus, length_s, memory_kib, per_second, percent, time_us};
use std::collections::BTreeMap;

/// Columns of the table: what a terminal of usual size has, and what a page of a mail takes.
pub const WIDTH: usize = 100;

/// Columns of the names on the left.
const NAMES: usize = 14;

/// Reasons that are listed of each kind, the most frequent first; the rest is one line.
const REASONS: usize = 20;

/// The table, with a newline at its end.
pub fn render(outcome: &Outcome) -> String {
    let mut table = Table::default();
    table.wrapped(&format!("{}: {}", outcome.verdict, outcome.verdict_reason), "");
    what(outcome, &mut table);
    connections(outcome, &mut table);
    messages(outcome, &mut table);
    latencies(outcome, &mut table);
    reasons("errors", &outcome.errors, &mut table);
    reasons("endings", &outcome.endings, &mut table);
    losses(&outcome.ledger, &mut table);
    costs(outcome, &mut table);
    table.text
}

/// How the messages were sent, in words.
pub fn load(load: &Load) -> String {
    let sending = match (load.rate, load.depth) {
        (Some(rate), _) => format!("open loop, {}", per_second(rate)),
        (None, Some(depth)) => format!("closed loop, {depth} on their way per connection"),
        (None, None) => "closed loop".into(),
    };
    let verified = if load.verified { "every echo verified" } else { "echoes not verified" };
    format!("{} messages, {sending}, {verified}", bytes(load.message_bytes as f64))
}

/// Who ended connections and how, the most frequent first: `(server: close 1001, 12)`.
pub fn losses_by_reason(ledger: &[Loss]) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for loss in ledger {
        let by = match loss.by {
            EndedBy::Server => "server",
            EndedBy::Network => "network",
            EndedBy::Us => "us",
        };
        *counts.entry(format!("{by}: {}", loss.how)).or_default() += 1;
    }
    most_frequent_first(&counts)
}

/// The most frequent first, and those that are as frequent by their name.
pub fn most_frequent_first(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut sorted: Vec<(String, u64)> =
        counts.iter().map(|(name, &count)| (name.clone(), count)).collect();
    sorted.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
    sorted
}

fn what(outcome: &Outcome, table: &mut Table) {
    table.gap();
    table.row("command", &outcome.command);
    table.row("target", &outcome.target);
    if outcome.kind == Kind::Bench {
        table.row("load", &load(&outcome.load));
    }
    let window = length_s(outcome.duration_s);
    table.row("window", &format!("{window} from {}", outcome.started_at));
    if outcome.runs > 1 {
        table.row("merged", &format!("{} runs", count(outcome.runs.into())));
    }
}

fn connections(outcome: &Outcome, table: &mut Table) {
    let it = &outcome.connections;
    table.gap();
    table.row(
        "connections",
        &counts(&[
            ("requested", it.requested, true),
            ("established", it.established, true),
            ("failed", it.failed, true),
            ("lost", it.lost, true),
        ]),
    );
    let connecting = &outcome.connecting;
    if connecting.duration_s > 0.0 {
        let length = length_s(connecting.duration_s);
        table.row("connecting", &format!("{length}, {}", per_second(connecting.per_second)));
    }
}

fn messages(outcome: &Outcome, table: &mut Table) {
    let it = &outcome.messages;
    table.row(
        "messages",
        &counts(&[
            ("sent", it.sent, true),
            ("received", it.received, true),
            ("lost", it.lost, true),
        ]),
    );
    if outcome.load.verified {
        table.row(
            "",
            &counts(&[
                ("duplicated", it.duplicated, true),
                ("reordered", it.reordered, true),
                ("corrupted", it.corrupted, true),
                ("opcode changed", it.opcode_changed, true),
            ]),
        );
    }
    let rate = per_second(outcome.messages_per_second);
    let throughput = bytes(outcome.bytes_per_second);
    table.row("rate", &format!("{rate}, {throughput}/s of payload"));
}

fn latencies(outcome: &Outcome, table: &mut Table) {
    let mut rows: Vec<(&str, &Latency)> = Vec::new();
    if outcome.histograms.latency.count() > 0 {
        let both = outcome.latency_us != outcome.latency_uncorrected_us;
        rows.push((if both { "corrected" } else { "round trip" }, &outcome.latency_us));
        if both {
            rows.push(("uncorrected", &outcome.latency_uncorrected_us));
        }
    }
    if outcome.connecting.histogram.count() > 0 {
        rows.push(("connecting", &outcome.connecting.latency_us));
    }
    if rows.is_empty() {
        return;
    }
    table.gap();
    let names = named(&Latency::default()).map(|(name, _)| name.to_owned());
    table.row("latency", &cells(&names));
    for (name, latency) in rows {
        table.row(&format!("  {name}"), &cells(&named(latency).map(|(_, value)| time_us(value))));
    }
}

/// The figures of a latency, in their order, each with its name, in µs.
pub fn named(latency: &Latency) -> [(&'static str, f64); 8] {
    [
        ("min", latency.min),
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99.9", latency.p99_9),
        ("p99.99", latency.p99_99),
        ("max", latency.max),
        ("mean", latency.mean),
    ]
}

/// Right-aligned columns, 10 wide.
fn cells(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:>10}")).collect()
}

fn reasons(name: &str, counts: &BTreeMap<String, u64>, table: &mut Table) {
    if !counts.is_empty() {
        table.gap();
        table.list(name, &most_frequent_first(counts));
    }
}

fn losses(ledger: &[Loss], table: &mut Table) {
    let (Some(first), Some(last)) = (ledger.first(), ledger.last()) else { return };
    table.gap();
    let when = match ledger.len() {
        1 => format!("at {}", length_s(first.at_s)),
        _ => format!("from {} to {}", length_s(first.at_s), length_s(last.at_s)),
    };
    table.row("lost", &format!("{} connections, {when}", count(ledger.len() as u64)));
    table.list("", &losses_by_reason(ledger));
}

fn costs(outcome: &Outcome, table: &mut Table) {
    table.gap();
    let it = &outcome.generator;
    let mut generator = cpus(it.cpu);
    if it.processes > 1 {
        let busiest = percent(it.cpu_of_busiest);
        generator += &format!(" in {} processes, the busiest {busiest}", it.processes);
    }
    generator += &format!(", longest turn {}", time_us(it.turn_us_max));
    if outcome.load.rate.is_some() {
        generator += &format!(", {} late sends", count(it.late_sends));
    }
    table.row("generator", &generator);
    if let Some(server) = &outcome.server {
        let message = time_us(server.cpu_us_per_message);
        let memory = memory_kib(server.rss_kib as f64);
        let cpu = cpus(server.cpu);
        table.row("server", &format!("{cpu}, {message} per message, {memory} resident at most"));
    }
    if let Some(memory) = &outcome.memory {
        let kernel = if memory.both_ends { "kernel, both ends" } else { "kernel, our end" };
        let mut text = format!("{} own", memory_kib(memory.own_user_kib));
        text += &format!(", {} {kernel}", memory_kib(memory.kernel_kib));
        if let Some(server) = memory.server_user_kib {
            text += &format!(", {} server", memory_kib(server));
        }
        table.row("memory", &format!("{text}: each connection"));
    }
}

/// `1,000 sent   999 received`; what need not be said if it is nothing is left out.
fn counts(all: &[(&str, u64, bool)]) -> String {
    let said = all.iter().filter(|(_, number, always)| *always || *number > 0);
    said.map(|(name, number, _)| format!("{} {name}", count(*number)))
        .collect::<Vec<_>>()
        .join("   ")
}

/// Lines with a name on the left.
#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn row(&mut self, name: &str, value: &str) {
        self.wrapped(value, &format!("{name:<NAMES$}"));
    }

    /// Counts, aligned at the right, with what they count.
    fn list(&mut self, name: &str, counts: &[(String, u64)]) {
        let width = counts.iter().map(|(_, number)| count(*number).len()).max().unwrap_or(0);
        for (index, (reason, number)) in counts.iter().take(REASONS).enumerate() {
            let name = if index == 0 { name } else { "" };
            self.row(name, &format!("{:>width$} {reason}", count(*number)));
        }
        if let Some(rest) = counts.get(REASONS..).filter(|rest| !rest.is_empty()) {
            let sum = rest.iter().map(|(_, number)| number).sum();
            let kinds = count(rest.len() as u64);
            self.row("", &format!("{:>width$} of {kinds} other kinds", count(sum)));
        }
    }

    /// The value behind the name, in as many lines as it takes; the later ones are indented as far. What is
    /// not to be shown, such as the control characters of a terminal, is spelled out.
    fn wrapped(&mut self, value: &str, name: &str) {
        let indent = name.chars().count();
        let value: String = value.chars().flat_map(spelled).collect();
        let mut lines = broken(&value, WIDTH - indent).into_iter();
        let first = lines.next().unwrap_or_default();
        self.text += format!("{name}{first}").trim_end();
        self.text.push('\n');
        for line in lines {
            self.text += &format!("{:indent$}{line}\n", "");
        }
    }
}

fn spelled(character: char) -> Vec<char> {
    match character {
        _ if character.is_control() => character.escape_unicode().collect(),
        _ => vec![character],
    }
}

/// Lines of at most `width` characters, broken at spaces where there are some.
fn broken(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let (mut lines, mut rest) = (Vec::new(), &characters[..]);
    while rest.len() > width {
        let space = rest[..=width].iter().rposition(|&character| character == ' ');
        let (end, next) = match space {
            Some(space) if space > 0 => (space, space + 1),
            _ => (width, width),
        };
        lines.push(rest[..end].iter().collect());
        rest = &rest[next..];
    }
    lines.push(rest.iter().collect());
    lines
}

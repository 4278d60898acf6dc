//! Renders an outcome as a table for a terminal: the verdict first, then only sections with
//! content, at most [`WIDTH`](super::table::WIDTH) columns wide.

use super::super::result::{STALL_FLOOR_US, Stalls};
use super::quantity::{
    bytes, count, cpus, length_s, memory_kib, per_second, percent, significant, time_us,
};
use super::table::Table;
use crate::load::result::EndReason;
use crate::load::result::histogram::Latency;
use crate::load::result::outcome::{EndedBy, Environment, Load, Loss, Outcome};
use std::collections::BTreeMap;
use std::fmt::Display;

/// The table, ending with a newline.
pub fn render(outcome: &Outcome) -> String {
    let mut table = Table::default();
    table.wrapped(&format!("{}: {}", outcome.headline(), outcome.verdict_reason), "");
    outcome.findings.iter().for_each(|finding| table.wrapped(finding, "- "));
    what(outcome, &mut table);
    connections(outcome, &mut table);
    messages(outcome, &mut table);
    latencies(outcome, &mut table);
    reasons("errors", &outcome.errors, &mut table);
    // The ledger has the same in more detail.
    if outcome.ledger.is_empty() {
        reasons("endings", &outcome.endings, &mut table);
    }
    losses(&outcome.ledger, &mut table);
    costs(outcome, &mut table);
    table.text
}

/// The rows with latencies of the window's messages; other rows are about connecting.
pub const MEASURED_ROWS: [&str; 3] = ["round trip", "corrected", "uncorrected"];

/// The mark after a figure that stalls of the load generator may dominate.
pub const DOUBT: &str = "!";

/// The explanation of the mark.
pub const NOT_BELIEVED: &str = "! dominated by stalls of the load generator, not by the server";

/// A figure's text, marked if it cannot be believed.
pub fn marked(outcome: &Outcome, name: &str, text: String) -> String {
    let is_doubtful = text != "–" && outcome.not_believed.iter().any(|other| other == name);
    if is_doubtful { text + DOUBT } else { text }
}

/// The length of the window, and its planned length if it was interrupted.
pub fn window(outcome: &Outcome) -> String {
    let lasted = length_s(outcome.duration_s);
    match (outcome.interrupted, outcome.planned_s) {
        (false, _) => lasted,
        (true, None) => format!("{lasted} (interrupted)"),
        (true, Some(planned)) => format!("{lasted} of {} (interrupted)", length_s(planned)),
    }
}

/// The machine that measured, as far as it is known.
pub fn machine(machine: &Environment) -> String {
    if machine.system.is_empty() {
        return String::new();
    }
    let mut parts = vec![format!("{} {}", machine.system, machine.architecture)];
    parts.extend(machine.processor.clone());
    parts.extend(machine.cpus.map(|cpus| match cpus {
        1 => "1 CPU".into(),
        _ => format!("{} CPUs", count(cpus)),
    }));
    parts.extend(machine.memory_bytes.map(|bytes| memory_kib(bytes as f64 / 1024.0)));
    parts.join(", ")
}

/// How the messages were sent, in words.
pub fn load(load: &Load) -> String {
    if load.rate.is_none() && load.depth.is_none() {
        return "no messages: connections are held idle".into();
    }
    let sending = match (load.rate, load.depth) {
        (Some(rate), _) => format!("open loop, {}", per_second(rate)),
        (None, Some(depth)) => format!("closed loop, {depth} in flight per connection"),
        (None, None) => String::new(),
    };
    let verified = if load.verified { "every echo verified" } else { "echoes not verified" };
    let spin = if load.spin { ", spinning" } else { "" };
    format!("{} messages, {sending}, {verified}{spin}", bytes(load.message_bytes as f64))
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

/// Sorts by count, the most frequent first, and then by name.
pub fn most_frequent_first(counts: &BTreeMap<impl Display, u64>) -> Vec<(String, u64)> {
    let mut sorted: Vec<(String, u64)> =
        counts.iter().map(|(name, &count)| (name.to_string(), count)).collect();
    sorted.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
    sorted
}

fn what(outcome: &Outcome, table: &mut Table) {
    table.gap();
    table.row("command", &outcome.command);
    table.row("target", &outcome.target);
    table.row("load", &load(&outcome.load));
    table.row("window", &format!("{} from {}", window(outcome), outcome.started_at));
    let machine = machine(&outcome.machine);
    let on = if machine.is_empty() { String::new() } else { format!(" on {machine}") };
    table.row("measured by", &format!("{}{on}", outcome.program));
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
            ("requested", it.requested),
            ("established", it.established),
            ("failed", it.failed),
            ("lost", it.lost),
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
        &counts(&[("sent", it.sent), ("received", it.received), ("lost", it.lost)]),
    );
    if outcome.load.verified {
        table.row(
            "",
            &counts(&[
                ("duplicated", it.duplicated),
                ("reordered", it.reordered),
                ("corrupted", it.corrupted),
                ("opcode changed", it.opcode_changed),
            ]),
        );
    }
    let rare = [
        ("misdelivered", it.misdelivered),
        ("unasked", it.unasked),
        ("after the timeout", it.late),
        ("never sent", it.unsent),
    ];
    let rare: Vec<(&str, u64)> = rare.into_iter().filter(|&(_, number)| number > 0).collect();
    if !rare.is_empty() {
        table.row("", &counts(&rare));
    }
    let rate = marked(outcome, "rate", per_second(outcome.messages_per_second));
    let throughput = bytes(outcome.bytes_per_second);
    table.row("rate", &format!("{rate}, {throughput}/s of payload"));
}

fn latencies(outcome: &Outcome, table: &mut Table) {
    let mut rows: Vec<(&str, &Latency)> = Vec::new();
    if outcome.histograms.latency.count() > 0 || outcome.histograms.beyond > 0 {
        let both = outcome.latency_us != outcome.latency_uncorrected_us;
        rows.push((if both { "corrected" } else { "round trip" }, &outcome.latency_us));
        if both {
            rows.push(("uncorrected", &outcome.latency_uncorrected_us));
        }
    }
    if outcome.connecting.histogram.count() > 0 {
        rows.push(("connecting", &outcome.connecting.latency_us));
        rows.extend(outcome.connecting.phases.iter().map(|phase| {
            let name = match &*phase.name {
                "authentication" => "  auth",
                "upgrade" => "  upgrade",
                "tls" => "  tls",
                _ => "  tcp",
            };
            (name, &phase.latency_us)
        }));
    }
    if rows.is_empty() {
        return;
    }
    table.gap();
    let names = Latency::default().figures().map(|(name, _)| name.to_owned());
    table.row("latency", &cells(&names));
    for (row, latency) in rows {
        // Connecting ends before the window, so its stalls do not apply.
        let is_judged = MEASURED_ROWS.contains(&row);
        let figures = latency.figures().map(|(name, figure)| {
            let text = figure.text(time_us);
            if is_judged { marked(outcome, name, text) } else { text }
        });
        table.row(&format!("  {row}"), &cells(&figures));
    }
    if !outcome.not_believed.is_empty() {
        table.row("", NOT_BELIEVED);
    }
}

/// Right-aligned cells, 10 columns wide.
fn cells(texts: &[String]) -> String {
    texts.iter().map(|text| format!("{text:>10}")).collect()
}

fn reasons(name: &str, counts: &BTreeMap<EndReason, u64>, table: &mut Table) {
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
    if outcome.stalls.watched_s > 0.0 {
        table.row("stalls", &stalls(&outcome.stalls));
    }
    if let Some(server) = &outcome.server {
        let message = time_us(server.cpu_us_per_message);
        let memory = memory_kib(server.rss_kib as f64);
        let cpu = cpus(server.cpu);
        table.row("server", &format!("{cpu}, {message} per message, peak RSS {memory}"));
    }
    if let Some(memory) = &outcome.memory {
        let kernel = if memory.both_ends { "kernel (both ends)" } else { "kernel (our end)" };
        let mut text = format!("{} own", memory_kib(memory.own_user_kib));
        text += &format!(", {} {kernel}", memory_kib(memory.kernel_kib));
        if let Some(server) = memory.server_user_kib {
            text += &format!(", {} server", memory_kib(server));
        }
        table.row("memory", &format!("{text} per connection"));
    }
}

/// The stalls and their causes: `0.12 % of the time, longest 3.20 ms; 40.0 ms waiting for a CPU`.
pub fn stalls(stalls: &Stalls) -> String {
    let share = stalls.share_beyond(STALL_FLOOR_US) * 100.0;
    let mut text =
        format!("{} % of the time, longest {}", significant(share), time_us(stalls.longest_us()));
    let causes = [
        (stalls.run_delay_s, "waiting for a CPU"),
        (stalls.throttled_s, "throttled by a quota"),
        (stalls.steal_s, "stolen by the hypervisor"),
    ];
    for (seconds, what) in causes {
        if let Some(seconds) = seconds.filter(|&seconds| seconds >= 0.001) {
            text += &format!("; {} {what}", length_s(seconds));
        }
    }
    text
}

/// Counts in a row: `1,000 sent 999 received`.
fn counts(all: &[(&str, u64)]) -> String {
    let parts: Vec<String> =
        all.iter().map(|(name, number)| format!("{} {name}", count(*number))).collect();
    parts.join("   ")
}

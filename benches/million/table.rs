//! The figures, as a table.

use crate::clients::Feat;
use crate::memory::Memory;
use crate::trial::Outcome;
use std::time::Duration;

/// Kinds of kernel objects that are named.
const CACHES: usize = 8;

/// Less than so many bytes for each connection is not worth a name.
const CACHE_BYTES_MIN: f64 = 16.0;

/// Prints what was measured.
pub(crate) fn print(outcome: &Outcome) {
    let plan = &outcome.plan;
    println!(
        "{} connections: {} workers, {} clients with {} addresses each",
        plan.connections, plan.processes, plan.processes, plan.sources
    );
    let row = |what: &str, feat: &Feat| {
        let seconds = feat.time.as_secs_f64();
        let rate = feat.count as f64 / seconds;
        println!(
            "  {what:<13} {:>8} in {seconds:>6.1} s  {rate:>6.0}/s in all, {:.0}/s the slowest client",
            feat.count, feat.slowest
        );
    };
    row("established", &outcome.opened);
    row("echoed", &outcome.proved);
    println!("  {:<13} {:>8} s", "held", outcome.hold.as_secs());
    row("echoed again", &outcome.proved_again);
    row("closed", &outcome.closed);
    let lost: usize = outcome.losses.iter().map(|(_, count)| count).sum();
    println!("  {:<13} {lost:>8}", "lost");
    for (reason, count) in &outcome.losses {
        println!("  {count:>22} {reason}");
    }
    let [connecting, echoing] = outcome.server_time;
    println!(
        "  server CPU time: {:.1} us for a connection and its handshake, {:.1} us for an echo",
        micros(connecting, outcome.opened.count),
        micros(echoing, outcome.proved.count),
    );
    print_memory(outcome);
}

fn print_memory(outcome: &Outcome) {
    let Outcome { before, held, after, .. } = outcome;
    let count = outcome.opened.count.max(1) as f64;
    println!("  {:<26} {:>9} {:>9} {:>9}", "MiB", "before", "held", "after");
    let row = |what: &str, of: fn(&Memory) -> u64| {
        let [before, held, after] = [before, held, after].map(|memory| of(memory) as f64);
        let each = (held - before) / count;
        println!(
            "  {what:<26} {:>9.1} {:>9.1} {:>9.1}  {each:>6.0} bytes a connection",
            mebibytes(before),
            mebibytes(held),
            mebibytes(after)
        );
    };
    row("server, private", |memory| memory.server);
    row("clients, private", |memory| memory.clients);
    row("kernel objects, both ends", |memory| memory.slab);
    row("page tables and stacks", |memory| memory.tables);
    row("together", |memory| memory.server + memory.clients + memory.slab + memory.tables);
    row("data that TCP holds, of it", |memory| memory.tcp);
    let caches = held.grown_caches(before).into_iter().take(CACHES);
    let caches = caches.map(|(name, bytes)| (name, bytes as f64 / count));
    let caches: Vec<String> = caches
        .filter(|&(_, bytes)| bytes >= CACHE_BYTES_MIN)
        .map(|(name, bytes)| format!("{name} {bytes:.0}"))
        .collect();
    if !caches.is_empty() {
        println!("  kernel objects, bytes a connection: {}", caches.join(", "));
    }
}

fn micros(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

//! Compares what a run reports with the world's books.

use crate::counts::Counts;
use crate::latency;
use crate::verdict;
use crate::world::World;
use halloo::load::Outcome;
use halloo::load::result::EndReason;
use halloo::load::run::Stop;
use std::collections::BTreeMap;

/// Checks a run that was measured.
pub(crate) fn check(world: &World, outcome: &Outcome) -> Result<(), String> {
    if let Some(violation) = &world.books.violation {
        return Err(violation.clone());
    }
    check_connections(world, outcome)?;
    let end = world.books.window_start + (outcome.duration_s * 1e9).round() as u64;
    let mut counts = world.counts(end);
    if counts.due.is_none() {
        counts.add_unreceived(outcome.messages.sent.saturating_sub(counts.sent.most));
    }
    check_messages(world, outcome, &counts)?;
    latency::check(world, outcome, &counts)?;
    verdict::check(world, outcome, &counts)
}

/// Checks a run without a result: all connections must have ended, and none echoed.
pub(crate) fn check_stop(world: &World, stop: &Stop) -> Result<(), String> {
    let has_read = world.books.sent.iter().any(|sent| sent.taken > 0);
    match stop {
        Stop::Ended { was_open: true, .. }
            if world.books.ended.len() == world.open_links() && !has_read =>
        {
            Ok(())
        }
        _ => Err(format!("there is no result: {stop:?}")),
    }
}

fn check_connections(world: &World, outcome: &Outcome) -> Result<(), String> {
    let it = outcome.connections;
    let books = &world.books;
    equal("requested", it.requested, world.scenario.connections as u64)?;
    equal("failed", it.failed, books.refused)?;
    equal("established", it.established, it.requested - books.refused)?;
    equal("lost connections", it.lost, books.ended.len() as u64)?;
    let mut endings = BTreeMap::new();
    for (_, how) in &books.ended {
        *endings.entry(EndReason::from(*how)).or_default() += 1;
    }
    if outcome.endings != endings {
        return Err(format!("endings are {:?}, not {endings:?}", outcome.endings));
    }
    if !world.scenario.is_hold() {
        return Ok(());
    }
    let mut listed: Vec<(u64, EndReason)> =
        outcome.ledger.iter().map(|loss| (loss.connection, loss.how.clone())).collect();
    let mut ended: Vec<(u64, EndReason)> =
        books.ended.iter().map(|&(at, how)| (at as u64, how.into())).collect();
    listed.sort_unstable();
    ended.sort_unstable();
    match listed == ended {
        true => Ok(()),
        false => Err(format!("the ledger lists {listed:?}, not {ended:?}")),
    }
}

fn check_messages(world: &World, outcome: &Outcome, counts: &Counts) -> Result<(), String> {
    let it = outcome.messages;
    let unreceived = world.unreceived_most();
    if it.sent < counts.sent.least || it.sent > counts.sent.most + unreceived {
        return Err(format!("sent is {}, not {:?} and up to {unreceived}", it.sent, counts.sent));
    }
    equal("received and lost", it.received + it.lost, it.sent)?;
    let lost_most = counts.lost.most + unreceived;
    let counters = [
        ("received", it.received, counts.received.least, counts.received.most),
        ("lost", it.lost, counts.lost.least, lost_most),
        ("late", it.late, counts.late.least, counts.late.most),
        ("corrupted", it.corrupted, counts.corrupted.least, counts.corrupted.most),
        (
            "opcode changed",
            it.opcode_changed,
            counts.opcode_changed.least,
            counts.opcode_changed.most,
        ),
        ("reordered", it.reordered, counts.reordered.least, counts.reordered.most),
        ("duplicated", it.duplicated, counts.duplicated.least, counts.duplicated.most),
        ("misdelivered", it.misdelivered, counts.misdelivered.least, counts.misdelivered.most),
        ("unasked", it.unasked, counts.unasked.least, counts.unasked.most),
    ];
    let is_counted = |name: &str| world.scenario.verify || matches!(name, "received" | "lost");
    for (name, count, least, most) in counters {
        if is_counted(name) && !(least..=most).contains(&count) {
            return Err(format!("{name} is {count}, not {least} to {most}"));
        }
    }
    match counts.due {
        Some(due) => equal("sent and unsent", it.sent + it.unsent, due),
        None => equal("unsent", it.unsent, 0),
    }
}

fn equal(name: &str, got: u64, wanted: u64) -> Result<(), String> {
    match got == wanted {
        true => Ok(()),
        false => Err(format!("{name}: {got}, not {wanted}")),
    }
}

impl World {
    fn open_links(&self) -> usize {
        self.links.iter().filter(|link| link.is_open).count()
    }
}

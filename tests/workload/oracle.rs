//! Compares what a run reports with the world's books.

use crate::latency;
use crate::tally::Tally;
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
    let mut tally = world.tally(end);
    if tally.due.is_none() {
        tally.add_unreceived(outcome.messages.sent.saturating_sub(tally.sent.most));
    }
    check_messages(world, outcome, &tally)?;
    latency::check(world, outcome, &tally)?;
    verdict::check(world, outcome, &tally)
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

fn check_messages(world: &World, outcome: &Outcome, tally: &Tally) -> Result<(), String> {
    let it = outcome.messages;
    let unreceived = world.unreceived_most();
    if it.sent < tally.sent.least || it.sent > tally.sent.most + unreceived {
        return Err(format!("sent is {}, not {:?} and up to {unreceived}", it.sent, tally.sent));
    }
    equal("received and lost", it.received + it.lost, it.sent)?;
    let lost_most = tally.lost.most + unreceived;
    let counters = [
        ("received", it.received, tally.received.least, tally.received.most),
        ("lost", it.lost, tally.lost.least, lost_most),
        ("late", it.late, tally.late.least, tally.late.most),
        ("corrupted", it.corrupted, tally.corrupted.least, tally.corrupted.most),
        (
            "opcode changed",
            it.opcode_changed,
            tally.opcode_changed.least,
            tally.opcode_changed.most,
        ),
        ("reordered", it.reordered, tally.reordered.least, tally.reordered.most),
        ("duplicated", it.duplicated, tally.duplicated.least, tally.duplicated.most),
        ("misdelivered", it.misdelivered, tally.misdelivered.least, tally.misdelivered.most),
        ("unasked", it.unasked, tally.unasked.least, tally.unasked.most),
    ];
    let is_counted = |name: &str| world.scenario.verify || matches!(name, "received" | "lost");
    for (name, count, least, most) in counters {
        if is_counted(name) && !(least..=most).contains(&count) {
            return Err(format!("{name} is {count}, not {least} to {most}"));
        }
    }
    match tally.due {
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

//! The verdict that the world's books call for, by the table of docs/measuring.md.

use crate::counts::{Bounds, Counts};
use crate::world::World;
use halloo::load::result::Verdict;
use halloo::load::{Outcome, result::outcome::Kind};

/// Checks the verdict, as far as no counter leaves it open.
pub(crate) fn check(world: &World, outcome: &Outcome, counts: &Counts) -> Result<(), String> {
    let verdict = outcome.verdict;
    if verdict == Verdict::GeneratorBound {
        return match world.is_disturbed() {
            true => Ok(()),
            false => Err(format!("GENERATOR-BOUND undisturbed: {}", outcome.verdict_reason)),
        };
    }
    let Some(expected) = expected(world, outcome, counts) else { return Ok(()) };
    match verdict == expected {
        true => Ok(()),
        false => Err(format!("{verdict}, not {expected}: {}", outcome.verdict_reason)),
    }
}

/// The verdict; `None` if the books leave it open.
fn expected(world: &World, outcome: &Outcome, counts: &Counts) -> Option<Verdict> {
    let is_bench = outcome.kind == Kind::Bench;
    let books = &world.books;
    if counts.misdelivered.least > 0 {
        return Some(Verdict::Misdelivered);
    }
    let ended = books.ended.len();
    if !is_bench {
        return match (books.refused, ended) {
            (0, 0) => Some(Verdict::Valid),
            (0, _) => Some(Verdict::Lost),
            _ => Some(Verdict::Ceiling),
        };
    }
    let sent = exact(counts.sent)?;
    let (received, corrupted) = (exact(counts.received)?, exact(counts.corrupted)?);
    let (lost, unasked) = (exact(counts.lost)?, exact(counts.unasked)?);
    let echoed = received - corrupted;
    let has_foreign = corrupted + unasked > 0;
    if ended > 0 {
        // Whether the ends or the missing echoes are the matter is not decided here.
        return (echoed * 10 >= sent && echoed > 0).then_some(Verdict::Ceiling);
    }
    if sent > 0 && (echoed * 10 < sent || echoed == 0) && (has_foreign || echoed == 0) {
        return Some(Verdict::NotAnEcho);
    }
    if books.refused > 0 {
        return Some(Verdict::Ceiling);
    }
    if (lost + corrupted) as f64 > sent as f64 * world.scenario.lossy_above {
        return Some(Verdict::Lossy);
    }
    if let Some(due) = counts.due {
        let rate = outcome.load.rate?;
        let share = echoed as f64 / (world.scenario.duration as f64 / 1e9) / rate;
        if share < 0.99 || due > sent {
            return Some(Verdict::RateNotReached);
        }
    }
    Some(Verdict::Valid)
}

fn exact(bounds: Bounds) -> Option<u64> {
    bounds.is_exact().then_some(bounds.least)
}

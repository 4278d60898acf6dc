//! The scripts of clients, drawn from the seed.

use crate::client::Step;
use crate::plan::Plan;
use crate::random::Random;
use halloo::proto::Framing;
use std::collections::VecDeque;

pub(crate) struct Script {
    pub(crate) steps: VecDeque<Step>,
    /// It stays within every limit and rule.
    pub(crate) is_lawful: bool,
}

/// Writes a script. A client that sends one byte at a time gets a short one.
pub(crate) fn write(
    random: &mut Random,
    plan: &Plan,
    framing: Framing,
    is_bytewise: bool,
) -> Script {
    let mut steps = VecDeque::new();
    let mut is_lawful = true;
    let most = plan.doors[0].limits.message_bytes_max as usize;
    for _ in 0..random.between(0, 8) {
        let step = match random.between(0, 19) {
            0 if framing == Framing::WebSocket => Step::Ping(random.between(0, 125)),
            1 if framing == Framing::WebSocket => Step::Pong(random.between(0, 125)),
            3 if framing == Framing::WebSocket && !is_bytewise && random.one_in(5) => {
                Step::Pings(random.between(50, 3000))
            }
            4 if framing == Framing::WebSocket && !is_bytewise && most > 400_000 => {
                Step::Bombs { count: random.between(10, 60), bytes: random.between(1_000, 100_000) }
            }
            5 if random.one_in(3) => Step::Urgent,
            2 if framing == Framing::Line => Step::PartialLine(random.between(1, 50)),
            _ => message(random, is_bytewise, most),
        };
        if let (Step::Message { bytes, frames, .. }, true) = (&step, framing != Framing::Raw) {
            // Frames are charged for; a line may have been begun before.
            is_lawful &= bytes + 64 * frames + 500 < most;
        }
        steps.push_back(step);
    }
    if framing == Framing::WebSocket && random.one_in(15) {
        steps.push_back(Step::Garbage(random.between(1, 100)));
        is_lawful = false;
    }
    match (random.between(0, 9), framing) {
        (0, _) => steps.push_back(Step::Reset),
        (1, _) => steps.push_back(Step::Vanish),
        (2 | 3, _) => steps.push_back(Step::HalfClose),
        (4..=6, Framing::WebSocket) => {
            let code = random.one_in(2).then(|| random.pick(&[1000, 1001, 3000, 4999]));
            steps.push_back(Step::Close(code));
        }
        _ => {}
    }
    Script { steps, is_lawful }
}

/// A message, usually small.
pub(crate) fn message(random: &mut Random, is_bytewise: bool, most: usize) -> Step {
    let text = random.one_in(2);
    if !is_bytewise && random.one_in(100) {
        let frames = random.between(50, 3000);
        return Step::Message { text, bytes: random.between(0, 2 * frames), frames };
    }
    let frames = if random.one_in(4) { random.between(1, 5) } else { 1 };
    let bytes = match random.between(0, 99) {
        _ if is_bytewise => random.between(0, 40),
        0 => random.between(60_000, 140_000),
        1..=4 => random.between(4_000, 40_000),
        5..=14 => random.between(126, 4_000),
        15 => most.min(200_000) + 1,
        _ => random.between(0, 200),
    };
    Step::Message { text, bytes, frames }
}

//! Findings about the messages of a run, in addition to the verdict. They follow from the counts
//! alone, so they also hold for the sum of merged outcomes.

use super::outcome::Outcome;
use crate::load::units::thousands;

/// The findings about the messages of this outcome.
pub(in crate::load) fn of_messages(outcome: &Outcome) -> Vec<String> {
    let it = outcome.messages;
    let unasked = format!(
        "{} arrived that nobody asked for, such as pushes or greetings; {} not counted as {}",
        messages(it.unasked),
        if it.unasked == 1 { "it is" } else { "they are" },
        if it.unasked == 1 { "an echo" } else { "echoes" },
    );
    let late = format!(
        "{} arrived after the reply timeout of {} s and count as lost",
        messages(it.late),
        outcome.load.reply_timeout_s
    );
    let untimed = format!(
        "after a loss, times cannot be attributed to messages that look alike or are not verified: {} of {} \
         responses are left out of the latency figures",
        thousands(it.untimed),
        thousands(it.received)
    );
    let found = [(it.unasked, unasked), (it.late, late), (it.untimed, untimed)];
    found.into_iter().filter(|(count, _)| *count > 0).map(|(_, sentence)| sentence).collect()
}

fn messages(count: u64) -> String {
    format!("{} message{}", thousands(count), if count == 1 { "" } else { "s" })
}

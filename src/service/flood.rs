//! Sends messages as fast as the peer reads, without end, and discards all input (RFC 864).
//!
//! A message is one line of RFC 864's "popular choice": 72 of the 95 printable characters and CR
//! LF; each line starts one character later than the line before.

use super::{Context, Needs, Service};
use crate::proto::{Kind, Message, Outbox};

const PRINTABLE: usize = 95;
const LINE_CHARACTERS: usize = 72;

/// How many times the 95 lines are sent per call: 8, a total of 55 KiB. That is enough for each
/// system call, and it is all that the server holds for a peer that stops reading.
const CYCLES_AT_ONCE: usize = 8;

/// Sends messages without end and discards all input.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flood;

impl Service for Flood {
    fn needs(&self) -> Needs {
        Needs { sends_unasked: true, ..Needs::NONE }
    }

    fn on_message(&mut self, _context: &Context, _message: Message<'_>, _outbox: &mut Outbox<'_>) {}

    fn on_writable(&mut self, _context: &Context, outbox: &mut Outbox<'_>) {
        for first in (0..PRINTABLE).cycle().take(CYCLES_AT_ONCE * PRINTABLE) {
            outbox.send(Kind::Text, &[&line(first)]);
        }
    }
}

fn line(first: usize) -> [u8; LINE_CHARACTERS + 2] {
    std::array::from_fn(|index| match index {
        0..LINE_CHARACTERS => b' ' + ((first + index) % PRINTABLE) as u8,
        LINE_CHARACTERS => b'\r',
        _ => b'\n',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_the_rfc() {
        let text = |first| String::from_utf8(line(first).to_vec()).unwrap();
        assert!(text(0).starts_with(" !\"#$%&'()*+,-./0123456789"));
        assert!(text(0).ends_with("defg\r\n"));
        assert!(text(94).starts_with("~ !\"#"));
    }
}

//! Sends without end, as fast as the peer reads, and swallows what comes (RFC 864).
//!
//! A message is one line of RFC 864's "popular choice": 72 characters of the 95 printable ones and CR LF,
//! each line starting one character further on.

use super::{Context, Needs, Service};
use crate::proto::{Kind, Message, Outbox};

const PRINTABLE: usize = 95;
const LINE_CHARACTERS: usize = 72;

/// How often the 95 lines are sent at once: 8 times, 55 KiB, so that a system call carries a good load
/// and a peer that stops reading makes the server hold no more than that.
const CYCLES_AT_ONCE: usize = 8;

/// Sends without end and swallows what comes.
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
    fn lines_are_those_of_the_rfc() {
        let text = |first| String::from_utf8(line(first).to_vec()).unwrap();
        assert!(text(0).starts_with(" !\"#$%&'()*+,-./0123456789"));
        assert!(text(0).ends_with("defg\r\n"));
        assert!(text(94).starts_with("~ !\"#"));
    }
}

//! What our own service wants on a connection that it made: how many messages it sends, and when it leaves.

use crate::bytes;
use crate::client::Step;
use crate::random::Random;
use crate::script;
use crate::websocket::{self, BINARY, TEXT};
use halloo::proto::{Config, Framing};

/// Bytes of a message that a charge for frames, a stamp, or a line that was begun may add.
const SLACK_BYTES: usize = 600;

/// Something that the service says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saying {
    /// A message: opcode and payload.
    Message(u8, Vec<u8>),
    Close,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Errand {
    framing: Framing,
    bytes_max: usize,
    /// Messages that are still to be sent.
    left: usize,
    /// How many are sent when it opens, before any reply.
    pub(crate) burst: usize,
    /// It leaves after the last message.
    leaves: bool,
    /// It does not wait for what is still to come then.
    is_hasty: bool,
    has_left: bool,
}

impl Errand {
    pub(crate) fn new(random: &mut Random, config: &Config) -> Self {
        let most = usize::try_from(config.limits.message_bytes_max).unwrap_or(usize::MAX);
        Self {
            framing: config.framing,
            bytes_max: most.saturating_sub(SLACK_BYTES),
            left: random.between(0, 12),
            burst: if random.one_in(3) { random.between(0, 12) } else { 1 },
            leaves: random.one_in(2),
            is_hasty: random.one_in(3),
            has_left: false,
        }
    }

    /// Whether it has left: what comes then is for nobody.
    pub(crate) fn is_over(&self) -> bool {
        self.has_left
    }

    /// What is said next; `is_settled` if everything that was said has come and been replied to.
    pub(crate) fn next(&mut self, is_settled: bool, random: &mut Random) -> Option<Saying> {
        if self.left == 0 {
            self.has_left |= self.leaves && (is_settled || self.is_hasty);
            return self.has_left.then_some(Saying::Close);
        }
        self.left -= 1;
        let Step::Message { text, bytes, .. } = script::message(random, false, self.bytes_max)
        else {
            return None;
        };
        let bytes = bytes.min(self.bytes_max);
        Some(match self.framing {
            Framing::WebSocket => {
                let opcode = if text { TEXT } else { BINARY };
                Saying::Message(opcode, websocket::payload(text, bytes, random))
            }
            framing => {
                Saying::Message(BINARY, bytes::utterance(framing, bytes.max(1), true, random))
            }
        })
    }
}

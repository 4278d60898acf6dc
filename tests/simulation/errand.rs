//! The task of our own service on an outgoing connection: how many messages it sends, and when it
//! closes.

use crate::bytes;
use crate::client::Step;
use crate::random::Random;
use crate::script;
use crate::websocket::{self, BINARY, TEXT};
use halloo::proto::{Config, Framing};

/// Bytes that a charge for frames, a time stamp, or an incomplete line may add to a message.
const SLACK_BYTES: usize = 600;

/// One output of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServiceOutput {
    /// A message: opcode and payload.
    Message(u8, Vec<u8>),
    Close,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Errand {
    framing: Framing,
    bytes_max: usize,
    /// Messages still to be sent.
    left: usize,
    /// Messages sent on opening, before any reply.
    pub(crate) burst: usize,
    /// It closes after the last message.
    leaves: bool,
    /// It closes without waiting for outstanding replies.
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

    /// Whether it has closed: later input is not delivered to it.
    pub(crate) fn is_over(&self) -> bool {
        self.has_left
    }

    /// The next output; `is_settled` if every message sent has arrived and has its reply.
    pub(crate) fn next(&mut self, is_settled: bool, random: &mut Random) -> Option<ServiceOutput> {
        if self.left == 0 {
            self.has_left |= self.leaves && (is_settled || self.is_hasty);
            return self.has_left.then_some(ServiceOutput::Close);
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
                ServiceOutput::Message(opcode, websocket::payload(text, bytes, random))
            }
            framing => ServiceOutput::Message(
                BINARY,
                bytes::stream_bytes(framing, bytes.max(1), true, random),
            ),
        })
    }
}

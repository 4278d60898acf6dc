//! Discards every message (RFC 863).

use super::{Context, Needs, Service};
use crate::proto::{Message, Outbox};

/// Discards every message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Service for Discard {
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn on_message(&mut self, _context: &Context, _message: Message<'_>, _outbox: &mut Outbox<'_>) {}
}

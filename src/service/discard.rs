//! Discards every message (RFC 863).

use super::{Context, Service};
use crate::proto::{Message, Outbox};

/// Discards every message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl Service for Discard {
    fn wants_whole_messages(&self) -> bool {
        false
    }

    fn on_message(&mut self, _context: &Context, _message: Message<'_>, _outbox: &mut Outbox<'_>) {}
}

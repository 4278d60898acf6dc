//! Sends every message back unchanged (RFC 862).

use super::{Context, Needs, Service};
use crate::proto::{Message, Outbox};

/// Sends every message back unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl Service for Echo {
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn on_message(&mut self, _context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        outbox.echo(message);
    }
}

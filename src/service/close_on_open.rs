//! Closes each connection as soon as it opens: a session then consists of its opening handshake and
//! authentication only.

use super::{Context, Needs, Service};
use crate::proto::{CloseCode, Message, Outbox};

/// Closes each connection with code 1000 as soon as it opens.
#[derive(Debug, Clone, Copy, Default)]
pub struct CloseOnOpen;

impl Service for CloseOnOpen {
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    fn on_open(&mut self, _context: &Context, outbox: &mut Outbox<'_>) {
        outbox.close(CloseCode::NORMAL);
    }

    fn on_message(&mut self, _context: &Context, _message: Message<'_>, _outbox: &mut Outbox<'_>) {}
}

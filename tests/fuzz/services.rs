//! The services that sessions are fuzzed with.

use halloo::proto::{Message, Outbox};
use halloo::service::{CloseAfter, Context, Discard, Echo, Service};

/// An echo that has its messages collected first.
struct Collecting;

impl Service for Collecting {
    fn on_message(&mut self, _context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        assert!(message.is_whole());
        outbox.echo(message);
    }
}

/// The service that answers nothing.
pub(crate) const SILENT: u8 = 3;

/// One of four, and whether it takes every message.
pub(crate) fn service(number: u8) -> (fn() -> Box<dyn Service>, bool) {
    match number {
        0 => (|| Box::new(Echo), true),
        1 => (|| Box::new(Collecting), true),
        2 => (|| Box::new(CloseAfter::new(2, Echo)), false),
        SILENT.. => (|| Box::new(Discard), true),
    }
}

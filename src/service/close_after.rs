//! Wraps another service and closes each connection after a given number of messages.

use super::{Context, Needs, Service};
use crate::proto::{CloseCode, End, Message, Outbox};

/// Wraps another service; closes each connection with code 1000 after a given number of messages.
#[derive(Debug, Clone)]
pub struct CloseAfter<S> {
    messages: u32,
    service: S,
}

impl<S: Service> CloseAfter<S> {
    /// Creates a service that closes after `messages` messages, at least 1.
    pub fn new(messages: u32, service: S) -> Self {
        Self { messages, service }
    }
}

impl<S: Service> Service for CloseAfter<S> {
    fn needs(&self) -> Needs {
        self.service.needs()
    }

    fn on_open(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        self.service.on_open(context, outbox);
    }

    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        let is_last = message.ends && context.messages >= self.messages;
        self.service.on_message(context, message, outbox);
        if is_last {
            outbox.close(CloseCode::NORMAL);
        }
    }

    fn on_writable(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        self.service.on_writable(context, outbox);
    }

    fn on_close(&mut self, context: &Context, end: End) {
        self.service.on_close(context, end);
    }
}

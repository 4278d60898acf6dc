//! The real services with checks around them: each call of the reactor is recorded and checked. On
//! outgoing connections the service runs an errand instead.

use crate::errand::ServiceOutput;
use crate::plan::{Plan, Serving};
use crate::sabotage::Bug;
use crate::websocket::TEXT;
use crate::world::SharedWorld;
use halloo::proto::{CloseCode, End, Kind, Message, Outbox};
use halloo::service::{CloseAfter, Context, Discard, Echo, Flood, Needs, Service, Timestamp};
use jiff::civil::date;
use std::rc::Rc;

pub(crate) struct Observed {
    world: SharedWorld,
    service: Box<dyn Service>,
}

impl Observed {
    pub(crate) fn new(world: &SharedWorld) -> Self {
        let service = service(&world.borrow().plan, world);
        Self { world: Rc::clone(world), service }
    }
}

fn service(plan: &Plan, world: &SharedWorld) -> Box<dyn Service> {
    match plan.serving {
        Serving::Echo => Box::new(Echo),
        Serving::Discard => Box::new(Discard),
        Serving::Flood => Box::new(Flood),
        Serving::CloseAfter(messages) => Box::new(CloseAfter::new(messages, Echo)),
        Serving::Timestamp => {
            let world = Rc::clone(world);
            let local_time = move || {
                let seconds = world.borrow().now / 1_000_000_000;
                date(2018, 5, 10).at(22, 0, 19, 0) + jiff::Span::new().seconds(seconds as i64)
            };
            Box::new(Timestamp::new(local_time))
        }
    }
}

/// Sends the next message, if there is one, on an outgoing connection.
pub(crate) fn send_next(world: &SharedWorld, at: usize, outbox: &mut Outbox<'_>) {
    let service_output = world.borrow_mut().next_service_output(at);
    match service_output {
        Some(ServiceOutput::Message(opcode, payload)) => {
            let kind = if opcode == TEXT { Kind::Text } else { Kind::Binary };
            outbox.send(kind, &[&payload]);
        }
        Some(ServiceOutput::Close) => outbox.close(CloseCode::NORMAL),
        None => {}
    }
}

impl Service for Observed {
    fn needs(&self) -> Needs {
        self.service.needs()
    }

    fn on_writable(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        self.service.on_writable(context, outbox);
    }

    fn on_open(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        self.world.borrow_mut().note_open(context.connection);
        let called = self.world.borrow().called(context.connection);
        if let Some(at) = called {
            let burst = self.world.borrow().burst(at);
            for _ in 0..burst {
                send_next(&self.world, at, outbox);
            }
            return;
        }
        self.service.on_open(context, outbox);
    }

    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        let bytes = message.payload.len();
        self.world.borrow_mut().note_message(context.connection, bytes, message.ends);
        let called = self.world.borrow().called(context.connection);
        if let Some(at) = called {
            self.world.borrow_mut().note_delivered(at, message.kind, message.payload);
            if message.ends {
                send_next(&self.world, at, outbox);
            }
            return;
        }
        if message.is_whole() {
            let kind = message.kind;
            let mut world = self.world.borrow_mut();
            if world.strikes(Bug::DroppedMessage) {
                return;
            }
            if world.strikes(Bug::DoubledMessage) {
                outbox.send(kind, &[message.payload]);
            }
            if world.strikes(Bug::ForeignMessage) {
                return outbox.send(kind, &[b"another client's message"]);
            }
        }
        self.service.on_message(context, message, outbox);
    }

    fn on_close(&mut self, context: &Context, end: End) {
        self.world.borrow_mut().judge_end(context.connection, end);
        self.service.on_close(context, end);
    }
}

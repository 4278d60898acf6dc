//! Steps through the input, and applies the consequences to the connection.

use super::flags::Flag;
use super::timing::tick;
use super::{Connection, Shared, context};
use crate::net::deadlines::Moment;
use crate::net::network::Stream;
use crate::proto::{CloseCode, End, Event, Stage, Status, Step};
use crate::service::{Milestone, Service};
use log::info;

impl<T: Stream> Connection<T> {
    /// Steps through all input, or until the batch is full.
    pub(super) fn step_all<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        loop {
            if shared.batch.is_full() {
                self.flags.set(Flag::InputLeft, !shared.batch.unread().is_empty());
                return;
            }
            let before = self.session.stage();
            let by = match self.session.step(shared.batch) {
                Ok(Status::Partial) => return,
                Ok(Status::Complete(step)) if !step.has_event() => {
                    if let Some(control) = step.control() {
                        let context = context(self.id, step.messages(), shared.now);
                        shared.service.on_control(&context, control);
                    }
                    self.session.peer_end()
                }
                Ok(Status::Complete(step)) => {
                    let is_progress = step.is_progress();
                    dispatch(step, self.id, shared.now, shared.service);
                    if is_progress {
                        self.active = shared.now.map_or(0, tick);
                    }
                    End::Service
                }
                Err(error) => {
                    self.session.fail(error, shared.batch);
                    End::Failed(error)
                }
            };
            let after = self.session.stage();
            if before == Stage::Handshake && after == Stage::Auth {
                shared.service.on_milestone(&self.context(shared.now), Milestone::Upgraded);
            }
            if after == Stage::Closing && before != after {
                self.end_with(by);
            }
            if after == Stage::Open && before != after {
                // Keepalive counts silence from here: earlier input was not the session's.
                self.flags.set(Flag::Active, false);
            }
            // A service may close the session in `on_open`: an event after Auth means that the peer
            // was admitted.
            if before < Stage::Open && after >= Stage::Open && by == End::Service {
                self.flags.set(Flag::Opening, false);
                self.flags.set(Flag::Unauthenticated, false);
                if before == Stage::Auth {
                    info!(peer:% = self.peer; "#{} authenticated", self.id);
                }
            }
        }
    }

    /// Closes our side too, after the step that the end of input completes or cuts short.
    pub(super) fn receive_eof<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        match self.session.receive_eof(shared.batch) {
            Ok(step) => dispatch(step, self.id, shared.now, shared.service),
            Err(error) => {
                self.end_with(End::Failed(error));
                self.session.fail(error, shared.batch);
            }
        }
        self.end_with(End::Peer);
        self.session.finish();
    }

    /// Closes the session once a stop was requested, all input was processed, and the peer is not
    /// in the middle of a message.
    pub(super) fn close_if_draining<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        let is_all_read = !self.flags.has(Flag::Readable) && !self.flags.has(Flag::InputLeft);
        let is_done =
            is_all_read && self.session.is_between_messages() && !self.stream.is_inside_record();
        if shared.draining && is_done && self.session.stage() != Stage::Closing {
            self.end_with(End::Drained);
            self.session.close(CloseCode::GOING_AWAY, shared.batch);
        }
    }
}

/// Passes a step's event to the service.
fn dispatch<S: Service>(step: Step<'_>, id: u64, now: Option<Moment>, service: &mut S) {
    let context = context(id, step.messages(), now);
    let (event, mut outbox) = step.unpack();
    match event {
        Some(Event::Message(message)) => {
            service.on_message(&context, message, &mut outbox);
        }
        Some(Event::Open) => service.on_open(&context, &mut outbox),
        None => {}
    }
}

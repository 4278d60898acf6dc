//! The stages Open and Closing: receives messages and control frames.

use super::step::Found;
use super::{Receiver, Session, Step};
use crate::proto::message::{Kind, Piece};
use crate::proto::send_buffer::SendBuffer;
use crate::proto::send_state::Stage;
use crate::proto::websocket::{Received, Rules};
use crate::proto::{Batch, CloseCode, Error, Role, Status};

impl Session {
    #[inline]
    pub(super) fn step_open<'b>(
        &'b mut self,
        batch: &'b mut Batch,
    ) -> Result<Status<Step<'b>>, Error> {
        if let Receiver::WebSocket(websocket) = &self.receiver
            && let Some((kind, place)) = websocket.receive_whole(batch, self.rules())?
        {
            self.messages = self.messages.saturating_add(1);
            let found = match kind {
                Kind::Text => Found::Text(place),
                Kind::Binary => Found::Binary(place),
            };
            return Ok(Status::Complete(Step::new(self, batch, found)));
        }
        self.step_slow(batch)
    }

    /// The slow path: everything except one frame that holds a complete message.
    #[inline(never)]
    fn step_slow<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        Ok(match self.receive_any(batch)? {
            Status::Partial => Status::Partial,
            Status::Complete(found) => Status::Complete(Step::new(self, batch, found)),
        })
    }

    /// Receives one piece or control frame, in any framing. Inlined because [`Found`] is large and
    /// would otherwise be copied for each message.
    #[inline(always)]
    fn receive_any(&mut self, batch: &mut Batch) -> Result<Status<Found>, Error> {
        let limit = self.config.limits.message_bytes_max;
        let whole_messages = self.config.whole_messages;
        let piece = match &mut self.receiver {
            Receiver::Raw => receive_read(batch),
            Receiver::Line(line) => {
                line.receive(batch, &mut self.unfinished, limit, whole_messages)?
            }
            Receiver::WebSocket(_) => match self.receive_frame(batch)? {
                Status::Partial => Status::Partial,
                Status::Complete(Received::Piece(piece)) => Status::Complete(Some(piece)),
                Status::Complete(control) => {
                    return Ok(Status::Complete(self.receive_control(batch, control)));
                }
            },
        };
        Ok(match piece {
            Status::Partial => Status::Partial,
            Status::Complete(None) => Status::Complete(Found::Nothing),
            Status::Complete(Some(piece)) => Status::Complete(self.finish_piece(batch, piece)?),
        })
    }

    fn receive_frame(&mut self, batch: &mut Batch) -> Result<Status<Received>, Error> {
        let rules = self.rules();
        let Receiver::WebSocket(websocket) = &mut self.receiver else { unreachable!() };
        websocket.receive(batch, &mut self.unfinished, rules)
    }

    #[inline]
    fn rules(&self) -> Rules {
        Rules {
            role: self.send_state.role,
            message_bytes_max: self.config.limits.message_bytes_max,
            whole_messages: self.config.whole_messages,
            compression: self.agreement.is_on(),
            skip_data: self.send_state.close_sent && !self.config.late_messages,
        }
    }

    /// Replies to control frames. RFC 6455 §5.4: they "MAY be injected in the middle of a
    /// fragmented message", and do not affect it.
    pub(super) fn receive_control(&mut self, batch: &mut Batch, received: Received) -> Found {
        let is_client = self.send_state.role == Role::Client;
        match received {
            Received::Ping(place) => {
                let (payload, output) = batch.lend(place);
                self.outbox_into(output).pong(payload);
            }
            Received::Close(code, place) => {
                if is_client {
                    let reason = batch.payload(place).get(2..).unwrap_or_default().to_vec();
                    batch.hold_assembled(SendBuffer::Heap(reason));
                }
                // 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close
                // frame, the endpoint MUST send a Close frame in response."
                self.outbox(batch).push_close(code);
                // 7.1.5: without a code, the close code "is considered to be 1005".
                self.send_state.peer_close_code = code.unwrap_or(CloseCode::NO_STATUS).0;
                self.send_state.discarding = true;
                self.send_state.stage = Stage::Closing;
                self.forget_received();
                return if is_client { Found::Close } else { Found::Nothing };
            }
            Received::Pong if is_client => return Found::Pong,
            Received::Pong | Received::Nothing | Received::Piece(_) => {}
        }
        Found::Nothing
    }

    /// Reads on until the peer's Close, then discards everything up to the end of input.
    pub(super) fn step_closing<'b>(
        &'b mut self,
        batch: &'b mut Batch,
    ) -> Result<Status<Step<'b>>, Error> {
        let unread = batch.unread().len();
        if unread == 0 {
            return Ok(Status::Partial);
        }
        if self.is_discarding() {
            batch.consume(unread);
            return Ok(Status::Complete(self.no_event(batch)));
        }
        let found = match self.receive_any(batch) {
            Ok(Status::Partial) => return Ok(Status::Partial),
            Ok(Status::Complete(found)) => found,
            // We have already closed, so the error cannot be reported to the peer.
            Err(_) => {
                self.send_state.discarding = true;
                self.forget_received();
                Found::Nothing
            }
        };
        Ok(Status::Complete(Step::new(self, batch, found)))
    }
}

/// Raw framing: the bytes of one read are one message.
fn receive_read(batch: &mut Batch) -> Status<Option<Piece>> {
    let count = batch.unread().len();
    if count == 0 {
        return Status::Partial;
    }
    let place = Some(batch.take_payload(count, None, 0));
    Status::Complete(Some(Piece::unframed(place, true, true)))
}

//! The stages Handshake and Auth: the opening handshake, then the challenge-response.

use super::step::Found;
use super::{Receiver, Session, Step};
use crate::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, UNAUTHENTICATED_BYTES_MAX};
use crate::proto::handshake::{self, NONCE_BYTES};
use crate::proto::http::{self, Head};
use crate::proto::message::Kind;
use crate::proto::send_state::Stage;
use crate::proto::websocket::{Received, Rules};
use crate::proto::{Batch, Config, Error, Framing, Role, Status, response};
use std::rc::Rc;

impl Session {
    pub(super) fn step_handshake<'b>(
        &'b mut self,
        batch: &'b mut Batch,
    ) -> Result<Status<Step<'b>>, Error> {
        match (self.config.framing, self.config.role) {
            (Framing::Line | Framing::Raw, _) => Ok(Status::Complete(self.enter_auth(batch))),
            (Framing::WebSocket, Role::Client) if !self.request_sent => {
                self.request_sent = true;
                let mut nonce = [0; 32];
                batch.fill_random(&mut nonce[..NONCE_BYTES]);
                self.unfinished.keep_nonce(nonce);
                let Config { offer, deflate, .. } = &*self.config;
                let request = handshake::request(offer, request_nonce(nonce), *deflate);
                batch.open_output().push(&request);
                Ok(Status::Complete(self.no_event(batch)))
            }
            (Framing::WebSocket, role) => self.step_head(batch, role),
        }
    }

    /// Reads the peer's request or response head.
    fn step_head<'b>(
        &'b mut self,
        batch: &'b mut Batch,
        role: Role,
    ) -> Result<Status<Step<'b>>, Error> {
        let malformed = match role {
            Role::Server => Error::RequestMalformed,
            Role::Client => Error::ResponseMalformed,
        };
        let head_bytes_max = self.config.limits.head_bytes_max;
        let found =
            http::find_end(batch.unread(), head_bytes_max, &mut self.early_bytes, malformed);
        let found = found.map_err(|error| match role {
            Role::Server => error,
            Role::Client => response::refusal(batch.unread(), error),
        });
        let Status::Complete(head_bytes) = found? else { return Ok(Status::Partial) };
        let head = &batch.unread()[..head_bytes];
        match role {
            Role::Server => {
                let Config { policy, deflate, .. } = &*self.config;
                let (response, agreement) = handshake::accept(head, policy, *deflate)?;
                self.agreement = agreement;
                batch.consume(head_bytes);
                batch.open_output().push(&response);
            }
            Role::Client if response::is_interim(Head::parse_response(head)?.status) => {
                batch.consume(head_bytes);
                self.early_bytes = 0;
                return Ok(Status::Complete(self.no_event(batch)));
            }
            Role::Client => {
                let nonce = self.unfinished.take_nonce().expect("the request was sent");
                let Config { offer, deflate, .. } = &*self.config;
                self.agreement = handshake::verify(head, offer, request_nonce(nonce), *deflate)?;
                batch.consume(head_bytes);
            }
        }
        Ok(Status::Complete(self.enter_auth(batch)))
    }

    /// Enters the Auth stage if authentication is configured; otherwise opens the session.
    fn enter_auth<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        if self.config.auth.is_none() {
            return self.open(batch);
        }
        self.send_state.stage = Stage::Auth;
        self.early_bytes = 0;
        if self.config.role == Role::Server {
            let mut challenge = [0; CHALLENGE_BYTES];
            batch.fill_random(&mut challenge);
            self.unfinished.keep_nonce(challenge);
            self.send_auth(batch, Kind::Binary, &challenge);
        }
        self.no_event(batch)
    }

    pub(super) fn step_auth<'b>(
        &'b mut self,
        batch: &'b mut Batch,
    ) -> Result<Status<Step<'b>>, Error> {
        let config = Rc::clone(&self.config);
        let auth = config.auth.as_ref().expect("the Auth stage needs a configuration");
        let status = match self.receiver {
            Receiver::WebSocket(_) => self.receive_auth_message(batch, auth)?,
            Receiver::Line(_) | Receiver::Raw => self.receive_auth_bytes(batch, auth)?,
        };
        Ok(match status {
            Status::Partial => Status::Partial,
            Status::Complete(Found::Open) => Status::Complete(self.open(batch)),
            Status::Complete(found) => Status::Complete(Step::new(self, batch, found)),
        })
    }

    /// Reads exactly the bytes of a bare challenge or response; the bytes after them belong to the
    /// service.
    fn receive_auth_bytes(
        &mut self,
        batch: &mut Batch,
        auth: &Auth,
    ) -> Result<Status<Found>, Error> {
        let wanted = match self.send_state.role {
            Role::Server => auth.response_bytes(),
            Role::Client => CHALLENGE_BYTES,
        };
        let Some(received) = batch.unread().get(..wanted) else { return Ok(Status::Partial) };
        match self.send_state.role {
            Role::Server => {
                let challenge = self.unfinished.take_nonce().expect("the challenge was sent");
                auth.verify_bare(&challenge, received)?;
                batch.consume(wanted);
            }
            Role::Client => {
                let response = auth.response(received);
                batch.consume(wanted);
                self.send_auth(batch, Kind::Binary, &response);
            }
        }
        Ok(Status::Complete(Found::Open))
    }

    /// Reads the one message that carries the challenge or response. Control frames may come before
    /// it and between its fragments.
    fn receive_auth_message(
        &mut self,
        batch: &mut Batch,
        auth: &Auth,
    ) -> Result<Status<Found>, Error> {
        let Status::Complete(received) = self.receive_auth_frame(batch)? else {
            return Ok(Status::Partial);
        };
        let piece = match received {
            Received::Piece(piece) => piece,
            control => return Ok(Status::Complete(self.receive_control(batch, control))),
        };
        let payload = match piece.place {
            Some(place) => batch.payload(place).to_vec(),
            None => self.unfinished.take_assembly().to_vec(),
        };
        match self.send_state.role {
            Role::Server => {
                let challenge = self.unfinished.take_nonce().expect("the challenge was sent");
                auth.verify_message(&challenge, piece.kind, &payload)?;
            }
            Role::Client if piece.kind == Kind::Binary && payload.len() == CHALLENGE_BYTES => {
                let kind = match auth.encoding {
                    Encoding::Raw => Kind::Binary,
                    Encoding::Hex => Kind::Text,
                };
                self.send_auth(batch, kind, &auth.response(&payload));
            }
            Role::Client => return Err(Error::ChallengeMalformed),
        }
        Ok(Status::Complete(Found::Open))
    }

    /// Reads a frame or a piece of one. A frame counts in full as soon as its header is complete,
    /// so that the limit does not depend on how the input is split into reads.
    fn receive_auth_frame(&mut self, batch: &mut Batch) -> Result<Status<Received>, Error> {
        let Receiver::WebSocket(websocket) = &mut self.receiver else { unreachable!() };
        let rules = Rules {
            role: self.send_state.role,
            // UNAUTHENTICATED_BYTES_MAX also limits the message.
            message_bytes_max: u64::MAX,
            whole_messages: true,
            // The challenge and the response are never compressed: secrets and data that the peer
            // chooses must not share a compression window.
            compression: false,
            skip_data: false,
        };
        let Status::Complete(frame_bytes) = websocket.next_frame_bytes(batch, rules)? else {
            return Ok(Status::Partial);
        };
        let charged = frame_bytes.saturating_add(self.early_bytes.into());
        if charged > UNAUTHENTICATED_BYTES_MAX {
            return Err(match self.send_state.role {
                Role::Server => Error::AuthTooLong,
                Role::Client => Error::ChallengeMalformed,
            });
        }
        let status = websocket.receive(batch, &mut self.unfinished, rules)?;
        if let Status::Complete(_) = status {
            self.early_bytes = charged as u16;
        }
        Ok(status)
    }

    /// Sends a challenge or a response: bare, or as one WebSocket message.
    fn send_auth(&mut self, batch: &mut Batch, kind: Kind, bytes: &[u8]) {
        let mut outbox = self.outbox(batch);
        if outbox.send_state.is_websocket {
            outbox.push_frame(kind.opcode(), &[bytes]);
        } else {
            outbox.push_bytes(bytes);
        }
    }

    fn open<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        self.send_state.stage = Stage::Open;
        Step::new(self, batch, Found::Open)
    }
}

fn request_nonce(nonce: [u8; 32]) -> [u8; NONCE_BYTES] {
    *nonce.first_chunk().expect("16 of 32 bytes")
}

//! One connection's protocol state, without I/O.
//!
//! The caller puts received bytes into a [`Batch`] and calls [`Session::step`] until it says
//! [`Status::Partial`]; answers collect in the same batch. What is left over, unread or unsent, is handed
//! back to the session between batches ([`Session::keep`]), and is all the heap it owns.

use super::auth::{Auth, CHALLENGE_BYTES, Encoding, UNAUTHENTICATED_BYTES_MAX};
use super::batch::Batch;
use super::config::{Config, Framing};
use super::end::End;
use super::error::{CloseCode, Error};
use super::handshake::{self, NONCE_BYTES};
use super::http;
use super::line::Line;
use super::outbox::{Kind, Message, Outbox};
use super::unfinished::Unfinished;
use super::websocket::{Piece, Received, Rules, WebSocket};
use super::{Role, Status};
use std::rc::Rc;

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The opening handshake. Line and raw framings have none and pass through.
    Handshake,
    /// Challenge and answer.
    Auth,
    /// Messages.
    Open,
    /// Our last words are said, or are in the backlog; what comes in is no longer for the service.
    Closing,
}

/// What a step has to report.
#[derive(Debug)]
pub enum Event<'a> {
    /// The stage is now [`Stage::Open`].
    Open,
    /// A message, or a piece of one.
    Message(Message<'a>),
}

/// The outcome of a complete step.
pub struct Step<'a> {
    /// What happened, if the service should know.
    pub event: Option<Event<'a>>,
    /// Where to answer it.
    pub outbox: Outbox<'a>,
    /// Whole messages received so far, with the one at hand if it ends.
    pub messages: u32,
}

/// What the sending half knows: all that an [`Outbox`] borrows of a session.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) role: Role,
    pub(crate) is_websocket: bool,
    pub(crate) stage: Stage,
    /// Our Close is sent, or, where there is none, our output has ended.
    pub(crate) close_sent: bool,
    /// The code in the peer's Close; 0 until it comes.
    peer_close_code: u16,
    /// What comes in means nothing any more: it is read and dropped.
    deaf: bool,
    /// A frame is being echoed piece by piece, and more of it is to come.
    pub(crate) is_mid_frame: bool,
}

impl Link {
    pub(crate) fn may_send(&self) -> bool {
        matches!(self.stage, Stage::Auth | Stage::Open) && !self.close_sent
    }
}

/// See the [module documentation](self).
#[derive(Debug)]
pub struct Session {
    config: Rc<Config>,
    link: Link,
    receiver: Receiver,
    unfinished: Unfinished,
    /// Whole messages received for the service so far; stops at the largest number.
    messages: u32,
    /// How far the end of the head was looked for.
    searched: u16,
    /// Our first words (request or challenge) are said.
    is_begun: bool,
}

#[derive(Debug)]
enum Receiver {
    WebSocket(WebSocket),
    Line(Line),
    Raw,
}

impl Session {
    /// A session that has neither sent nor received anything.
    pub fn new(config: Rc<Config>) -> Self {
        let link = Link {
            role: config.role,
            is_websocket: config.framing == Framing::WebSocket,
            stage: Stage::Handshake,
            close_sent: false,
            peer_close_code: 0,
            deaf: false,
            is_mid_frame: false,
        };
        let receiver = match config.framing {
            Framing::WebSocket => Receiver::WebSocket(WebSocket::default()),
            Framing::Line => Receiver::Line(Line::default()),
            Framing::Raw => Receiver::Raw,
        };
        Self {
            config,
            link,
            receiver,
            unfinished: Unfinished::default(),
            messages: 0,
            searched: 0,
            is_begun: false,
        }
    }

    /// Consumes at most one unit (head, answer, frame, line, read) from the front of `batch`.
    ///
    /// The first steps need no input: they say what is due first, such as a client's upgrade request.
    /// `Partial` means that nothing was consumed and nothing was changed.
    ///
    /// # Errors
    /// The rule the peer broke. Call [`fail`](Self::fail) with it; a session never recovers.
    pub fn step<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        match self.link.stage {
            Stage::Handshake => self.step_handshake(batch),
            Stage::Auth => self.step_auth(batch),
            Stage::Open => self.step_open(batch),
            Stage::Closing => self.step_closing(batch),
        }
    }

    /// Says that the peer will send no more. Call it once, when [`step`](Self::step) is `Partial`.
    ///
    /// # Errors
    /// What the end came too early for; then call [`fail`](Self::fail). Otherwise the session is closing,
    /// and the step may bring a last line.
    pub fn receive_eof<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Step<'b>, Error> {
        match (self.link.stage, &mut self.receiver) {
            (Stage::Handshake, _) if batch.unread().is_empty() => Ok(self.nothing(batch)),
            (Stage::Handshake, _) => Err(Error::HandshakeTruncated),
            (Stage::Auth, _) => Err(Error::AuthTruncated),
            (Stage::Open, Receiver::WebSocket(_)) => Err(Error::ClosedAbnormally),
            (Stage::Open, Receiver::Line(line)) => match line.finish(&self.unfinished) {
                Some(piece) => Ok(self.lend(batch, piece)),
                None => Ok(self.nothing(batch)),
            },
            _ => Ok(self.nothing(batch)),
        }
    }

    /// Queues the last words for an error (an HTTP answer, or a close frame with its code; nothing on
    /// line and raw framings) and is deaf from then on.
    pub fn fail(&mut self, error: Error, batch: &mut Batch) {
        let mut outbox = Outbox { link: &mut self.link, answers: batch.open_answers() };
        match outbox.link.stage {
            Stage::Handshake if outbox.link.is_websocket && outbox.link.role == Role::Server => {
                outbox.push_bytes(&handshake::refusal(error));
            }
            Stage::Auth | Stage::Open if error != Error::ClosedAbnormally => {
                outbox.push_close(Some(error.close_code()));
            }
            _ => {}
        }
        self.link.stage = Stage::Closing;
        self.link.close_sent = true;
        self.link.deaf = true;
        self.unfinished.take_assembly();
        self.unfinished.take_nonce();
    }

    /// Begins to close from our side, with our own reason.
    pub fn close(&mut self, code: CloseCode, batch: &mut Batch) {
        match self.link.stage {
            Stage::Handshake => self.fail(Error::ServiceUnavailable, batch),
            Stage::Auth => {
                Outbox { link: &mut self.link, answers: batch.open_answers() }
                    .push_close(Some(code));
                self.link.stage = Stage::Closing;
            }
            Stage::Open => self.outbox(batch).close(code),
            Stage::Closing => {}
        }
    }

    /// Begins to close after the end of input, when everything was answered.
    pub fn finish(&mut self) {
        self.link.stage = Stage::Closing;
        self.link.close_sent = true;
        self.link.deaf = true;
    }

    /// Forgets everything: the stream is gone, and nothing can be sent or received any more.
    pub fn abandon(&mut self) {
        self.finish();
        self.unfinished = Unfinished::default();
    }

    /// What the passing of the current stage's deadline means.
    pub fn timeout_error(&self) -> Error {
        match self.link.stage {
            Stage::Handshake => Error::HandshakeTimeout,
            Stage::Auth => Error::AuthTimeout,
            Stage::Open => Error::IdleTimeout,
            Stage::Closing => Error::CloseTimeout,
        }
    }

    /// Where to send what answers nothing.
    pub fn outbox<'b>(&'b mut self, batch: &'b mut Batch) -> Outbox<'b> {
        Outbox { link: &mut self.link, answers: batch.open_answers() }
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.link.stage
    }

    /// Whether a stop may close the session now: it is not in the middle of a message.
    pub fn is_between_messages(&self) -> bool {
        match &self.receiver {
            _ if self.link.stage != Stage::Open => true,
            Receiver::WebSocket(websocket) => !websocket.is_in_message(),
            Receiver::Line(line) => !line.is_in_message(),
            Receiver::Raw => true,
        }
    }

    /// Whether we should end our output once everything is sent. A WebSocket client leaves that to the
    /// server: RFC 6455 §7.1.1, "the server ... closes the connection immediately".
    pub fn wants_shutdown(&self) -> bool {
        self.link.stage == Stage::Closing
            && (self.link.role == Role::Server || !self.link.is_websocket || self.link.deaf)
    }

    /// Whether both sides have said Close (RFC 6455 §7.1.4, "closed cleanly").
    pub fn is_cleanly_closed(&self) -> bool {
        self.link.close_sent && self.link.peer_close_code != 0
    }

    /// What a close frame of the peer says about the end.
    pub fn peer_end(&self) -> End {
        match CloseCode(self.link.peer_close_code) {
            CloseCode(0) | CloseCode::NO_STATUS => End::Peer,
            code => End::PeerWithCode(code),
        }
    }

    /// Whole messages received for the service so far.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// What the session is configured for.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Unread bytes from the last batch, with which the next one begins.
    pub fn tail(&self) -> &[u8] {
        self.unfinished.tail()
    }

    /// Bytes for the peer that could not be sent yet.
    pub fn pending(&self) -> &[u8] {
        self.unfinished.backlog()
    }

    /// Says that the first `written` bytes of [`pending`](Self::pending) were sent.
    pub fn advance(&mut self, written: usize) {
        self.unfinished.advance_backlog(written);
        self.unfinished.release();
    }

    /// Ends a batch: keeps what is unread, and of the answers what was not among the first `sent` bytes.
    pub fn keep(&mut self, batch: &Batch, sent: usize) {
        self.unfinished.keep_tail(batch.unread());
        let mut sent = sent;
        for answers in batch.answers() {
            let gone = sent.min(answers.len());
            self.unfinished.keep_backlog(&answers[gone..]);
            sent -= gone;
        }
        self.unfinished.release();
    }

    /// Bytes of heap this session owns: zero unless something is unfinished.
    pub fn heap_bytes(&self) -> usize {
        self.unfinished.heap_bytes()
    }

    fn step_handshake<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        match (self.config.framing, self.config.role) {
            (Framing::Line | Framing::Raw, _) => Ok(Status::Complete(self.enter_auth(batch))),
            (Framing::WebSocket, Role::Client) if !self.is_begun => {
                self.is_begun = true;
                let mut nonce = [0; 32];
                batch.fill_random(&mut nonce[..NONCE_BYTES]);
                self.unfinished.keep_nonce(nonce);
                let request = handshake::request(&self.config.offer, request_nonce(nonce));
                batch.open_answers().push(&request);
                Ok(Status::Complete(self.nothing(batch)))
            }
            (Framing::WebSocket, role) => self.step_head(batch, role),
        }
    }

    /// Takes the other side's head.
    fn step_head<'b>(
        &'b mut self,
        batch: &'b mut Batch,
        role: Role,
    ) -> Result<Status<Step<'b>>, Error> {
        let malformed = match role {
            Role::Server => Error::RequestMalformed,
            Role::Client => Error::ResponseMalformed,
        };
        let found = http::find_end(batch.unread(), &mut self.searched, malformed)?;
        let Status::Complete(head_bytes) = found else { return Ok(Status::Partial) };
        let head = &batch.unread()[..head_bytes];
        match role {
            Role::Server => {
                let response = handshake::accept(head, &self.config.policy)?;
                batch.consume(head_bytes);
                batch.open_answers().push(&response);
            }
            Role::Client => {
                let nonce = self.unfinished.take_nonce().expect("the request was sent");
                handshake::verify(head, &self.config.offer, request_nonce(nonce))?;
                batch.consume(head_bytes);
            }
        }
        Ok(Status::Complete(self.enter_auth(batch)))
    }

    /// Goes on to authentication, where there is any, or opens.
    fn enter_auth<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        if self.config.auth.is_none() {
            return self.open(batch);
        }
        self.link.stage = Stage::Auth;
        if self.config.role == Role::Server {
            let mut challenge = [0; CHALLENGE_BYTES];
            batch.fill_random(&mut challenge);
            self.unfinished.keep_nonce(challenge);
            self.send_auth(batch, Kind::Binary, &challenge);
        }
        self.nothing(batch)
    }

    fn step_auth<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        let config = Rc::clone(&self.config);
        let auth = config.auth.as_ref().expect("the stage Auth is only entered with it");
        let status = match self.receiver {
            Receiver::WebSocket(_) => self.receive_auth_message(batch, auth)?,
            Receiver::Line(_) | Receiver::Raw => self.receive_auth_bytes(batch, auth)?,
        };
        Ok(match status {
            Status::Partial => Status::Partial,
            Status::Complete(false) => Status::Complete(self.nothing(batch)),
            Status::Complete(true) => Status::Complete(self.open(batch)),
        })
    }

    /// Takes exactly the bytes that are due; what is behind them already belongs to the service.
    fn receive_auth_bytes(
        &mut self,
        batch: &mut Batch,
        auth: &Auth,
    ) -> Result<Status<bool>, Error> {
        let wanted = match self.link.role {
            Role::Server => auth.answer_bytes(),
            Role::Client => CHALLENGE_BYTES,
        };
        let Some(received) = batch.unread().get(..wanted) else { return Ok(Status::Partial) };
        match self.link.role {
            Role::Server => {
                let challenge = self.unfinished.take_nonce().expect("the challenge was sent");
                auth.verify_bare(&challenge, received)?;
                batch.consume(wanted);
            }
            Role::Client => {
                let answer = auth.answer(received);
                batch.consume(wanted);
                self.send_auth(batch, Kind::Binary, &answer);
            }
        }
        Ok(Status::Complete(true))
    }

    /// Takes the one message that is due. Control frames may come in between.
    fn receive_auth_message(
        &mut self,
        batch: &mut Batch,
        auth: &Auth,
    ) -> Result<Status<bool>, Error> {
        let Receiver::WebSocket(websocket) = &mut self.receiver else { unreachable!() };
        let rules = Rules {
            role: self.link.role,
            message_bytes_max: UNAUTHENTICATED_BYTES_MAX,
            whole_messages: true,
            skip_data: false,
        };
        let received = match websocket.receive(batch, &mut self.unfinished, rules) {
            Ok(Status::Complete(received)) => received,
            Ok(Status::Partial) => return Ok(Status::Partial),
            Err(Error::MessageTooBig) => return Err(self.wrong_auth_length()),
            Err(error) => return Err(error),
        };
        let piece = match received {
            Received::Piece(piece) => piece,
            control => {
                self.receive_control(batch, control);
                return Ok(Status::Complete(false));
            }
        };
        let payload = match piece.place {
            Some(place) => batch.payload(place).to_vec(),
            None => self.unfinished.take_assembly(),
        };
        match self.link.role {
            Role::Server => {
                let challenge = self.unfinished.take_nonce().expect("the challenge was sent");
                auth.verify_message(&challenge, piece.kind, &payload)?;
            }
            Role::Client if piece.kind == Kind::Binary && payload.len() == CHALLENGE_BYTES => {
                let kind = match auth.encoding {
                    Encoding::Raw => Kind::Binary,
                    Encoding::Hex => Kind::Text,
                };
                self.send_auth(batch, kind, &auth.answer(&payload));
            }
            Role::Client => return Err(Error::ChallengeMalformed),
        }
        Ok(Status::Complete(true))
    }

    fn wrong_auth_length(&self) -> Error {
        match self.link.role {
            Role::Server => Error::AuthLength,
            Role::Client => Error::ChallengeMalformed,
        }
    }

    /// Sends a challenge or an answer: bare, or as one message.
    fn send_auth(&mut self, batch: &mut Batch, kind: Kind, bytes: &[u8]) {
        let mut outbox = self.outbox(batch);
        if outbox.link.is_websocket {
            outbox.push_frame(kind.opcode(), &[bytes]);
        } else {
            outbox.push_bytes(bytes);
        }
    }

    fn open<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        self.link.stage = Stage::Open;
        self.report(batch, Some(Event::Open))
    }

    fn step_open<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
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
                    self.receive_control(batch, control);
                    Status::Complete(None)
                }
            },
        };
        Ok(match piece {
            Status::Partial => Status::Partial,
            Status::Complete(None) => Status::Complete(self.nothing(batch)),
            Status::Complete(Some(piece)) => Status::Complete(self.lend(batch, piece)),
        })
    }

    fn receive_frame(&mut self, batch: &mut Batch) -> Result<Status<Received>, Error> {
        let Receiver::WebSocket(websocket) = &mut self.receiver else { unreachable!() };
        let rules = Rules {
            role: self.link.role,
            message_bytes_max: self.config.limits.message_bytes_max,
            whole_messages: self.config.whole_messages,
            skip_data: self.link.close_sent,
        };
        websocket.receive(batch, &mut self.unfinished, rules)
    }

    /// Answers control frames. RFC 6455 §5.4: they "MAY be injected in the middle of a fragmented
    /// message", and do not touch it.
    fn receive_control(&mut self, batch: &mut Batch, received: Received) {
        match received {
            Received::Ping(place) => {
                let (payload, answers) = batch.lend(place);
                Outbox { link: &mut self.link, answers }.pong(payload);
            }
            Received::Close(code) => {
                // 5.5.1: "If an endpoint receives a Close frame and did not previously send a Close
                // frame, the endpoint MUST send a Close frame in response."
                self.outbox(batch).push_close(code);
                // 7.1.5: without a code, it "is considered to be 1005".
                self.link.peer_close_code = code.unwrap_or(CloseCode::NO_STATUS).0;
                self.link.deaf = true;
                self.link.stage = Stage::Closing;
                self.unfinished.take_assembly();
            }
            Received::Pong | Received::Nothing | Received::Piece(_) => {}
        }
    }

    /// Reads on, only to see the peer's Close and then the end.
    fn step_closing<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        let unread = batch.unread().len();
        if unread == 0 {
            return Ok(Status::Partial);
        }
        if self.link.deaf || !self.link.is_websocket {
            batch.consume(unread);
            return Ok(Status::Complete(self.nothing(batch)));
        }
        match self.receive_frame(batch) {
            Ok(Status::Partial) => return Ok(Status::Partial),
            Ok(Status::Complete(control)) => self.receive_control(batch, control),
            // Nothing can be said about it any more.
            Err(_) => self.link.deaf = true,
        }
        Ok(Status::Complete(self.nothing(batch)))
    }

    /// Lends a piece to the service.
    fn lend<'b>(&'b mut self, batch: &'b mut Batch, piece: Piece) -> Step<'b> {
        let Piece { place, kind, begins, ends, answer, ends_frame } = piece;
        if ends {
            self.messages = self.messages.saturating_add(1);
        }
        let (payload, answers) = match place {
            Some(place) => batch.lend(place),
            None => batch.lend_assembled(self.unfinished.take_assembly()),
        };
        let message = Message { kind, payload, begins, ends, answer, ends_frame };
        let outbox = Outbox { link: &mut self.link, answers };
        Step { event: Some(Event::Message(message)), outbox, messages: self.messages }
    }

    fn nothing<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        self.report(batch, None)
    }

    fn report<'b>(&'b mut self, batch: &'b mut Batch, event: Option<Event<'b>>) -> Step<'b> {
        let messages = self.messages;
        Step { event, outbox: self.outbox(batch), messages }
    }
}

/// Raw framing: what one read brings is a message.
fn receive_read(batch: &mut Batch) -> Status<Option<Piece>> {
    let count = batch.unread().len();
    if count == 0 {
        return Status::Partial;
    }
    let place = Some(batch.take_payload(count, None, 0));
    Status::Complete(Some(Piece::unframed(place, true, true)))
}

fn request_nonce(nonce: [u8; 32]) -> [u8; NONCE_BYTES] {
    *nonce.first_chunk().expect("16 of 32 bytes")
}

//! One connection's protocol state, without I/O.
//!
//! The caller puts received bytes into a [`Batch`] and calls [`Session::step`] until it says
//! [`Status::Partial`]; answers collect in the same batch. What is left over, unread or unsent, is handed
//! back to the session between batches ([`Session::keep`]), and is all the heap it owns.

mod opening;
mod receiving;
mod step;

pub use step::{Control, Event, Step};

use super::batch::{Batch, Output};
use super::config::{Config, Framing};
use super::deflate::Agreement;
use super::end::End;
use super::error::{CloseCode, Error};
use super::handshake;
use super::line::Line;
use super::message::{Kind, Piece};
use super::outbox::Outbox;
use super::send_buffer::SendBuffer;
use super::send_state::{SendState, Stage};
use super::unfinished::Unfinished;
use super::websocket::WebSocket;
use super::{Role, Status};
use std::rc::Rc;
use step::Found;

/// See the [module documentation](self).
#[derive(Debug)]
pub struct Session {
    config: Rc<Config>,
    send_state: SendState,
    receiver: Receiver,
    unfinished: Unfinished,
    /// Whole messages received for the service so far; stops at the largest number.
    messages: u32,
    /// In the stage Handshake, how far the end of the head was looked for; in the stage Auth, the bytes of
    /// the frames that came, counting announced ones.
    early_bytes: u16,
    /// Our first words (request or challenge) are said.
    is_begun: bool,
    /// What was agreed on about compression.
    agreement: Agreement,
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
        let send_state = SendState {
            role: config.role,
            is_websocket: config.framing == Framing::WebSocket,
            stage: Stage::Handshake,
            close_sent: false,
            peer_close_code: 0,
            discarding: false,
            is_mid_frame: false,
        };
        let receiver = match config.framing {
            Framing::WebSocket => Receiver::WebSocket(WebSocket::default()),
            Framing::Line => Receiver::Line(Line::default()),
            Framing::Raw => Receiver::Raw,
        };
        Self {
            config,
            send_state,
            receiver,
            unfinished: Unfinished::default(),
            messages: 0,
            early_bytes: 0,
            is_begun: false,
            agreement: Agreement::default(),
        }
    }

    /// Consumes at most one unit (head, answer, frame, line, read) from the front of `batch`.
    ///
    /// The first steps need no input: they say what is due first, such as a client's upgrade request.
    /// `Partial` means that nothing was consumed and nothing was changed.
    ///
    /// # Errors
    /// The rule the peer broke. Call [`fail`](Self::fail) with it; a session never recovers.
    #[inline]
    pub fn step<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        match self.send_state.stage {
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
        let is_discarding = self.is_discarding();
        match (self.send_state.stage, &mut self.receiver) {
            (Stage::Handshake, _) if batch.unread().is_empty() => Ok(self.nothing(batch)),
            (Stage::Handshake, _) => Err(Error::HandshakeTruncated),
            (Stage::Auth, _) => Err(Error::AuthTruncated),
            (Stage::Open, Receiver::WebSocket(_)) => Err(Error::ClosedAbnormally),
            (Stage::Open | Stage::Closing, Receiver::Line(line)) if !is_discarding => {
                match line.finish(&self.unfinished) {
                    Some(piece) => {
                        let found = self.found(batch, piece)?;
                        Ok(Step::new(self, batch, found))
                    }
                    None => Ok(self.nothing(batch)),
                }
            }
            _ => Ok(self.nothing(batch)),
        }
    }

    /// Queues the last words for an error (an HTTP answer, or a close frame with its code; nothing on
    /// line and raw framings) and is deaf from then on.
    pub fn fail(&mut self, error: Error, batch: &mut Batch) {
        let is_refusal = self.send_state.stage == Stage::Handshake
            && self.send_state.is_websocket
            && self.send_state.role == Role::Server;
        let refusal = is_refusal.then(|| handshake::refusal(error, batch.unread()));
        let mut outbox = self.outbox(batch);
        match outbox.send_state.stage {
            Stage::Handshake => {
                if let Some(refusal) = refusal {
                    outbox.push_bytes(&refusal);
                }
            }
            Stage::Auth | Stage::Open if error != Error::ClosedAbnormally => {
                outbox.push_close(Some(error.close_code()));
            }
            _ => {}
        }
        self.send_state.stage = Stage::Closing;
        self.send_state.close_sent = true;
        self.send_state.discarding = true;
        self.forget_received();
    }

    /// Begins to close from our side, with our own reason.
    pub fn close(&mut self, code: CloseCode, batch: &mut Batch) {
        match self.send_state.stage {
            Stage::Handshake => self.fail(Error::ServiceUnavailable, batch),
            Stage::Auth | Stage::Open => {
                self.outbox(batch).close(code);
                self.forget_received();
            }
            Stage::Closing => {}
        }
    }

    /// Begins to close after the end of input, when everything was answered.
    pub fn finish(&mut self) {
        self.send_state.stage = Stage::Closing;
        self.send_state.close_sent = true;
        self.send_state.discarding = true;
    }

    /// Forgets everything: the stream is gone, and nothing can be sent or received any more.
    pub fn abort(&mut self) {
        self.finish();
        self.unfinished = Unfinished::default();
    }

    /// Says what is due when the current stage's deadline has passed, and returns what that means.
    pub fn time_out(&mut self, batch: &mut Batch) -> Error {
        let error = self.timeout_error();
        match self.send_state.stage {
            // Before a WebSocket is open there is an HTTP answer for it.
            Stage::Handshake => self.fail(error, batch),
            // The peer may be slow, but it broke no rule and can answer a Close.
            Stage::Auth | Stage::Open => self.close(error.close_code(), batch),
            Stage::Closing => self.abort(),
        }
        error
    }

    /// What the passing of the current stage's deadline means.
    pub fn timeout_error(&self) -> Error {
        match self.send_state.stage {
            Stage::Handshake => Error::HandshakeTimeout,
            Stage::Auth => Error::AuthTimeout,
            Stage::Open => Error::IdleTimeout,
            Stage::Closing => Error::CloseTimeout,
        }
    }

    /// Where to send what answers nothing.
    pub fn outbox<'b>(&'b mut self, batch: &'b mut Batch) -> Outbox<'b> {
        self.outbox_into(batch.open_output())
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.send_state.stage
    }

    /// Whether a stop may close the session now: it is not in the middle of a message.
    pub fn is_between_messages(&self) -> bool {
        match &self.receiver {
            _ if self.send_state.stage != Stage::Open => true,
            Receiver::WebSocket(websocket) => !websocket.is_in_message(),
            Receiver::Line(line) => !line.is_in_message(),
            Receiver::Raw => true,
        }
    }

    /// Bytes of the message in progress that were received so far; 0 between messages.
    pub fn message_bytes(&self) -> u64 {
        match &self.receiver {
            Receiver::WebSocket(websocket) => websocket.message_bytes(),
            Receiver::Line(line) => line.message_bytes(),
            Receiver::Raw => 0,
        }
    }

    /// Whether we should end our output once everything is sent. A WebSocket client leaves that to the
    /// server: RFC 6455 §7.1.1, "the underlying TCP connection, in most normal cases, SHOULD be closed first
    /// by the server". A server waits for the Close that answers its own, or clients that take an end of
    /// input for a loss would not see a closing handshake.
    pub fn wants_shutdown(&self) -> bool {
        self.send_state.stage == Stage::Closing
            && match (self.send_state.is_websocket, self.send_state.role) {
                (false, _) => true,
                (true, Role::Server) => !self.awaits_close(),
                (true, Role::Client) => self.send_state.discarding && !self.is_cleanly_closed(),
            }
    }

    /// Whether a server has said Close, though it may still wait to be sent, and the peer's is to come.
    pub fn awaits_close(&self) -> bool {
        self.send_state.stage == Stage::Closing
            && self.send_state.is_websocket
            && self.send_state.role == Role::Server
            && !self.send_state.discarding
            && !self.send_state.is_mid_frame
    }

    /// Waits no longer for the peer's Close: whatever comes in is dropped from now on.
    pub fn stop_awaiting_close(&mut self) {
        debug_assert!(self.awaits_close(), "only who waits can give up");
        self.send_state.discarding = true;
        self.forget_received();
        self.unfinished.drop_tail();
        self.unfinished.release();
    }

    /// Whether both sides have said Close (RFC 6455 §7.1.4, "closed cleanly").
    pub fn is_cleanly_closed(&self) -> bool {
        self.send_state.close_sent && self.send_state.peer_close_code != 0
    }

    /// What a close frame of the peer says about the end.
    pub fn peer_end(&self) -> End {
        match CloseCode(self.send_state.peer_close_code) {
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
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`]: what is kept has gaps. [`abort`](Self::abandon) it.
    pub fn keep(&mut self, batch: &Batch, sent: usize) -> Result<(), Error> {
        let tail = if self.is_discarding() { &[] } else { batch.unread() };
        let output = batch.output();
        let is_all_sent = sent == output[0].len() + output[1].len();
        if tail.is_empty() && is_all_sent && self.unfinished.is_nothing() {
            return Ok(());
        }
        match tail {
            [] => self.unfinished.drop_tail(),
            tail => self.unfinished.keep_tail(tail)?,
        }
        let mut sent = sent;
        for output in output {
            let gone = sent.min(output.len());
            if gone < output.len() {
                self.unfinished.keep_backlog(&output[gone..])?;
            }
            sent -= gone;
        }
        self.unfinished.release();
        Ok(())
    }

    /// Bytes of heap this session owns: zero unless something is unfinished.
    pub fn heap_bytes(&self) -> usize {
        self.unfinished.heap_bytes()
    }

    /// Whether what comes in means nothing any more.
    fn is_discarding(&self) -> bool {
        let has_end = self.send_state.is_websocket || self.config.late_messages;
        self.send_state.stage == Stage::Closing && (self.send_state.discarding || !has_end)
    }

    /// Drops what was received in part: it will not be completed.
    pub(crate) fn forget_received(&mut self) {
        if self.send_state.stage == Stage::Closing
            && !self.is_discarding()
            && self.config.late_messages
        {
            return;
        }
        self.unfinished.take_assembly();
        self.unfinished.take_nonce();
    }

    #[inline]
    fn outbox_into<'b>(&'b mut self, output: Output<'b>) -> Outbox<'b> {
        let deflate = self.config.deflate.filter(|_| self.agreement.is_on());
        Outbox {
            send_state: &mut self.send_state,
            unfinished: &mut self.unfinished,
            agreement: self.agreement,
            compress_from: deflate.map_or(usize::MAX, |settings| settings.message_bytes_min),
            output,
        }
    }

    /// Decompresses a message that is all there.
    #[inline(never)]
    fn inflate(&mut self, batch: &mut Batch, piece: &Piece) -> Result<SendBuffer, Error> {
        let limit = usize::try_from(self.config.limits.message_bytes_max).unwrap_or(usize::MAX);
        let takeover = self.agreement.receive_takeover();
        let assembled = self.unfinished.take_assembly();
        let history = match takeover {
            true => self.unfinished.received_history().bytes(),
            false => &[],
        };
        // The one before is answered.
        batch.release_message();
        let message = match piece.place.clone() {
            Some(place) => batch.inflate(place, history, limit)?,
            None => batch.inflate_assembled(&assembled, history, limit)?,
        };
        if piece.kind == Kind::Text && std::str::from_utf8(&message).is_err() {
            return Err(Error::InvalidUtf8);
        }
        if takeover {
            self.unfinished.received_history().extend(&message)?;
        }
        Ok(message)
    }

    /// What a step found: a piece for the service.
    fn found(&mut self, batch: &mut Batch, mut piece: Piece) -> Result<Found, Error> {
        if piece.compressed {
            let message = self.inflate(batch, &piece)?;
            piece.place = None;
            batch.hold_assembled(message);
        } else if piece.place.is_none() {
            self.hand_over_assembly(batch);
        }
        if piece.ends {
            self.messages = self.messages.saturating_add(1);
        }
        Ok(Found::Piece(piece))
    }

    /// Gives the batch what was collected.
    #[inline(never)]
    fn hand_over_assembly(&mut self, batch: &mut Batch) {
        batch.hold_assembled(self.unfinished.take_assembly());
    }

    fn nothing<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        Step::new(self, batch, Found::Nothing)
    }
}

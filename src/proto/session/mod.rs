//! One connection's protocol state, without I/O.
//!
//! The caller puts received bytes into a [`Batch`] and calls [`Session::step`] until it returns
//! [`Status::Partial`]; output accumulates in the same batch. Between batches,
//! [`Session::keep`] stores the unread input and the unsent output in the session.
//! A session allocates heap only for unfinished work.

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
    /// Complete messages received for the service so far; saturates.
    messages: u32,
    /// In the Handshake stage: bytes already searched for the end of the head. In the Auth stage:
    /// bytes of all frames received, each counted in full once its header is known.
    early_bytes: u16,
    /// The client's upgrade request is in the output.
    request_sent: bool,
    /// The negotiated compression parameters.
    agreement: Agreement,
}

#[derive(Debug)]
enum Receiver {
    WebSocket(WebSocket),
    Line(Line),
    Raw,
}

impl Session {
    /// Creates a session that has neither sent nor received anything.
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
            request_sent: false,
            agreement: Agreement::default(),
        }
    }

    /// Consumes at most one unit (head, auth response, frame, line, read) from the front of
    /// `batch`.
    ///
    /// The first steps need no input: they write the output that opens the exchange, such as a
    /// client's upgrade request. `Partial` means that nothing was consumed and nothing was changed.
    ///
    /// # Errors
    /// The rule that the peer broke. Call [`fail`](Self::fail) with it; a session never recovers.
    #[inline]
    pub fn step<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Status<Step<'b>>, Error> {
        match self.send_state.stage {
            Stage::Handshake => self.step_handshake(batch),
            Stage::Auth => self.step_auth(batch),
            Stage::Open => self.step_open(batch),
            Stage::Closing => self.step_closing(batch),
        }
    }

    /// Processes the end of input. Call it once, after [`step`](Self::step) returned `Partial`.
    ///
    /// On line framing, the returned step may carry a last line without a newline.
    ///
    /// # Errors
    /// The input ended too early: in the middle of the opening handshake, during authentication, or
    /// on a WebSocket without a Close frame. Call [`fail`](Self::fail) with the error.
    pub fn receive_eof<'b>(&'b mut self, batch: &'b mut Batch) -> Result<Step<'b>, Error> {
        let is_discarding = self.is_discarding();
        match (self.send_state.stage, &mut self.receiver) {
            (Stage::Handshake, _) if batch.unread().is_empty() => Ok(self.no_event(batch)),
            (Stage::Handshake, _) => Err(Error::HandshakeTruncated),
            (Stage::Auth, _) => Err(Error::AuthTruncated),
            (Stage::Open, Receiver::WebSocket(_)) => Err(Error::ClosedAbnormally),
            (Stage::Open | Stage::Closing, Receiver::Line(line)) if !is_discarding => {
                match line.finish(&self.unfinished) {
                    Some(piece) => {
                        let found = self.finish_piece(batch, piece)?;
                        Ok(Step::new(self, batch, found))
                    }
                    None => Ok(self.no_event(batch)),
                }
            }
            _ => Ok(self.no_event(batch)),
        }
    }

    /// Queues the Close frame or HTTP response for `error` (nothing on line and raw framings). All
    /// further input is discarded.
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

    /// Starts to close from our side, with `code`; in the Handshake stage, fails with
    /// [`Error::ServiceUnavailable`] instead.
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

    /// Closes after the end of input, once all output is queued.
    pub fn finish(&mut self) {
        self.send_state.stage = Stage::Closing;
        self.send_state.close_sent = true;
        self.send_state.discarding = true;
    }

    /// Drops all state: the stream is gone, and nothing can be sent or received any more.
    pub fn abort(&mut self) {
        self.finish();
        self.unfinished = Unfinished::default();
    }

    /// Handles an expired deadline of the current stage and returns the resulting error.
    ///
    /// Queues an HTTP response in the Handshake stage and a Close frame in Auth and Open; aborts in
    /// Closing.
    pub fn time_out(&mut self, batch: &mut Batch) -> Error {
        let error = self.timeout_error();
        match self.send_state.stage {
            // Before a WebSocket is open, the timeout has an HTTP response.
            Stage::Handshake => self.fail(error, batch),
            // The peer may be slow, but it broke no rule and can reply to a Close.
            Stage::Auth | Stage::Open => self.close(error.close_code(), batch),
            Stage::Closing => self.abort(),
        }
        error
    }

    /// The error for an expired deadline of the current stage.
    pub fn timeout_error(&self) -> Error {
        match self.send_state.stage {
            Stage::Handshake => Error::HandshakeTimeout,
            Stage::Auth => Error::AuthTimeout,
            Stage::Open => Error::IdleTimeout,
            Stage::Closing => Error::CloseTimeout,
        }
    }

    /// The outbox for output that is not a reply to a message.
    pub fn outbox<'b>(&'b mut self, batch: &'b mut Batch) -> Outbox<'b> {
        self.outbox_into(batch.open_output())
    }

    /// The current stage.
    pub fn stage(&self) -> Stage {
        self.send_state.stage
    }

    /// Whether the session is not in the middle of a message, so that a stop may close it now.
    pub fn is_between_messages(&self) -> bool {
        match &self.receiver {
            _ if self.send_state.stage != Stage::Open => true,
            Receiver::WebSocket(websocket) => !websocket.is_in_message(),
            Receiver::Line(line) => !line.is_in_message(),
            Receiver::Raw => true,
        }
    }

    /// Bytes received so far of the message in progress; 0 between messages.
    pub fn message_bytes(&self) -> u64 {
        match &self.receiver {
            Receiver::WebSocket(websocket) => websocket.message_bytes(),
            Receiver::Line(line) => line.message_bytes(),
            Receiver::Raw => 0,
        }
    }

    /// Whether the caller should shut down our output once everything is sent.
    ///
    /// A WebSocket client leaves the first step to the server: RFC 6455 §7.1.1, "the underlying TCP
    /// connection, in most normal cases, SHOULD be closed first by the server". A server that
    /// closes first waits for the peer's Close: some clients treat an early end of input as a lost
    /// connection.
    pub fn wants_shutdown(&self) -> bool {
        self.send_state.stage == Stage::Closing
            && match (self.send_state.is_websocket, self.send_state.role) {
                (false, _) => true,
                (true, Role::Server) => !self.awaits_close(),
                (true, Role::Client) => self.send_state.discarding && !self.is_cleanly_closed(),
            }
    }

    /// Whether a server has queued its Close, sent or not, and the peer's Close has not arrived.
    pub fn awaits_close(&self) -> bool {
        self.send_state.stage == Stage::Closing
            && self.send_state.is_websocket
            && self.send_state.role == Role::Server
            && !self.send_state.discarding
            && !self.send_state.is_mid_frame
    }

    /// Stops waiting for the peer's Close: all further input is discarded.
    ///
    /// # Panics
    /// In debug builds, unless [`awaits_close`](Self::awaits_close).
    pub fn stop_awaiting_close(&mut self) {
        debug_assert!(self.awaits_close(), "the session does not await a Close");
        self.send_state.discarding = true;
        self.forget_received();
        self.unfinished.drop_tail();
        self.unfinished.release();
    }

    /// Whether both sides have sent a Close (RFC 6455 §7.1.4, "closed cleanly").
    pub fn is_cleanly_closed(&self) -> bool {
        self.send_state.close_sent && self.send_state.peer_close_code != 0
    }

    /// The [`End`] that the peer's Close frame stands for; [`End::Peer`] without a Close or a code.
    pub fn peer_end(&self) -> End {
        match CloseCode(self.send_state.peer_close_code) {
            CloseCode(0) | CloseCode::NO_STATUS => End::Peer,
            code => End::PeerWithCode(code),
        }
    }

    /// Complete messages received for the service so far.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// The session's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Unread bytes of the last batch; the next batch starts with them.
    pub fn tail(&self) -> &[u8] {
        self.unfinished.tail()
    }

    /// Bytes for the peer that could not be sent yet.
    pub fn pending(&self) -> &[u8] {
        self.unfinished.backlog()
    }

    /// Removes the first `written` bytes of [`pending`](Self::pending): they were sent.
    pub fn advance(&mut self, written: usize) {
        self.unfinished.advance_backlog(written);
        self.unfinished.release();
    }

    /// Ends a batch: keeps its unread input, and its output after the first `sent` bytes.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`]: bytes were lost. Call [`abort`](Self::abort).
    pub fn keep(&mut self, batch: &Batch, sent: usize) -> Result<(), Error> {
        let tail = if self.is_discarding() { &[] } else { batch.unread() };
        let output = batch.output();
        let is_all_sent = sent == output[0].len() + output[1].len();
        if tail.is_empty() && is_all_sent && self.unfinished.is_empty() {
            return Ok(());
        }
        match tail {
            [] => self.unfinished.drop_tail(),
            tail => self.unfinished.keep_tail(tail)?,
        }
        let mut sent = sent;
        for output in output {
            let skipped = sent.min(output.len());
            if skipped < output.len() {
                self.unfinished.keep_backlog(&output[skipped..])?;
            }
            sent -= skipped;
        }
        self.unfinished.release();
        Ok(())
    }

    /// Bytes of heap that this session owns; 0 unless something is unfinished.
    pub fn heap_bytes(&self) -> usize {
        self.unfinished.heap_bytes()
    }

    /// Whether input is read and dropped.
    fn is_discarding(&self) -> bool {
        let keeps_reading = self.send_state.is_websocket || self.config.late_messages;
        self.send_state.stage == Stage::Closing && (self.send_state.discarding || !keeps_reading)
    }

    /// Drops partially received input: it will not be completed. Does nothing while late messages
    /// are still read.
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

    /// Decompresses a complete message.
    #[inline(never)]
    fn inflate(&mut self, batch: &mut Batch, piece: &Piece) -> Result<SendBuffer, Error> {
        let limit = usize::try_from(self.config.limits.message_bytes_max).unwrap_or(usize::MAX);
        let takeover = self.agreement.receive_takeover();
        let assembled = self.unfinished.take_assembly();
        let history = match takeover {
            true => self.unfinished.received_history().bytes(),
            false => &[],
        };
        // The service is done with the previous message.
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

    /// Readies a piece for the service: decompresses it or hands its assembly to the batch, and
    /// counts the message if it ends.
    fn finish_piece(&mut self, batch: &mut Batch, mut piece: Piece) -> Result<Found, Error> {
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

    /// Moves the assembled message to the batch.
    #[inline(never)]
    fn hand_over_assembly(&mut self, batch: &mut Batch) {
        batch.hold_assembled(self.unfinished.take_assembly());
    }

    /// A step without an event.
    fn no_event<'b>(&'b mut self, batch: &'b mut Batch) -> Step<'b> {
        Step::new(self, batch, Found::Nothing)
    }
}

//! One side of a connection: a session with its batch and its service, and its output so far.

use crate::journal::{Event, Journal};
use crate::wire::{self, Frame};
use halloo::proto::batch::Random;
use halloo::proto::{self, Batch, CloseCode, Config, Error, Kind, Session, Stage, Status, Step};
use halloo::service::{Context, Service};
use std::rc::Rc;

/// The maximum number of steps without input: request, challenge, opening, and the last `Partial`.
const STEPS_WITHOUT_INPUT: usize = 4;

pub(crate) struct Endpoint {
    session: Session,
    batch: Batch,
    service: Box<dyn Service>,
    journal: Journal,
    /// All bytes ever sent; the first `taken` bytes have been delivered to the other side.
    output: Vec<u8>,
    taken: usize,
    /// The first rule that the peer broke.
    error: Option<Error>,
    /// The maximum number of bytes that the transport accepts per write.
    write_bytes_max: usize,
}

impl Endpoint {
    pub(crate) fn new(config: Config, service: Box<dyn Service>, capacity: usize) -> Self {
        Self {
            session: Session::new(Rc::new(config)),
            batch: Batch::new(capacity, counting_random()),
            service,
            journal: Journal::default(),
            output: Vec::new(),
            taken: 0,
            error: None,
            write_bytes_max: usize::MAX,
        }
    }

    /// Lets the transport accept only `write_bytes_max` bytes per write.
    pub(crate) fn write_slowly(&mut self, write_bytes_max: usize) {
        self.write_bytes_max = write_bytes_max;
    }

    /// Runs the steps that need no input, such as a client's request.
    pub(crate) fn start(&mut self) {
        self.read(&[]);
    }

    /// Receives `bytes` in reads of at most `chunk` bytes.
    pub(crate) fn receive(&mut self, bytes: &[u8], chunk: usize) {
        for read in bytes.chunks(chunk) {
            self.receive_at_once(read);
        }
    }

    /// Receives `bytes` in one read, or in as many as the buffer requires.
    pub(crate) fn receive_at_once(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.write_pending();
            bytes = &bytes[self.read(bytes)..];
        }
    }

    /// Receives the end of input.
    pub(crate) fn receive_eof(&mut self) {
        self.batch.begin(self.session.tail());
        self.step_until_partial();
        match self.session.receive_eof(&mut self.batch) {
            Ok(step) => dispatch(step, &mut *self.service, &mut self.journal),
            Err(error) => self.fail(error),
        }
        self.session.finish();
        self.end_batch();
    }

    /// Lets the deadline of the current stage expire.
    pub(crate) fn time_out(&mut self) {
        self.act(|session, batch| {
            session.time_out(batch);
        });
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_parts(Kind::Text, &[text.as_bytes()]);
    }

    pub(crate) fn send_binary(&mut self, payload: &[u8]) {
        self.send_parts(Kind::Binary, &[payload]);
    }

    pub(crate) fn send_parts(&mut self, kind: Kind, parts: &[&[u8]]) {
        self.act(|session, batch| session.outbox(batch).send(kind, parts));
    }

    /// Sends bytes that bypass the session, as a peer with other rules would.
    pub(crate) fn inject(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(crate) fn close(&mut self, code: CloseCode) {
        self.act(|session, batch| session.close(code, batch));
    }

    /// Ends the wait for the peer's Close.
    pub(crate) fn stop_awaiting_close(&mut self) {
        self.session.stop_awaiting_close();
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn stage(&self) -> Stage {
        self.session.stage()
    }

    pub(crate) fn error(&self) -> Option<Error> {
        self.error
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        self.journal.events()
    }

    /// All bytes ever sent.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// The frames sent so far, after the opening handshake.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        wire::frames(wire::after_head(&self.output))
    }

    /// The bytes sent since the last call.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        while !self.session.pending().is_empty() {
            self.write_pending();
        }
        let output = self.output[self.taken..].to_vec();
        self.taken = self.output.len();
        output
    }

    /// Checks that nothing is unfinished: an idle session owns no heap.
    pub(crate) fn assert_idle(&self) {
        assert_eq!(self.session.tail(), b"", "nothing is unread");
        assert_eq!(self.session.pending(), b"", "nothing is unsent");
        assert_eq!(self.session.heap_bytes(), 0, "idle sessions own no heap");
    }

    /// Checks that further input causes neither events nor output.
    pub(crate) fn assert_discarding(&mut self) {
        let (sent, events) = (self.output.len(), self.events().len());
        let error = self.error;
        self.receive_at_once(&wire::masked(wire::TEXT, b"late"));
        self.receive_at_once(&wire::masked(wire::PING, b"late"));
        self.receive_at_once(b"\xff\xff\xff\xff\xff\xff\xff\xff");
        assert_eq!((self.output.len(), self.events().len()), (sent, events), "input is discarded");
        assert_eq!(self.error, error, "a session fails once");
        assert_eq!(self.stage(), Stage::Closing);
        assert_eq!(self.session.tail(), b"", "discarded input is not kept");
    }

    /// Runs `action` outside of a step.
    fn act(&mut self, action: impl FnOnce(&mut Session, &mut Batch)) {
        self.batch.begin(self.session.tail());
        action(&mut self.session, &mut self.batch);
        self.end_batch();
    }

    /// Runs one batch with as much of `bytes` as fits. Returns the number of bytes consumed.
    fn read(&mut self, bytes: &[u8]) -> usize {
        self.batch.begin(self.session.tail());
        let free = self.batch.free();
        let count = free.len().min(bytes.len());
        free[..count].copy_from_slice(&bytes[..count]);
        self.batch.filled(count);
        self.step_until_partial();
        self.end_batch();
        count
    }

    /// Steps until more input is needed, and checks the contract of every step.
    fn step_until_partial(&mut self) {
        let steps_max = self.batch.unread().len() + STEPS_WITHOUT_INPUT;
        for _ in 0..steps_max {
            let before = self.facts();
            match self.session.step(&mut self.batch) {
                Ok(Status::Complete(step)) => {
                    dispatch(step, &mut *self.service, &mut self.journal);
                }
                Ok(Status::Partial) => {
                    assert_eq!(self.facts(), before, "Partial means that nothing was changed");
                    return;
                }
                Err(error) => self.fail(error),
            }
        }
        panic!("no Partial after {steps_max} steps");
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.session.fail(error, &mut self.batch);
    }

    /// The state that a step may change and a caller can see.
    fn facts(&self) -> (usize, [usize; 2], Stage, u32, usize) {
        let output = self.batch.output().map(<[u8]>::len);
        let unread = self.batch.unread().len();
        let session = &self.session;
        (unread, output, session.stage(), session.messages(), session.heap_bytes())
    }

    /// Sends as much of the output as the transport accepts; pending output goes first.
    fn end_batch(&mut self) {
        let is_waiting = !self.session.pending().is_empty();
        let mut room = if is_waiting { 0 } else { self.write_bytes_max };
        let mut sent = 0;
        for part in self.batch.output() {
            let count = part.len().min(room);
            self.output.extend_from_slice(&part[..count]);
            room -= count;
            sent += count;
        }
        self.session.keep(&self.batch, sent).expect("memory is not limited");
    }

    /// Writes pending output once.
    fn write_pending(&mut self) {
        let pending = self.session.pending();
        let count = pending.len().min(self.write_bytes_max);
        self.output.extend_from_slice(&pending[..count]);
        self.session.advance(count);
    }
}

/// Passes the event of a step to the journal and the service.
fn dispatch(step: Step<'_>, service: &mut dyn Service, journal: &mut Journal) {
    let messages = step.messages();
    let (event, mut outbox) = step.unpack();
    let context = Context { connection: 1, messages, now: 0 };
    match event {
        None => {}
        Some(proto::Event::Open) => {
            journal.record_open();
            service.on_open(&context, &mut outbox);
        }
        Some(proto::Event::Message(message)) => {
            journal.record(&message);
            service.on_message(&context, message, &mut outbox);
        }
    }
}

/// Pseudorandom bytes that are the same in every run.
fn counting_random() -> Random {
    let mut next = 0_u8;
    Box::new(move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(113);
            *byte = next;
        }
    })
}

//! A session, with the state that a reactor keeps beside it.

use halloo::proto::{Batch, Config, Event, Kind, Session, Status};
use halloo::service::{Context, Service};
use std::rc::Rc;

/// The working memory that a reactor gives its sessions.
const BATCH_BYTES: usize = halloo::limits::RECEIVE_BUFFER_BYTES;

/// See the [module documentation](self).
pub(crate) struct Endpoint<S> {
    config: Rc<Config>,
    session: Session,
    batch: Batch,
    service: S,
}

impl<S: Service> Endpoint<S> {
    /// A session that has neither sent nor received anything. Its random bytes are all 7, so that
    /// responses to them can be made beforehand.
    pub(crate) fn new(mut config: Config, service: S) -> Self {
        config.whole_messages = service.needs().whole_messages;
        let config = Rc::new(config);
        Self {
            session: Session::new(Rc::clone(&config)),
            batch: Batch::new(BATCH_BYTES, Box::new(|bytes| bytes.fill(7))),
            config,
            service,
        }
    }

    /// The same, after it has received and responded to this input.
    pub(crate) fn after(config: Config, service: S, input: &[u8]) -> Self {
        let mut endpoint = Self::new(config, service);
        endpoint.receive(input);
        endpoint.response();
        endpoint
    }

    /// Begins the next connection.
    pub(crate) fn restart(&mut self) {
        self.session = Session::new(Rc::clone(&self.config));
    }

    /// One read of a connection.
    pub(crate) fn receive(&mut self, input: &[u8]) {
        self.batch.begin(self.session.tail());
        self.batch.free()[..input.len()].copy_from_slice(input);
        self.batch.filled(input.len());
    }

    /// Processes one read of a connection. Returns the size of the responses in bytes, all of which
    /// are sent.
    pub(crate) fn response(&mut self) -> usize {
        let Self { session, batch, service, .. } = self;
        while let Status::Complete(step) = session.step(batch).expect("the input is valid") {
            let context = Context { connection: 1, messages: step.messages(), now: 0 };
            let (event, mut outbox) = step.unpack();
            if let Some(Event::Message(message)) = event {
                service.on_message(&context, message, &mut outbox);
            }
        }
        self.send_all()
    }

    /// Sends a message unasked. Returns its size in bytes.
    pub(crate) fn send(&mut self, kind: Kind, payload: &[u8]) -> usize {
        self.batch.begin(self.session.tail());
        self.session.outbox(&mut self.batch).send(kind, &[payload]);
        self.send_all()
    }

    /// The output of the last call.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.batch.output().concat()
    }

    fn send_all(&mut self) -> usize {
        let sent = self.batch.output().iter().map(|part| part.len()).sum();
        self.session.keep(&self.batch, sent).expect("memory is available");
        sent
    }
}

//! Services process messages. A service sees messages, never sockets or frames.

mod close_after;
mod close_on_open;
mod discard;
mod echo;
mod flood;
mod timestamp;

pub use close_after::CloseAfter;
pub use close_on_open::CloseOnOpen;
pub use discard::Discard;
pub use echo::Echo;
pub use flood::Flood;
pub use timestamp::Timestamp;

use crate::proto::{Control, End, Message, Outbox};

/// Bytes of the opening handshake of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake<'a> {
    /// Our request.
    Sent(&'a [u8]),
    /// The next bytes of the response, and possibly of the data after it.
    Received(&'a [u8]),
}

/// The connection that a service is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The number of the connection, unique in its reactor, counted from 1.
    pub connection: u64,
    /// Complete messages received so far, including the current one if it ends.
    pub messages: u32,
    /// When the input of this call was received, in nanoseconds of the network's clock; 0 unless
    /// the service needs the [time](Needs::time).
    pub now: u64,
}

/// A step of a connection before it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// A connection that we make: TCP, or the Unix socket, is connected.
    Connected,
    /// A connection that we make: the TLS handshake is complete.
    Secured,
    /// The opening handshake, if the framing has one, is complete, and authentication starts.
    Upgraded,
}

/// What a service needs of the reactor. Each need has a price, so none is met unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Messages are assembled until they are complete. Costs memory, up to the largest message per
    /// connection; otherwise a service receives pieces as they arrive.
    pub whole_messages: bool,
    /// [`Context::now`] is set: the clock is read once for each read of a connection.
    pub time: bool,
    /// Keep reading while our output is blocked. A client that speaks first needs it, or it
    /// deadlocks with a server that replies before reading on. Such a service must limit its own
    /// output.
    pub reads_while_blocked: bool,
    /// The service sends without input, in [`Service::on_writable`], which is not called otherwise.
    pub sends_unasked: bool,
}

impl Default for Needs {
    /// Whole messages, and nothing else.
    fn default() -> Self {
        Self { whole_messages: true, ..Self::NONE }
    }
}

impl Needs {
    /// Nothing: pieces of messages as they arrive.
    pub const NONE: Self = Self {
        whole_messages: false,
        time: false,
        reads_while_blocked: false,
        sends_unasked: false,
    };
}

/// Processes the messages of all connections.
pub trait Service {
    /// What the service needs. Called once, at the start.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The connection has reached a milestone. After the last one follows
    /// [`on_open`](Self::on_open).
    fn on_milestone(&mut self, _context: &Context, _milestone: Milestone) {}

    /// The connection is open: the opening handshake and authentication are complete.
    fn on_open(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {}

    /// A message, or a piece of one, has arrived.
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>);

    /// The kernel has accepted all output so far and accepts more.
    fn on_writable(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {}

    /// Bytes of the opening handshake were sent or received on a connection that we make. After a
    /// response that is not accepted, the bytes of its content follow.
    fn on_handshake(&mut self, _context: &Context, _bytes: Handshake<'_>) {}

    /// The server has sent a control frame on a connection that we make.
    fn on_control(&mut self, _context: &Context, _control: Control<'_>) {}

    /// The connection ended. Called once for each connection, whether or not it ever opened.
    fn on_close(&mut self, _context: &Context, _end: End) {}
}

impl<S: Service + ?Sized> Service for Box<S> {
    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn on_milestone(&mut self, context: &Context, milestone: Milestone) {
        (**self).on_milestone(context, milestone);
    }

    fn on_open(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        (**self).on_open(context, outbox);
    }

    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>) {
        (**self).on_message(context, message, outbox);
    }

    fn on_writable(&mut self, context: &Context, outbox: &mut Outbox<'_>) {
        (**self).on_writable(context, outbox);
    }

    fn on_handshake(&mut self, context: &Context, bytes: Handshake<'_>) {
        (**self).on_handshake(context, bytes);
    }

    fn on_control(&mut self, context: &Context, control: Control<'_>) {
        (**self).on_control(context, control);
    }

    fn on_close(&mut self, context: &Context, end: End) {
        (**self).on_close(context, end);
    }
}

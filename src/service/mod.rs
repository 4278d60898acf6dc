//! What is done with messages. A service sees messages, never sockets or frames.

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
pub use timestamp::{LocalTime, Timestamp};

use crate::proto::{Control, End, Message, Outbox};

/// Bytes of an opening handshake, as a client sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake<'a> {
    /// Our request.
    Sent(&'a [u8]),
    /// The next bytes of the response, and what may follow it.
    Received(&'a [u8]),
}

/// What a service may know about the connection it is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// A number no other connection of this process has had, counted from 1.
    pub connection: u64,
    /// Whole messages received so far, with the one at hand if it ends.
    pub messages: u32,
    /// When what the call is about was received, in nanoseconds of the network's clock; 0 unless the
    /// service needs the [time](Needs::time).
    pub now: u64,
}

/// What a connection has passed on its way to be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// A connection that we make: TCP, or the Unix socket, is connected.
    Connected,
    /// A connection that we make: the TLS handshake is complete.
    Secured,
    /// The opening handshake is complete, if the framing has one, and authentication begins.
    Upgraded,
}

/// What a service needs of the reactor. Each costs something, so each is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Messages are collected until they are whole: up to the largest message in memory for each connection.
    /// Without this, a service receives the pieces as they arrive.
    pub whole_messages: bool,
    /// [`Context::now`] is set: the clock is read once for each read of a connection.
    pub time: bool,
    /// The service receives input while the peer has not taken all output. A client that speaks first needs it, or
    /// it deadlocks with a server that replies before reading on. Such a service bounds its output by itself.
    pub reads_while_blocked: bool,
    /// [`Service::on_writable`] is called whenever a connection can take more output.
    pub sends_unasked: bool,
}

impl Default for Needs {
    /// Whole messages, and nothing else.
    fn default() -> Self {
        Self { whole_messages: true, time: false, reads_while_blocked: false, sends_unasked: false }
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

/// The one open set: anything that answers messages.
pub trait Service {
    /// What the service needs. Asked once, when the reactor is made.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The connection has passed a milestone. The last one, being open, is [`on_open`](Self::on_open).
    fn on_milestone(&mut self, _context: &Context, _milestone: Milestone) {}

    /// The connection is open: shaken hands, authenticated.
    fn on_open(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {}

    /// A message, or a piece of one, arrived.
    fn on_message(&mut self, context: &Context, message: Message<'_>, outbox: &mut Outbox<'_>);

    /// Everything sent so far has left for the kernel, and it takes more.
    fn on_writable(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {}

    /// Bytes of the opening handshake pass on a connection that we make. After a response that was refused they
    /// go on with its content.
    fn on_handshake(&mut self, _context: &Context, _bytes: Handshake<'_>) {}

    /// A server has sent a control frame on a connection that we make.
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

//! `halloo connect`: a person's client.
//!
//! One line is one message, and after each the client waits a while for the reply before it asks for the
//! next. Servers that close after each reply are met again for the next line.

use super::client::ClientArgs;
use super::deflate::DeflateArgs;
use super::prompt::{Input, Prompt};
use super::values::{bytes, duration};
use super::{CommonArgs, Failure, logger, printable};
use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::net::{ConnectionId, Endpoint, Reactor, System, random};
use crate::proto::{self, Batch, CloseCode, Config, End, Framing, Kind, Message, Outbox};
use crate::service::{Context, Service};
use clap::Args;
use log::{LevelFilter, info};
use mio::unix::SourceFd;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The number of stdin among the reactor's external sources.
const STDIN: u32 = 0;

/// The line that ends the conversation.
const QUIT: &[u8] = b"quit";

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(flatten)]
    deflate: DeflateArgs,
    /// How long a reply is waited for before the next line is sent
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    reply_timeout: Duration,
    /// The largest message
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "64MiB")]
    max_message_size: u64,
    #[command(flatten)]
    common: CommonArgs,
}

/// Talks until the input ends or the server does.
pub(super) fn run(arguments: &ConnectArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    let mut conversation = Conversation::new(arguments)?;
    match conversation.hold() {
        // Whoever read our output has enough of it.
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => Err(Failure::Runtime(error.to_string())),
        Err(Stop::Failed(message)) => Err(Failure::Runtime(message)),
        Ok(()) => Ok(()),
    }
}

/// Why a conversation cannot go on.
enum Stop {
    Failed(String),
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

struct Conversation<'a> {
    arguments: &'a ConnectArgs,
    config: Rc<Config>,
    reactor: Reactor<System, Inbox>,
    prompt: Prompt,
    /// Where the server may be, and which of these places is tried or was found.
    endpoints: Vec<Endpoint>,
    endpoint: usize,
    /// The connection, unless the server has ended it.
    connection: Option<ConnectionId>,
    is_open: bool,
    /// Messages of this connection.
    received: u64,
    /// The line that was given last, until its reply comes or is no longer waited for.
    unanswered: Option<Vec<u8>>,
    /// Until when a reply is waited for.
    waiting_until: Option<Instant>,
    /// The last wait was in vain: this server may be one that does not reply.
    is_impatient: bool,
    is_leaving: bool,
}

impl<'a> Conversation<'a> {
    fn new(arguments: &'a ConnectArgs) -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure::Runtime(error.to_string());
        let config = Config {
            limits: proto::Limits { message_bytes_max: arguments.max_message_size },
            // A line is printed when it is whole; bare bytes when they come.
            whole_messages: true,
            deflate: arguments.deflate.settings(),
            ..arguments.client.config()?
        };
        let endpoints = arguments.client.endpoints()?;
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let network = arguments.client.network()?;
        let inbox = Inbox { incoming: VecDeque::new(), framing: config.framing };
        let mut reactor = Reactor::new(network, inbox, Limits::default(), batch);
        let stdin = io::stdin().as_raw_fd();
        match reactor.network_mut().register_external(&mut SourceFd(&stdin), STDIN) {
            // Files have no readiness to wait for: they are always ready.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => other.map_err(failure)?,
        }
        Ok(Self {
            arguments,
            config: Rc::new(config),
            reactor,
            prompt: Prompt::new(),
            endpoints,
            endpoint: 0,
            connection: None,
            is_open: false,
            received: 0,
            unanswered: None,
            waiting_until: None,
            is_impatient: false,
            is_leaving: false,
        })
    }

    /// Lines out, replies in, until either ends.
    fn hold(&mut self) -> Result<(), Stop> {
        self.connect()?;
        loop {
            if self.may_speak() {
                self.prompt.show()?;
                match self.prompt.next()? {
                    Input::Line(line) if line == QUIT => return self.leave(),
                    Input::Line(line) => {
                        self.say(&line)?;
                        continue;
                    }
                    Input::End => return self.leave(),
                    Input::Pending => {}
                }
            }
            self.turn()?;
        }
    }

    /// Whether it is our turn: not while a connection is being made or a reply is waited for.
    fn may_speak(&self) -> bool {
        self.waiting_until.is_none() && (self.is_open || self.connection.is_none())
    }

    /// Sends one line, on a new connection if the server has ended the last one.
    fn say(&mut self, line: &[u8]) -> Result<(), Stop> {
        let framing = self.config.framing;
        if line.is_empty() && framing == Framing::Raw {
            return Ok(());
        }
        self.unanswered = Some(line.to_vec());
        if self.connection.is_none() {
            return self.connect();
        }
        self.send_unanswered();
        Ok(())
    }

    /// Sends the line that was given last, if it still lacks its reply.
    fn send_unanswered(&mut self) {
        let framing = self.config.framing;
        let (Some(connection), Some(line)) = (self.connection, &self.unanswered) else { return };
        let kind = if std::str::from_utf8(line).is_ok() { Kind::Text } else { Kind::Binary };
        let terminator: &[u8] = if framing == Framing::Line { b"\n" } else { b"" };
        self.reactor.tell(connection, |_, outbox| outbox.send(kind, &[line, terminator]));
        if self.is_impatient {
            self.unanswered = None;
        } else {
            self.waiting_until = Some(Instant::now() + self.arguments.reply_timeout);
        }
    }

    /// Waits for the reply that is due, says goodbye, and waits for the server's.
    fn leave(&mut self) -> Result<(), Stop> {
        while self.waiting_until.is_some() {
            self.turn()?;
        }
        self.is_leaving = true;
        let Some(connection) = self.connection else { return Ok(()) };
        self.reactor.tell(connection, |_, outbox| outbox.close(CloseCode::NORMAL));
        while self.connection.is_some() {
            self.turn()?;
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Stop> {
        self.is_open = false;
        self.received = 0;
        loop {
            match self.reactor.connect(&self.endpoints[self.endpoint], Rc::clone(&self.config)) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                Err(error) if self.endpoint + 1 == self.endpoints.len() => {
                    return Err(Stop::Failed(self.arguments.client.cannot_connect(&error)));
                }
                Err(_) => self.endpoint += 1,
            }
        }
    }

    /// Waits for something to happen, and handles it.
    fn turn(&mut self) -> Result<(), Stop> {
        let timeout =
            self.waiting_until.map(|until| until.saturating_duration_since(Instant::now()));
        self.reactor.turn(timeout, &mut |_stdin| {})?;
        while let Some(event) = self.reactor.service_mut().incoming.pop_front() {
            match event {
                Incoming::Opened => {
                    self.is_open = true;
                    self.send_unanswered();
                }
                Incoming::Message(message) => self.print(&message)?,
                Incoming::Ended(end) => self.ended(end)?,
            }
        }
        if self.waiting_until.is_some_and(|until| until <= Instant::now()) {
            self.waiting_until = None;
            self.unanswered = None;
            self.is_impatient = true;
        }
        Ok(())
    }

    fn print(&mut self, message: &[u8]) -> Result<(), Stop> {
        self.received += 1;
        self.waiting_until = None;
        self.unanswered = None;
        self.is_impatient = false;
        self.prompt.hide()?;
        let mut stdout = io::stdout().lock();
        if stdout.is_terminal() {
            stdout.write_all(printable::line(message).as_bytes())?;
        } else {
            stdout.write_all(printable::without_terminator(message))?;
        }
        stdout.write_all(b"\n")?;
        Ok(stdout.flush()?)
    }

    /// Decides what the end of the connection means.
    fn ended(&mut self, end: End) -> Result<(), Stop> {
        self.connection = None;
        let was_open = std::mem::take(&mut self.is_open);
        if self.is_leaving {
            return Ok(());
        }
        if !was_open && self.endpoint + 1 < self.endpoints.len() {
            self.endpoint += 1;
            return self.connect();
        }
        let is_clean =
            matches!(end, End::Peer | End::PeerWithCode(CloseCode::NORMAL | CloseCode::GOING_AWAY));
        if self.unanswered.is_none() && is_clean && was_open {
            info!("the server ended the connection; the next line makes another");
            return Ok(());
        }
        // It replied before, and ended before it had seen this line: as it would to a new client.
        let is_gone = is_clean || matches!(end, End::Reset | End::BrokenPipe);
        if self.unanswered.is_some() && is_gone && was_open && self.received > 0 {
            return self.connect();
        }
        let was_answered = self.received > 0;
        Err(Stop::Failed(self.arguments.client.why_ended(end, was_open, was_answered)))
    }
}

/// What the server did since the last look.
struct Inbox {
    incoming: VecDeque<Incoming>,
    framing: Framing,
}

enum Incoming {
    Opened,
    Message(Vec<u8>),
    Ended(End),
}

impl Service for Inbox {
    /// A server may write a reply out before it reads on. Of bare bytes nothing says where a reply ends, so there
    /// all is said before the reply is listened to.
    fn reads_while_blocked(&self) -> bool {
        self.framing != Framing::Raw
    }

    fn on_open(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {
        self.incoming.push_back(Incoming::Opened);
    }

    fn on_message(&mut self, _context: &Context, message: Message<'_>, _outbox: &mut Outbox<'_>) {
        self.incoming.push_back(Incoming::Message(message.payload.to_vec()));
    }

    fn on_close(&mut self, _context: &Context, end: End) {
        self.incoming.push_back(Incoming::Ended(end));
    }
}

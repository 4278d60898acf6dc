//! The session of the interactive client: sends lines and prints messages until either side ends
//! it.

mod ending;
mod output;

use super::ConnectArgs;
use super::command::{self, Request};
use super::inbox::{Inbox, Incoming};
use super::reply::{Print, RawReply};
use crate::cli::Failure;
use crate::cli::ended::{Ended, speaks_tls};
use crate::cli::prompt::{Input, Prompt};
use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::net::os::random;
use crate::net::{ConnectionId, Endpoint, Reactor, System};
use crate::proto::{self, Batch, CloseCode, Config, Framing, Kind};
use mio::unix::SourceFd;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The number of stdin among the network's external sources.
const STDIN: u32 = 0;

/// How long the prompt waits for a reply, so that the reply appears before it: 1 s. A later reply
/// is printed above the prompt.
const PROMPT_WAIT: Duration = Duration::from_secs(1);

/// The pause between the response to a challenge and our first line: 50 ms. A naive server reads
/// once and takes all of its input for the response.
const AUTH_PAUSE: Duration = Duration::from_millis(50);

/// The bytes of the challenge that a server sends, also to a client without a key.
const CHALLENGE_BYTES: usize = proto::auth::CHALLENGE_BYTES;

/// Why the session cannot continue.
pub(super) enum Stop {
    Failed(String),
    Output(io::Error),
    Interrupted,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// See the [module documentation](self).
pub(super) struct Conversation<'a> {
    arguments: &'a ConnectArgs,
    config: Rc<Config>,
    reactor: Reactor<System, Inbox>,
    prompt: Prompt,
    /// The server's addresses, and the index of the one that is being tried or was connected to.
    endpoints: Vec<Endpoint>,
    endpoint: usize,
    /// When to give up on this address and try the next, if there is one.
    attempt_until: Option<Instant>,
    /// When to stop waiting for the rest of a response that refuses the upgrade.
    refused_until: Option<Instant>,
    /// The connection, unless the server has ended it.
    connection: Option<ConnectionId>,
    is_open: bool,
    /// When the first line may be sent.
    send_at: Option<Instant>,
    /// Messages received on this connection, and on all connections.
    received: u64,
    received_in_all: u64,
    /// The last line, until its reply arrives or is no longer waited for.
    unreplied: Option<(Kind, Vec<u8>)>,
    reply: RawReply,
    /// A first message that may be a challenge, and when it is taken for one.
    challenge: Option<(Vec<u8>, Instant)>,
    /// When to stop waiting for a reply.
    waiting_until: Option<Instant>,
    /// The last wait was in vain, so the server may be one that does not reply.
    is_impatient: bool,
    last_sent: Option<Instant>,
    last_received: Option<Instant>,
    pinged: Option<Instant>,
    /// The reason in the server's Close frame.
    reason: String,
    /// What to print about a clean end once nothing else is left to do.
    notice: Option<String>,
    /// The server ended the last connection in the protocol's orderly way.
    is_closed_cleanly: bool,
    is_closing: bool,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(arguments: &'a ConnectArgs) -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure::Runtime(error.to_string());
        let start = Instant::now();
        let config = arguments.client.config()?;
        let config = Config {
            limits: proto::Limits {
                message_bytes_max: arguments.max_message_size,
                ..config.limits
            },
            // Messages that arrive after our Close are printed, too.
            late_messages: true,
            deflate: arguments.deflate.settings(),
            ..config
        };
        let endpoints = arguments.client.endpoints()?;
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let network = arguments.client.network()?;
        // Resolving the name counts toward the timeout.
        let timeout = arguments.client.connect_timeout.saturating_sub(start.elapsed());
        let limits =
            Limits { handshake_timeout: timeout, auth_timeout: timeout, ..Limits::default() };
        let mut reactor = Reactor::new(network, Inbox::default(), limits, batch);
        let stdin = io::stdin().as_raw_fd();
        match reactor.network_mut().register_external(&mut SourceFd(&stdin), STDIN) {
            // Regular files cannot be polled: they are always ready.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            other => other.map_err(failure)?,
        }
        Ok(Self {
            arguments,
            config: Rc::new(config),
            reactor,
            prompt: Prompt::new(arguments.max_message_size),
            endpoints,
            endpoint: 0,
            attempt_until: None,
            refused_until: None,
            connection: None,
            is_open: false,
            send_at: None,
            received: 0,
            received_in_all: 0,
            unreplied: None,
            reply: RawReply::default(),
            challenge: None,
            waiting_until: None,
            is_impatient: false,
            last_sent: None,
            last_received: None,
            pinged: None,
            reason: String::new(),
            notice: None,
            is_closed_cleanly: false,
            is_closing: false,
        })
    }

    /// Sends lines and prints messages until either side ends the session.
    pub(super) fn hold(&mut self) -> Result<(), Stop> {
        self.connect()?;
        loop {
            if self.may_send() {
                self.prompt.show()?;
                match self.prompt.next()? {
                    Input::Line(line) => {
                        if self.handle(line)? {
                            return self.verdict();
                        }
                        continue;
                    }
                    Input::End => return self.finish(),
                    Input::Interrupt => return Err(Stop::Interrupted),
                    Input::TooLong => return Err(self.too_long()),
                    Input::Pending => self.show_notice()?,
                }
            }
            self.turn(None)?;
        }
    }

    /// Handles a line. Returns whether it ended the session.
    fn handle(&mut self, line: Vec<u8>) -> Result<bool, Stop> {
        let request = match self.arguments.no_commands {
            true => Request::Send(line),
            false => command::read(line, self.prompt.is_terminal()),
        };
        match request {
            Request::Send(line) => {
                let kind =
                    if std::str::from_utf8(&line).is_ok() { Kind::Text } else { Kind::Binary };
                self.send_line(kind, line)?;
            }
            Request::Binary(bytes) => self.send_line(Kind::Binary, bytes)?,
            Request::Ping => self.ping()?,
            Request::Wrong(why) => self.note(why)?,
            Request::Quit => return self.close(CloseCode::NORMAL).map(|()| true),
            Request::Close(code) => return self.close(code).map(|()| true),
        }
        Ok(false)
    }

    /// Whether the next line may be sent: not while connecting or waiting for a reply.
    fn may_send(&self) -> bool {
        self.waiting_until.is_none()
            && self.send_at.is_none()
            && self.challenge.is_none()
            && (self.is_open || self.connection.is_none())
    }

    /// Sends a line, on a new connection if the server has ended the last one.
    fn send_line(&mut self, kind: Kind, line: Vec<u8>) -> Result<(), Stop> {
        if line.is_empty() && self.config.framing == Framing::Raw {
            return Ok(());
        }
        self.unreplied = Some((kind, line));
        if self.connection.is_none() {
            return self.connect();
        }
        self.send_unreplied()
    }

    /// Sends the last line, if it still lacks a reply.
    fn send_unreplied(&mut self) -> Result<(), Stop> {
        let framing = self.config.framing;
        let (Some(connection), Some((kind, line))) = (self.connection, &self.unreplied) else {
            return Ok(());
        };
        let rest = self.reply.end();
        self.reply.expect(line.len());
        let terminator: &[u8] = if framing == Framing::Line { b"\n" } else { b"" };
        self.reactor.with_outbox(connection, |_, outbox| outbox.send(*kind, &[line, terminator]));
        let now = Instant::now();
        self.last_sent = Some(now);
        let wait = match self.prompt.is_terminal() {
            true => PROMPT_WAIT.min(self.arguments.reply_timeout),
            false => self.arguments.reply_timeout,
        };
        if self.is_impatient {
            self.unreplied = None;
        } else {
            self.waiting_until = Some(now + wait);
        }
        self.print_raw(rest)
    }

    fn ping(&mut self) -> Result<(), Stop> {
        match self.connection.filter(|_| self.config.framing == Framing::WebSocket) {
            None => self.note("/ping is for an open WebSocket"),
            Some(connection) => {
                self.pinged = Some(Instant::now());
                self.reactor.with_outbox(connection, |_, outbox| outbox.ping());
                Ok(())
            }
        }
    }

    /// After the end of the input: waits for the first message, then for silence or a close.
    fn finish(&mut self) -> Result<(), Stop> {
        let end = Instant::now();
        let first_until = self.last_sent.unwrap_or(end) + self.arguments.reply_timeout;
        while self.connection.is_some() {
            let has_reply = self.last_received.is_some_and(|at| self.last_sent <= Some(at));
            let until = match self.last_received.filter(|_| has_reply) {
                Some(at) => at.max(end) + self.arguments.linger,
                None => first_until,
            };
            if until <= Instant::now() {
                break;
            }
            self.turn(Some(until))?;
        }
        self.close(CloseCode::NORMAL)?;
        self.verdict()
    }

    /// Sends a Close frame and waits for the server's. Messages that arrive meanwhile are printed.
    fn close(&mut self, code: CloseCode) -> Result<(), Stop> {
        self.is_closing = true;
        let mut is_sent = false;
        while let Some(connection) = self.connection {
            // A connection for the last line must open first.
            if self.is_open && self.send_at.is_none() && !is_sent {
                is_sent = self.reactor.with_outbox(connection, |_, outbox| outbox.close(code));
            }
            self.turn(None)?;
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Stop> {
        self.is_open = false;
        self.is_closed_cleanly = false;
        self.received = 0;
        self.reason.clear();
        self.notice = None;
        self.refused_until = None;
        loop {
            let number = self.reactor.metrics().opened + 1;
            self.reactor.service_mut().begin(number);
            let untried = self.endpoints.len() - self.endpoint;
            let share = self.arguments.client.connect_timeout / untried as u32;
            self.attempt_until = (untried > 1).then(|| Instant::now() + share);
            match self.reactor.connect(&self.endpoints[self.endpoint], Rc::clone(&self.config)) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                Err(error) if untried == 1 => {
                    return Err(Stop::Failed(self.arguments.client.cannot_connect(&error)));
                }
                Err(_) => self.endpoint += 1,
            }
        }
    }

    /// Waits for events, at most until the given time, and handles them.
    fn turn(&mut self, until: Option<Instant>) -> Result<(), Stop> {
        let moments = [
            until,
            self.waiting_until,
            self.send_at,
            self.attempt_until,
            self.refused_until,
            self.reply.whole_at(),
            self.challenge.as_ref().map(|(_, until)| *until),
        ];
        let next = moments.into_iter().flatten().min();
        let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
        self.reactor.turn(timeout, &mut |_stdin| {})?;
        while let Some(event) = self.reactor.service_mut().next() {
            match event {
                Incoming::Opened => self.opened()?,
                Incoming::Message(kind, message) => self.receive(kind, message)?,
                Incoming::Pong => self.pong()?,
                Incoming::Closing(reason) => self.reason = reason,
                Incoming::Ended(end) => self.ended(end)?,
            }
        }
        self.check_refusal()?;
        self.handle_timeouts()
    }

    fn handle_timeouts(&mut self) -> Result<(), Stop> {
        let now = Instant::now();
        let reply = self.reply.pause(now);
        self.take_reply(reply)?;
        if self.challenge.as_ref().is_some_and(|(_, until)| *until <= now) {
            return Err(self.wants_key());
        }
        if self.waiting_until.is_some_and(|until| until <= now) {
            self.waiting_until = None;
            self.unreplied = None;
            self.is_impatient = !self.prompt.is_terminal();
        }
        if self.attempt_until.is_some_and(|until| until <= now) {
            self.endpoint += 1;
            return self.connect();
        }
        if self.send_at.is_some_and(|at| at <= now) {
            self.send_at = None;
            return self.send_unreplied();
        }
        Ok(())
    }

    fn opened(&mut self) -> Result<(), Stop> {
        self.is_open = true;
        self.attempt_until = None;
        self.show_handshake();
        if self.config.auth.is_some() {
            self.send_at = Some(Instant::now() + AUTH_PAUSE);
            return Ok(());
        }
        self.send_unreplied()
    }

    /// Handles a message.
    fn receive(&mut self, kind: Kind, message: Vec<u8>) -> Result<(), Stop> {
        let is_first = self.received == 0 && self.challenge.is_none();
        if is_first && self.looks_like_challenge(kind, &message) {
            self.challenge = Some((message, Instant::now() + self.arguments.linger));
            return Ok(());
        }
        if is_first && self.config.framing != Framing::WebSocket && speaks_tls(&message) {
            let ended = Ended { response: &message, ..Ended::default() };
            return Err(Stop::Failed(self.arguments.client.explain(&ended)));
        }
        if let Some((first, _)) = self.challenge.take() {
            self.take_message(&first)?;
        }
        self.take_message(&message)
    }

    fn take_message(&mut self, message: &[u8]) -> Result<(), Stop> {
        let now = Instant::now();
        self.received += 1;
        self.received_in_all += 1;
        self.last_received = Some(now);
        if self.config.framing == Framing::Raw {
            let reply = self.reply.receive(message, now);
            return self.take_reply(reply);
        }
        self.note_reply();
        self.print(message, true)
    }

    /// Prints raw bytes. A complete reply ends the wait for the last line's reply.
    fn take_reply(&mut self, reply: Print) -> Result<(), Stop> {
        if matches!(reply, Print::Whole(_)) {
            self.note_reply();
        }
        self.print_raw(reply)
    }

    /// Notes that the last line has its reply.
    fn note_reply(&mut self) {
        self.waiting_until = None;
        self.unreplied = None;
        self.is_impatient = false;
    }
}

//! `halloo connect`: a person's client.
//!
//! One line is one message, and after each the client waits a while for the reply before it asks for the
//! next. Servers that close after each reply are met again for the next line.

use super::auth::AuthArgs;
use super::deflate::DeflateArgs;
use super::prompt::{Input, Prompt};
use super::tls::TlsClientArgs;
use super::values::{bytes, duration};
use super::{CommonArgs, Failure, logger, printable};
use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::net::{Address, ConnectionId, Endpoint, Reactor, System, random};
use crate::proto::handshake::Offer;
use crate::proto::http::is_token;
use crate::proto::{
    self, Batch, CloseCode, Config, End, Error, Framing, Kind, Message, Outbox, Role, TlsFailure,
};
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
    /// The server: ws://, tcp:// or line:// HOST:PORT, with TLS wss://, tls:// or line+tls://, or ws+unix:,
    /// unix: or line+unix: and a path
    #[arg(value_name = "URL")]
    url: Address,
    #[command(flatten)]
    auth: AuthArgs,
    /// Add a field to the upgrade request, as in 'Origin: http://localhost' (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Offer this subprotocol (repeatable, the preferred one first)
    #[arg(long, value_name = "NAME", value_parser = subprotocol)]
    subprotocol: Vec<String>,
    #[command(flatten)]
    deflate: DeflateArgs,
    #[command(flatten)]
    tls: TlsClientArgs,
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
            auth: arguments.auth.load()?,
            limits: proto::Limits { message_bytes_max: arguments.max_message_size },
            // A line is printed when it is whole; bare bytes when they come.
            whole_messages: true,
            offer: Offer {
                target: arguments.url.path.clone().unwrap_or_else(|| "/".into()),
                host: arguments.url.host_field(),
                subprotocols: arguments.subprotocol.clone(),
                headers: arguments.header.clone(),
            },
            deflate: arguments.deflate.settings(),
            ..Config::new(Role::Client, arguments.url.framing)
        };
        let endpoints = arguments.url.resolve().map_err(|error| {
            Failure::Runtime(format!("cannot resolve {}: {error}", arguments.url))
        })?;
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let mut network = System::new().map_err(failure)?;
        arguments.tls.set_up(&mut network, &arguments.url)?;
        let mut reactor = Reactor::new(network, Inbox::default(), Limits::default(), batch);
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
        while let Some(endpoint) = self.endpoints.get(self.endpoint) {
            match self.reactor.connect(endpoint, Rc::clone(&self.config)) {
                Ok(connection) => {
                    self.connection = Some(connection);
                    return Ok(());
                }
                Err(error) if self.endpoint + 1 == self.endpoints.len() => {
                    return Err(self.cannot_connect(&error));
                }
                Err(_) => self.endpoint += 1,
            }
        }
        Err(self.cannot_connect(&"the name has no address"))
    }

    /// Waits for something to happen, and handles it.
    fn turn(&mut self) -> Result<(), Stop> {
        let timeout =
            self.waiting_until.map(|until| until.saturating_duration_since(Instant::now()));
        self.reactor.turn(timeout, &mut |_stdin| {})?;
        while let Some(event) = self.reactor.service_mut().0.pop_front() {
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
        Err(self.describe(end, was_open))
    }

    fn describe(&self, end: End, was_open: bool) -> Stop {
        let url = &self.arguments.url;
        Stop::Failed(match end {
            End::Refused | End::TimedOut | End::Transport if !was_open => {
                return self.cannot_connect(&end);
            }
            End::Failed(Error::HandshakeTimeout) => {
                format!("{url} did not answer the upgrade request in time")
            }
            End::Failed(Error::HandshakeTruncated) => {
                format!("{url} ended the connection in the opening handshake")
            }
            End::Failed(Error::AuthTimeout) => format!("{url} sent no challenge in time"),
            End::Failed(Error::AuthTruncated) => {
                format!("{url} ended the connection before its challenge was complete")
            }
            End::Peer if self.config.auth.is_some() && self.received == 0 => format!(
                "{url} ended the connection without a reply: \
                 if it should reply, check the key, --auth-hash and --auth-encoding"
            ),
            End::Peer => format!("{url} ended the connection without a reply"),
            End::Tls(TlsFailure::UnknownIssuer) => format!(
                "{url}: {end}: name its authority with --cacert, or believe it with --insecure"
            ),
            End::PeerWithCode(CloseCode::POLICY_VIOLATION) if self.config.auth.is_some() => {
                format!(
                    "{url} closed with code 1008: check the key, --auth-hash and --auth-encoding"
                )
            }
            End::PeerWithCode(code) => format!("{url} closed with code {code}"),
            _ => format!("{url}: {end}"),
        })
    }

    fn cannot_connect(&self, why: &dyn std::fmt::Display) -> Stop {
        Stop::Failed(format!("cannot connect to {}: {why}", self.arguments.url))
    }
}

/// What the server did since the last look.
#[derive(Default)]
struct Inbox(VecDeque<Incoming>);

enum Incoming {
    Opened,
    Message(Vec<u8>),
    Ended(End),
}

impl Service for Inbox {
    fn on_open(&mut self, _context: &Context, _outbox: &mut Outbox<'_>) {
        self.0.push_back(Incoming::Opened);
    }

    fn on_message(&mut self, _context: &Context, message: Message<'_>, _outbox: &mut Outbox<'_>) {
        self.0.push_back(Incoming::Message(message.payload.to_vec()));
    }

    fn on_close(&mut self, _context: &Context, end: End) {
        self.0.push_back(Incoming::Ended(end));
    }
}

/// A field as it is typed, `Name: value`. Nothing in it may end the line it goes into.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'Name: value'")?;
    let value = value.trim_matches([' ', '\t']);
    if !is_token(name.as_bytes()) {
        return Err("the name of a field is letters, digits and !#$%&'*+-.^_`|~".into());
    }
    if value.chars().any(|character| character.is_control() && character != '\t') {
        return Err("the value of a field has no control characters".into());
    }
    Ok((name.into(), value.into()))
}

fn subprotocol(text: &str) -> Result<String, String> {
    let message = "a subprotocol is letters, digits and !#$%&'*+-.^_`|~";
    is_token(text.as_bytes()).then(|| text.into()).ok_or_else(|| message.into())
}

//! A client process: its share of the connections, on the reactor that the server runs on too.

use crate::options::Orders;
use crate::tally::{State, Tally};
use crate::words::{Command, Report};
use halloo::limits::Limits;
use halloo::net::{ConnectionId, Endpoint, Reactor, System, random};
use halloo::proto::{Batch, CloseCode, Config, Framing, Kind, Role};
use mio::unix::SourceFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections that one client process makes, asks or closes at once: few enough for the queues of listeners
/// and for the kernel's memory, when all processes do so together.
pub(crate) const AT_ONCE: usize = 64;

/// Answers are short.
const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;

/// How long nothing may happen until what is waited for is given up. So many processes wait long for their
/// turn.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often losses are reported at least.
const TICK: Duration = Duration::from_secs(1);

/// The addresses that connections come from begin here.
const FIRST_SOURCE: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);

/// Does what standard input says until it says quit or ends.
pub(crate) fn run(orders: &Orders) -> io::Result<()> {
    let mut client = Client::new(orders)?;
    report(&Report::Ready)?;
    let mut commands = Commands::default();
    loop {
        let command = match commands.next()? {
            Input::Nothing => {
                client.turn()?;
                continue;
            }
            Input::Line(line) => line.parse().map_err(io::Error::other)?,
            Input::End => Command::Quit,
        };
        let start = Instant::now();
        let count = match command {
            Command::Open(count) => client.open(count)?,
            Command::Prove(round) => client.prove(round)?,
            Command::Close => client.close()?,
            Command::Quit => return Ok(()),
        };
        report(&Report::Done { count, time: start.elapsed() })?;
    }
}

struct Client {
    reactor: Reactor<System, Tally>,
    server: Endpoint,
    config: Rc<Config>,
    sources: Vec<Ipv4Addr>,
    /// In the order of their numbers; `None` for one that could not even be registered.
    connections: Vec<Option<ConnectionId>>,
}

impl Client {
    fn new(orders: &Orders) -> io::Result<Self> {
        let mut config = Config::new(Role::Client, Framing::WebSocket);
        config.whole_messages = true;
        config.offer.target = "/".into();
        config.offer.host = orders.server.to_string();
        let limits = Limits {
            connections_max: usize::MAX,
            handshake_timeout: PATIENCE,
            close_timeout: PATIENCE,
            ..Limits::default()
        };
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random::from_system());
        let mut network = System::new()?;
        network.register_external(&mut SourceFd(&io::stdin().as_raw_fd()), 0)?;
        let first = FIRST_SOURCE.to_bits() + orders.index * orders.sources;
        Ok(Self {
            reactor: Reactor::new(network, Tally::new(orders.index), limits, batch),
            server: Endpoint::Tcp(orders.server),
            config: Rc::new(config),
            sources: (0..orders.sources).map(|nth| Ipv4Addr::from_bits(first + nth)).collect(),
            connections: Vec::new(),
        })
    }

    /// Makes so many connections; how many are open then.
    fn open(&mut self, count: usize) -> io::Result<usize> {
        let mut begun = 0;
        while begun < count || self.tally().count(State::Opening) > 0 {
            while begun < count && self.tally().count(State::Opening) < AT_ONCE {
                self.connect();
                begun += 1;
            }
            self.turn()?;
        }
        Ok(self.tally().count(State::Open))
    }

    fn connect(&mut self) {
        let source = self.sources[self.connections.len() % self.sources.len()];
        self.reactor.network_mut().connect_from(Some(source.into()));
        self.tally().begin();
        match self.reactor.connect(&self.server, Rc::clone(&self.config)) {
            Ok(connection) => self.connections.push(Some(connection)),
            Err(error) => {
                let tally = self.reactor.service_mut();
                if tally.state(self.connections.len()) == State::Ended {
                    // It was counted when it ended.
                    self.connections.push(None);
                } else {
                    tally.take_back();
                    tally.lose(1, &error.to_string());
                }
            }
        }
    }

    /// Has every connection echo its message; how many did.
    fn prove(&mut self, round: u32) -> io::Result<usize> {
        self.tally().begin_round(round);
        self.each(State::Asked, |reactor, connection, index| {
            let message = reactor.service_mut().message(index);
            reactor.tell(connection, |_, outbox| outbox.send(Kind::Binary, &[&message]))
        })?;
        Ok(self.tally().proved)
    }

    /// Closes every connection; how many were closed.
    fn close(&mut self) -> io::Result<usize> {
        let before = self.tally().count(State::Ended);
        self.each(State::Closing, |reactor, connection, _| {
            reactor.tell(connection, |_, outbox| outbox.close(CloseCode::NORMAL))
        })?;
        Ok(self.tally().count(State::Ended) - before)
    }

    /// Brings every open connection to a `state` by what `tell` tells it, so many at once, and waits until all
    /// have left that state again.
    fn each(
        &mut self,
        state: State,
        tell: impl Fn(&mut Reactor<System, Tally>, ConnectionId, usize) -> bool,
    ) -> io::Result<()> {
        let mut next = 0;
        let mut moved_at = Instant::now();
        while next < self.connections.len() || self.tally().count(state) > 0 {
            let waiting = self.tally().count(state);
            while next < self.connections.len() && self.tally().count(state) < AT_ONCE {
                let index = next;
                next += 1;
                let Some(connection) = self.connections[index] else { continue };
                if self.tally().state(index) != State::Open {
                    continue;
                }
                self.tally().set(index, state);
                if !tell(&mut self.reactor, connection, index) && self.tally().state(index) == state
                {
                    self.tally().set(index, State::Open);
                }
            }
            let asked = self.tally().count(state);
            self.turn()?;
            if self.tally().count(state) < asked || asked > waiting {
                moved_at = Instant::now();
            } else if moved_at.elapsed() > PATIENCE {
                self.tally().lose(asked, "no answer in time");
                return self.report_losses();
            }
        }
        Ok(())
    }

    fn turn(&mut self) -> io::Result<()> {
        self.reactor.turn(Some(TICK), &mut |_stdin| {})?;
        self.report_losses()
    }

    fn report_losses(&mut self) -> io::Result<()> {
        let losses = self.tally().take_losses();
        losses.into_iter().try_for_each(|(reason, count)| report(&Report::Lost { count, reason }))
    }

    fn tally(&mut self) -> &mut Tally {
        self.reactor.service_mut()
    }
}

/// The lines of standard input, read only when there is something.
#[derive(Default)]
struct Commands {
    read: Vec<u8>,
}

enum Input {
    Line(String),
    Nothing,
    End,
}

impl Commands {
    fn next(&mut self) -> io::Result<Input> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Ok(Input::Line(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            let stdin = rustix::stdio::stdin();
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&now))? == 0 {
                return Ok(Input::Nothing);
            }
            let mut buffer = [0; 1024];
            match rustix::io::read(stdin, &mut buffer)? {
                0 => return Ok(Input::End),
                count => self.read.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// Says it to the parent.
fn report(report: &Report) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{report}").and_then(|()| stdout.flush())
}

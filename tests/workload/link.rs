//! One connection: the bytes under way in both directions, and the server's session at its end.

use crate::plan::Scenario;
use halloo::net::Token;
use halloo::proto::{Config, Framing, Role, Session};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::rc::Rc;

/// What travels.
#[derive(Debug)]
pub(crate) enum Segment {
    Data(Vec<u8>),
    Fin,
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Connecting,
    Refused,
    Open,
    /// The load generator has dropped it.
    Gone,
}

pub(crate) struct Link {
    pub(crate) state: State,
    pub(crate) will_refuse: bool,
    pub(crate) token: Option<Token>,
    pub(crate) session: Session,
    /// What is to be reported by the next poll: readable, writable, read-closed.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) read_closed: bool,

    /// To the server, with the times of arrival.
    pub(crate) to_server: VecDeque<(u64, Segment)>,
    pub(crate) written: u64,
    /// The ends of writes, with their times.
    pub(crate) writes: VecDeque<(u64, u64)>,
    /// Bytes that the server has not read.
    pub(crate) unread: usize,
    /// A write was told that there is no room.
    pub(crate) is_choked: bool,
    /// When the load generator ended its output, or dropped the connection.
    pub(crate) ended_by_client: u64,

    /// Bytes that the server's session has been given.
    pub(crate) fed: u64,
    pub(crate) is_open: bool,
    /// The load generator has learned what became of its connect.
    pub(crate) is_known: bool,
    /// The message that is being received.
    pub(crate) partial: Vec<u8>,
    pub(crate) messages: u64,
    /// The server sends nothing more.
    pub(crate) is_over: bool,
    pub(crate) fin_sent: bool,
    /// When the last response leaves: echoes stay in order.
    pub(crate) last_response: u64,

    /// To the load generator, with the times of arrival.
    pub(crate) to_client: VecDeque<(u64, Segment)>,
    pub(crate) pushed: u64,
    /// The ends of messages in the bytes to the load generator, with their places in the books.
    pub(crate) marks: VecDeque<(u64, usize)>,
    pub(crate) marks_readable: usize,
    pub(crate) available: VecDeque<u8>,
    pub(crate) arrived: u64,
    pub(crate) taken: u64,
    pub(crate) fin_arrived: bool,
    pub(crate) error: Option<Errno>,
}

impl Link {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let config = Config::new(Role::Server, scenario.framing);
        Self {
            state: State::Connecting,
            will_refuse: false,
            token: None,
            session: Session::new(Rc::new(config)),
            readable: false,
            writable: false,
            read_closed: false,
            to_server: VecDeque::new(),
            written: 0,
            writes: VecDeque::new(),
            unread: 0,
            is_choked: false,
            ended_by_client: u64::MAX,
            fed: 0,
            is_open: false,
            is_known: false,
            partial: Vec::new(),
            messages: 0,
            is_over: false,
            fin_sent: false,
            last_response: 0,
            to_client: VecDeque::new(),
            pushed: 0,
            marks: VecDeque::new(),
            marks_readable: 0,
            available: VecDeque::new(),
            arrived: 0,
            taken: 0,
            fin_arrived: false,
            error: None,
        }
    }

    /// When the kernel took the byte before this offset from the load generator.
    pub(crate) fn written_at(&mut self, offset: u64) -> u64 {
        while self.writes.len() > 1 && self.writes[0].0 < offset {
            self.writes.pop_front();
        }
        self.writes.front().map_or(0, |&(_, when)| when)
    }

    pub(crate) fn has_event(&self) -> bool {
        self.token.is_some() && (self.readable || self.writable || self.read_closed)
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.session.config().framing == Framing::Raw
    }
}

//! What a client process knows of its connections: the service behind the client's sessions.

use halloo::proto::{End, Message, Outbox};
use halloo::service::{Context, Service};
use std::collections::BTreeMap;
use std::io::Write;

/// Bytes of the message that each connection has echoed.
pub(crate) const MESSAGE_BYTES: usize = 64;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Opening,
    Open,
    /// Its echo is waited for.
    Asked,
    Closing,
    Ended,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Tally {
    client: u32,
    /// Which time it is that every connection echoes; told apart, so that no echo counts twice.
    round: u32,
    /// By the connection's number less one.
    states: Vec<State>,
    counts: [usize; 5],
    /// Connections whose echo came in this round.
    pub(crate) proved: usize,
    /// By reason, since they were last reported.
    losses: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn new(client: u32) -> Self {
        Self {
            client,
            round: 0,
            states: Vec::new(),
            counts: [0; 5],
            proved: 0,
            losses: BTreeMap::new(),
        }
    }

    /// How many connections stand there.
    pub(crate) fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(crate) fn state(&self, index: usize) -> State {
        self.states[index]
    }

    pub(crate) fn set(&mut self, index: usize, state: State) {
        let old = std::mem::replace(&mut self.states[index], state);
        self.counts[old as usize] -= 1;
        self.counts[state as usize] += 1;
    }

    /// The next connection begins.
    pub(crate) fn begin(&mut self) {
        self.states.push(State::Opening);
        self.counts[State::Opening as usize] += 1;
    }

    /// The connection that began last has never been one.
    pub(crate) fn take_back(&mut self) {
        if self.states.pop().is_some_and(|state| state == State::Opening) {
            self.counts[State::Opening as usize] -= 1;
        }
    }

    pub(crate) fn lose(&mut self, count: usize, reason: &str) {
        *self.losses.entry(reason.to_owned()).or_default() += count;
    }

    /// The losses that were not taken yet.
    pub(crate) fn take_losses(&mut self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.losses)
    }

    /// Begins a round, in which none has echoed yet.
    pub(crate) fn begin_round(&mut self, round: u32) {
        self.round = round;
        self.proved = 0;
    }

    /// The message that the connection at `index` has echoed in this round: nobody else's.
    pub(crate) fn message(&self, index: usize) -> [u8; MESSAGE_BYTES] {
        let mut message = [b'.'; MESSAGE_BYTES];
        let Self { client, round, .. } = self;
        write!(&mut message[..], "client {client} connection {index} round {round} ")
            .expect("it is shorter");
        message
    }
}

impl Service for Tally {
    fn on_open(&mut self, context: &Context, _outbox: &mut Outbox<'_>) {
        self.set(index(context), State::Open);
    }

    fn on_message(&mut self, context: &Context, message: Message<'_>, _outbox: &mut Outbox<'_>) {
        let index = index(context);
        let is_right = message.is_whole() && *message.payload == self.message(index);
        if is_right && self.states[index] == State::Asked {
            self.set(index, State::Open);
            self.proved += 1;
        } else {
            self.lose(1, "what came back is not what was sent");
        }
    }

    fn on_close(&mut self, context: &Context, end: End) {
        let index = index(context);
        if self.states[index] != State::Closing {
            self.lose(1, &end.to_string());
        }
        self.set(index, State::Ended);
    }
}

/// Where it stands in the tally: connections are counted from 1.
fn index(context: &Context) -> usize {
    (context.connection - 1) as usize
}

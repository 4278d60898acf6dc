//! The server of the simulated world: real sessions, and a service that does what the plan says to
//! each message.

use crate::action::Action;
use crate::books::{Fate, Received, Sent, What};
use crate::link::{Segment, State};
use crate::plan::{Ending, Fault, MICROSECOND, MILLISECOND};
use crate::sabotage::Bug;
use crate::world::World;
use halloo::proto::session::Event;
use halloo::proto::{CloseCode, Framing, Kind, Stage, Status};
use std::mem::take;

/// A response that is scheduled.
pub(crate) struct Response {
    link: usize,
    kind: Kind,
    bytes: Vec<u8>,
    what: What,
    is_recorded: bool,
}

/// A message as the session delivers it: its kind, its bytes, and where it ends among all bytes
/// received.
type Arrived = (Kind, Vec<u8>, u64);

impl World {
    /// Something reaches the server.
    pub(crate) fn deliver(&mut self, when: u64, at: usize) {
        let Some((_, segment)) = self.links[at].to_server.pop_front() else { return };
        match segment {
            Segment::Data(bytes) => {
                self.links[at].unread -= bytes.len();
                if take(&mut self.links[at].is_choked) {
                    self.agenda.add(when + self.scenario.network, Action::Room(at));
                }
                for chunk in bytes.chunks(8 * 1024) {
                    self.feed(when, at, chunk);
                }
            }
            Segment::Fin => {
                let is_over = self.links[at].is_over;
                self.links[at].is_over = true;
                if !is_over {
                    self.with_session(when, at, |session, _| session.finish());
                }
                self.send_fin(when, at);
            }
            Segment::Reset => {}
        }
    }

    /// The server's session takes these bytes.
    pub(crate) fn feed(&mut self, when: u64, at: usize, bytes: &[u8]) {
        let link = &mut self.links[at];
        if link.is_over {
            return;
        }
        let was_open = link.is_open;
        let mut arrived: Vec<Arrived> = Vec::new();
        self.batch.begin(link.session.tail());
        self.batch.free()[..bytes.len()].copy_from_slice(bytes);
        self.batch.filled(bytes.len());
        link.fed += bytes.len() as u64;
        loop {
            let mut ended = None;
            match link.session.step(&mut self.batch) {
                Ok(Status::Complete(step)) => match step.unpack().0 {
                    Some(Event::Message(message)) => {
                        link.partial.extend_from_slice(message.payload);
                        ended = message.ends.then_some(message.kind);
                    }
                    Some(Event::Open) => link.is_open = true,
                    None => {}
                },
                Ok(Status::Partial) => break,
                Err(error) => {
                    let text = format!("link {at}: the server's session fails with {error:?}");
                    self.books.violation.get_or_insert(text);
                    link.session.fail(error, &mut self.batch);
                    break;
                }
            }
            if let Some(kind) = ended.filter(|_| !link.is_raw()) {
                let end = link.fed - self.batch.unread().len() as u64;
                arrived.push((kind, take(&mut link.partial), end));
            }
        }
        let whole = self.scenario.bytes;
        while link.is_raw() && link.partial.len() >= whole {
            let bytes = link.partial.drain(..whole).collect();
            let end = (link.messages + 1 + arrived.len() as u64) * whole as u64;
            arrived.push((Kind::Binary, bytes, end));
        }
        self.send_output(when, at);
        if self.links[at].is_open && !was_open && self.scenario.has(|it| *it == Fault::Greeting) {
            self.send_unasked(when, at);
        }
        for message in arrived {
            self.receive(when, at, message);
        }
        let link = &mut self.links[at];
        if link.session.stage() == Stage::Closing && !link.is_over {
            // The load generator has said close first.
            link.ended_by_client = link.ended_by_client.min(link.written_at(link.fed));
            link.is_over = true;
            self.send_fin(when, at);
        }
    }

    /// The service gets a message.
    fn receive(&mut self, when: u64, at: usize, (kind, bytes, end): Arrived) {
        let link = &mut self.links[at];
        let (number, written) = (link.messages, link.written_at(end));
        link.messages += 1;
        if bytes.len() != self.scenario.bytes {
            let text = format!("link {at}: message {number} has {} bytes", bytes.len());
            self.books.violation.get_or_insert(text);
        }
        self.trace.record(when, "receive", at, number as i64);
        let index = self.books.received.len();
        let fate = Fate::Echoed;
        self.books.received.push(Received { link: at, number, written, fate, response: None });
        self.decide(when, index, kind, bytes);
    }

    /// Does to a message what the plan says.
    fn decide(&mut self, when: u64, index: usize, mut kind: Kind, mut bytes: Vec<u8>) {
        let at = self.books.received[index].link;
        let mut delay = self.scenario.service;
        let (mut fate, mut to, mut copies, mut in_order) = (Fate::Echoed, at, 0, true);
        for fault in self.scenario.faults.clone() {
            let mut strikes = |one_in: u64| fate == Fate::Echoed && self.random.one_in(one_in);
            match fault {
                Fault::FixedDelay(time) => delay += time,
                Fault::RandomDelay(most) => delay += self.random.time(0, most),
                Fault::Drop { one_in } if strikes(one_in) => fate = Fate::Dropped,
                Fault::Corrupt { one_in } if strikes(one_in) => fate = Fate::Corrupted,
                Fault::ChangeOpcode { one_in } if strikes(one_in) => fate = Fate::OpcodeChanged,
                Fault::WrongResponse { one_in } if strikes(one_in) => fate = Fate::WrongResponse,
                Fault::Misdeliver { one_in } if strikes(one_in) => {
                    if let Some(other) = self.other_link(at) {
                        (fate, to) = (Fate::Misdelivered, other);
                    }
                }
                Fault::Duplicate { one_in } if strikes(one_in) => copies = 1,
                Fault::Late { one_in } if strikes(one_in) => {
                    delay += self.scenario.reply_timeout * 6 / 5 + 500 * MILLISECOND;
                    in_order = false;
                }
                Fault::Reorder { one_in } if strikes(one_in) => {
                    delay += 5 * MILLISECOND;
                    in_order = false;
                }
                _ => {}
            }
        }
        match fate {
            Fate::Corrupted => {
                let place = self.random.between(24, bytes.len() - 2);
                // No message of the load generator has this byte.
                bytes[place] = b'#';
            }
            Fate::OpcodeChanged => kind = Kind::Text,
            Fate::WrongResponse => bytes = self.foreign(b"error"),
            _ => {}
        }
        self.book_fate(index, fate);
        if fate == Fate::Dropped {
            return self.forget_drop(when + delay, index);
        }
        let mut departure = when + delay;
        if in_order {
            departure = departure.max(self.links[to].last_response);
            self.links[to].last_response = departure;
        }
        let what =
            if fate == Fate::Misdelivered { What::Misdelivered } else { What::Response(index) };
        self.schedule(
            departure,
            Response { link: to, kind, bytes: bytes.clone(), what, is_recorded: true },
        );
        let copy = if fate == Fate::Misdelivered { what } else { What::Copy };
        let is_recorded = !self.is_sabotaged(Bug::ForgottenCopy);
        for _ in 0..copies {
            let bytes = bytes.clone();
            self.schedule(departure, Response { link: to, kind, bytes, what: copy, is_recorded });
        }
    }

    fn book_fate(&mut self, index: usize, fate: Fate) {
        let is_forgotten = match fate {
            Fate::Dropped => self.is_sabotaged(Bug::ForgottenDrop),
            Fate::Corrupted => self.is_sabotaged(Bug::ForgottenDamage),
            _ => false,
        };
        self.books.received[index].fate = if is_forgotten { Fate::Echoed } else { fate };
    }

    /// Books a dropped echo as sent and read, if this world forgets drops.
    fn forget_drop(&mut self, when: u64, index: usize) {
        if self.is_sabotaged(Bug::ForgottenDrop) {
            let (link, what) = (self.books.received[index].link, What::Response(index));
            self.books.received[index].response = Some(self.books.sent.len());
            self.books.sent.push(Sent { link, what, readable: when, taken: when });
        }
    }

    fn schedule(&mut self, when: u64, response: Response) {
        self.responses.push(Some(response));
        self.agenda.add(when, Action::Respond(self.responses.len() - 1));
    }

    /// Another connection that is open.
    fn other_link(&mut self, at: usize) -> Option<usize> {
        let other = (at + self.random.between(1, self.links.len() - 1)) % self.links.len();
        let link = &self.links[other];
        let is_open = link.is_open && !link.is_over && link.state == State::Open;
        (other != at && is_open).then_some(other)
    }

    /// A message that is not one of the load generator's.
    fn foreign(&self, text: &[u8]) -> Vec<u8> {
        let end: &[u8] = if self.scenario.framing == Framing::Line { b"\n" } else { b"" };
        [text, end].concat()
    }

    /// A response leaves.
    pub(crate) fn respond(&mut self, when: u64, response: usize) {
        let Some(response) = self.responses[response].take() else { return };
        self.send(when, &response);
    }

    fn send(&mut self, when: u64, response: &Response) {
        let at = response.link;
        if self.links[at].is_over || self.links[at].state == State::Gone {
            return;
        }
        self.with_session(when, at, |session, batch| {
            session.outbox(batch).send(response.kind, &[&response.bytes]);
        });
        if !response.is_recorded {
            return;
        }
        let index = self.books.sent.len();
        self.books.sent.push(Sent { link: at, what: response.what, readable: 0, taken: 0 });
        let end = self.links[at].pushed;
        self.links[at].marks.push_back((end, index));
        if let What::Response(received) = response.what {
            self.books.received[received].response = Some(index);
        }
    }

    fn send_unasked(&mut self, when: u64, at: usize) {
        let (kind, bytes) = (Kind::Text, self.foreign(b"news"));
        let response = Response { link: at, kind, bytes, what: What::Unasked, is_recorded: true };
        self.send(when, &response);
    }

    /// The server sends a message that nobody asked for, and plans the next one.
    pub(crate) fn push(&mut self, when: u64, at: usize) {
        if !self.links[at].is_over && self.links[at].state == State::Open {
            self.send_unasked(when, at);
            self.schedule_push(when, at);
        }
    }

    pub(crate) fn schedule_push(&mut self, when: u64, at: usize) {
        for fault in &self.scenario.faults {
            if let Fault::Push { every } = fault {
                let after = self.random.time(every / 2, every * 3 / 2);
                self.agenda.add(when + after, Action::Push(at));
            }
        }
    }

    /// The server ends a connection.
    pub(crate) fn end(&mut self, when: u64, at: usize) {
        let how = self.scenario.faults.iter().find_map(|fault| match fault {
            Fault::End { how, .. } => Some(*how),
            _ => None,
        });
        let link = &mut self.links[at];
        let Some(how) = how.filter(|_| link.is_open && !link.is_over) else { return };
        self.trace.record(when, "end", at, 0);
        let name = match how {
            Ending::Fin => "FIN",
            Ending::Reset => "RST",
            Ending::Close => "close 1001",
        };
        if !self.is_sabotaged(Bug::ForgottenEnd) {
            self.books.ended.push((at, name));
        }
        match how {
            Ending::Fin => self.send_fin(when, at),
            Ending::Reset => self.send_segment(when, at, Segment::Reset),
            Ending::Close => {
                self.with_session(when, at, |session, batch| {
                    session.close(CloseCode::GOING_AWAY, batch);
                });
                self.send_fin(when + MILLISECOND, at);
            }
        }
        self.links[at].is_over = true;
    }

    fn with_session(
        &mut self,
        when: u64,
        at: usize,
        act: impl FnOnce(&mut halloo::proto::Session, &mut halloo::proto::Batch),
    ) {
        let link = &mut self.links[at];
        self.batch.begin(link.session.tail());
        act(&mut link.session, &mut self.batch);
        self.send_output(when, at);
    }

    /// Sends what the session has written, and ends the batch.
    fn send_output(&mut self, when: u64, at: usize) {
        let mut bytes = self.batch.output().concat();
        self.links[at]
            .session
            .keep(&self.batch, bytes.len())
            .expect("the memory of the server is unlimited");
        self.batch.finish();
        if bytes.is_empty() {
            return;
        }
        if bytes.len() > 1 && self.random.one_in(10) {
            let rest = bytes.split_off(self.random.between(1, bytes.len() - 1));
            self.send_segment(when, at, Segment::Data(bytes));
            bytes = rest;
        }
        self.send_segment(when, at, Segment::Data(bytes));
    }

    fn send_fin(&mut self, when: u64, at: usize) {
        if !std::mem::replace(&mut self.links[at].fin_sent, true) {
            self.send_segment(when, at, Segment::Fin);
        }
    }

    fn send_segment(&mut self, when: u64, at: usize, segment: Segment) {
        let jitter = self.random.time(0, 20 * MICROSECOND);
        let link = &mut self.links[at];
        if let Segment::Data(bytes) = &segment {
            link.pushed += bytes.len() as u64;
        }
        let last = link.to_client.back().map_or(0, |(when, _)| *when);
        let arrival = (when + self.scenario.network + jitter).max(last);
        link.to_client.push_back((arrival, segment));
        self.agenda.add(arrival, Action::Arrive(at));
    }
}

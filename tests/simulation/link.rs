//! One simulated TCP connection, as the two kernels see it.

use crate::farewell::Watch;
use halloo::net::{Peer, Readiness, Token};
use halloo::proto::End;
use rustix::io::Errno;

/// How far a connection has come on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nobody has connected yet.
    Nowhere,
    /// In the listener's queue.
    Queue,
    /// Accepted, or begun by our side: it owns a descriptor.
    Server,
    /// Closed, turned away, or never let in.
    Gone,
}

/// A queue of bytes with a cursor: nothing is moved until half of it is gone.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    start: usize,
}

impl Bytes {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn front(&self, count: usize) -> &[u8] {
        &self.bytes[self.start..self.start + count]
    }

    pub(crate) fn drop_front(&mut self, count: usize) {
        self.start += count;
        if self.start * 2 >= self.bytes.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) place: Place,
    pub(crate) peer: Peer,
    pub(crate) token: Option<Token>,
    /// Our side is connecting: nothing can be sent or received yet.
    pub(crate) is_connecting: bool,
    /// What connecting failed with.
    pub(crate) failure: Option<Errno>,
    /// The server's readiness changed since it was last reported.
    pub(crate) armed: bool,

    /// From the client, and not arrived.
    pub(crate) unsent: Bytes,
    /// Arrived, and not read.
    pub(crate) inbound: Bytes,
    /// How much may have arrived without being read.
    pub(crate) window: usize,
    /// The client ended its output; the server's kernel knows.
    pub(crate) fin_sent: bool,
    pub(crate) fin_arrived: bool,
    /// What has arrived is kept from the server for a while.
    pub(crate) hidden: bool,
    pub(crate) delivering: bool,
    /// Behind how many of the client's bytes the urgent mark is, if there is one.
    pub(crate) urgent_at: Option<usize>,

    /// Written by the server, and not read by the client.
    pub(crate) outbound: Bytes,
    /// The size of the server's send buffer.
    pub(crate) room: usize,
    /// The server's kernel takes nothing for a while.
    pub(crate) choked: bool,
    /// The kernel will announce room when there is some.
    pub(crate) wants_room: bool,
    /// A write was refused or cut short, and room was not announced since.
    pub(crate) write_blocked: bool,
    /// The server ended its output.
    pub(crate) server_fin: bool,
    /// What the server writes, if it is a WebSocket.
    pub(crate) watch: Option<Watch>,
    pub(crate) reading: bool,

    /// What the next call on the server's side fails with.
    pub(crate) error: Option<Errno>,
    /// Reset, by whomever.
    pub(crate) dead: bool,
    /// The transport failed, so that nothing can be demanded of what was on its way.
    pub(crate) broken: bool,
    pub(crate) facts: Facts,
}

/// What is known of how a connection went, for the invariants.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) bytes_read: usize,
    /// Bytes of the message in progress that were read, or a few more.
    pub(crate) bytes_unfinished: usize,
    /// Bytes of the last read.
    pub(crate) last_read_bytes: usize,
    /// The last read that may have been progress inside of a long message.
    pub(crate) progress_at: u64,
    /// Bytes of messages that the service was lent in this turn, and in the last.
    pub(crate) bytes_lent: usize,
    pub(crate) bytes_lent_before: usize,
    pub(crate) accepted_at: u64,
    /// When our side was connected.
    pub(crate) connected_at: Option<u64>,
    /// When an event first said, truly or not, that it can be written to.
    pub(crate) told_at: Option<u64>,
    /// When all of the head that lets our side in was read, where our side is the client.
    pub(crate) head_at: Option<u64>,
    pub(crate) opened_at: Option<u64>,
    pub(crate) last_message_at: u64,
    /// When our service last said something on a connection that our side made.
    pub(crate) asked_at: u64,
    /// The last read before the server had said its last words.
    pub(crate) heard_at: u64,
    pub(crate) first_write_at: Option<u64>,
    pub(crate) last_write_at: u64,
    /// When the server last found that it could not write all it had.
    pub(crate) blocked_at: u64,
    /// When the server had said its last words: a Close, or where there is none the end of its output.
    pub(crate) farewell_at: Option<u64>,
    /// When the server ended its output before it closed.
    pub(crate) shut_at: Option<u64>,
    /// It did so though its Close was not answered, and might yet have been.
    pub(crate) was_impatient: bool,
    /// What the server had read when it had said its last words or closed.
    pub(crate) read_in_time: Option<usize>,
    /// When the server read the end of input.
    pub(crate) eof_at: Option<u64>,
    /// When the server closed its descriptor.
    pub(crate) closed_at: Option<u64>,
    /// What a read would have had to find when the server was asked to stop.
    pub(crate) visible_at_stop: Option<usize>,
    pub(crate) end: Option<End>,
}

impl Link {
    pub(crate) fn new(peer: Peer, window: usize, room: usize, watch: Option<Watch>) -> Self {
        Self {
            place: Place::Nowhere,
            peer,
            token: None,
            is_connecting: false,
            failure: None,
            armed: false,
            unsent: Bytes::default(),
            inbound: Bytes::default(),
            window,
            fin_sent: false,
            fin_arrived: false,
            hidden: false,
            delivering: false,
            urgent_at: None,
            outbound: Bytes::default(),
            room,
            choked: false,
            wants_room: false,
            write_blocked: false,
            server_fin: false,
            watch,
            reading: false,
            error: None,
            dead: false,
            broken: false,
            facts: Facts::default(),
        }
    }

    /// Whether a read would not block.
    pub(crate) fn is_readable(&self) -> bool {
        !self.hidden && (!self.inbound.is_empty() || self.fin_arrived || self.dead)
    }

    /// Puts an urgent mark behind what was said so far. A later mark takes the place of an earlier one.
    pub(crate) fn mark_urgent(&mut self) {
        self.urgent_at = Some(self.facts.bytes_read + self.inbound.len() + self.unsent.len());
    }

    /// How many bytes from here to the urgent mark, where a read stops that has brought something.
    pub(crate) fn bytes_to_mark(&self) -> Option<usize> {
        self.urgent_at?.checked_sub(self.facts.bytes_read).filter(|&count| count > 0)
    }

    /// Whether the urgent mark has arrived and was not read past.
    fn is_urgent(&self) -> bool {
        let arrived = self.facts.bytes_read + self.inbound.len();
        self.urgent_at.is_some_and(|mark| self.facts.bytes_read <= mark && mark < arrived)
    }

    /// How many bytes a write would take.
    pub(crate) fn free(&self) -> usize {
        if self.choked { 0 } else { self.room - self.outbound.len() }
    }

    /// As Linux has it: writable while a third of the send buffer is free.
    pub(crate) fn is_writable(&self) -> bool {
        self.dead || (!self.choked && self.free() * 3 >= self.room)
    }

    /// Whether the kernel should now announce room.
    pub(crate) fn takes_room_edge(&mut self) -> bool {
        if !self.wants_room || !self.is_writable() {
            return false;
        }
        self.wants_room = false;
        self.write_blocked = false;
        true
    }

    /// The server has said its last words, perhaps only now.
    pub(crate) fn note_farewell(&mut self, now: u64) {
        if self.facts.farewell_at.is_none() {
            self.facts.farewell_at = Some(now);
            self.facts.read_in_time = Some(self.facts.bytes_read);
        }
    }

    /// What epoll says about it at this moment, if anything.
    pub(crate) fn readiness(&mut self) -> Option<Readiness> {
        let readable = self.is_readable();
        let writable = self.is_writable();
        // Linux: asking for room that is not there is remembered.
        self.wants_room |= !writable;
        if writable {
            self.write_blocked = false;
        }
        let read_closed = readable && (self.fin_arrived || self.dead);
        let token = self.token?;
        let urgent = !self.hidden && self.is_urgent();
        let event = Readiness { token, readable, writable, read_closed, urgent };
        (readable || writable).then_some(event)
    }

    /// The connection is no more; `error` is what the server is told first.
    pub(crate) fn reset(&mut self, error: Errno) {
        self.dead = true;
        self.broken = true;
        self.is_connecting = false;
        self.error = Some(error);
        self.hidden = false;
        self.choked = false;
        self.write_blocked = false;
        self.unsent.clear();
        self.outbound.clear();
    }
}

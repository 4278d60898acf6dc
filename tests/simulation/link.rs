//! One simulated TCP connection, as the two kernels see it.

use crate::close_watch::Watch;
use halloo::net::{Peer, Readiness, Token};
use halloo::proto::End;
use rustix::io::Errno;

/// The state of a connection on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not connected yet.
    Nowhere,
    /// In the accept queue.
    Queue,
    /// Accepted, or begun by our side: it owns a descriptor.
    Server,
    /// Closed, rejected, or never accepted.
    Gone,
}

/// A byte queue with a cursor: bytes are moved only after half of the queue has been read.
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
    /// Our side is connecting: it can neither send nor receive yet.
    pub(crate) is_connecting: bool,
    /// The error with which connecting failed.
    pub(crate) failure: Option<Errno>,
    /// The server's readiness has changed since the last report.
    pub(crate) armed: bool,

    /// Sent by the client and not arrived.
    pub(crate) unsent: Bytes,
    /// Arrived and not read.
    pub(crate) inbound: Bytes,
    /// Capacity of the receive buffer.
    pub(crate) window: usize,
    /// The client ended its output and the server's kernel has received the FIN.
    pub(crate) fin_sent: bool,
    pub(crate) fin_arrived: bool,
    /// Input that has arrived is hidden from the server for a while.
    pub(crate) hidden: bool,
    pub(crate) delivering: bool,
    /// The offset of the urgent mark in the client's output, if there is one.
    pub(crate) urgent_at: Option<usize>,

    /// Written by the server and not read by the client.
    pub(crate) outbound: Bytes,
    /// The size of the server's send buffer.
    pub(crate) room: usize,
    /// The server's kernel accepts no output for a while.
    pub(crate) choked: bool,
    /// The kernel will report room when there is some.
    pub(crate) wants_room: bool,
    /// A write was refused or short, and room has not been reported since.
    pub(crate) write_blocked: bool,
    /// The server ended its output.
    pub(crate) server_fin: bool,
    /// The parser of the server's output, on a WebSocket.
    pub(crate) watch: Option<Watch>,
    pub(crate) reading: bool,

    /// The error of the next call on the server's side.
    pub(crate) error: Option<Errno>,
    /// Reset by either side.
    pub(crate) dead: bool,
    /// The transport failed: data that was in flight may be lost.
    pub(crate) broken: bool,
    pub(crate) facts: Facts,
}

/// The history of a connection, for the invariants.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) bytes_read: usize,
    /// Bytes read of the message in progress, or a few more.
    pub(crate) bytes_unfinished: usize,
    /// Bytes of the last read.
    pub(crate) last_read_bytes: usize,
    /// The last read that may count as progress inside a long message.
    pub(crate) progress_at: u64,
    /// Message bytes lent to the service in this turn and in the previous one.
    pub(crate) bytes_lent: usize,
    pub(crate) bytes_lent_before: usize,
    pub(crate) accepted_at: u64,
    /// When our side was connected.
    pub(crate) connected_at: Option<u64>,
    /// When an event first reported, correctly or not, that the connection is writable.
    pub(crate) told_at: Option<u64>,
    /// When our side, as the client, had read the complete head that opens the connection.
    pub(crate) head_at: Option<u64>,
    pub(crate) opened_at: Option<u64>,
    pub(crate) last_message_at: u64,
    /// When our service last sent on an outgoing connection.
    pub(crate) sent_at: u64,
    /// The last read before the server had sent its Close or ended its output.
    pub(crate) read_at: u64,
    pub(crate) first_write_at: Option<u64>,
    pub(crate) last_write_at: u64,
    /// When the server last had a short or refused write.
    pub(crate) blocked_at: u64,
    /// When the server had sent its Close or, without one, had ended its output.
    pub(crate) output_end_at: Option<u64>,
    /// When the server ended its output before closing.
    pub(crate) shut_at: Option<u64>,
    /// The server ended its output while a reply to its Close was still possible.
    pub(crate) was_impatient: bool,
    /// Bytes that the server had read when it sent its Close, ended its output, or closed.
    pub(crate) read_in_time: Option<usize>,
    /// When the server read the end of input.
    pub(crate) eof_at: Option<u64>,
    /// When the server closed its descriptor.
    pub(crate) closed_at: Option<u64>,
    /// Bytes that a read would have had to return when the server was asked to stop.
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

    /// Puts an urgent mark at the end of the client's output. A later mark replaces an earlier one.
    pub(crate) fn mark_urgent(&mut self) {
        self.urgent_at = Some(self.facts.bytes_read + self.inbound.len() + self.unsent.len());
    }

    /// Bytes up to the urgent mark, at which a read stops once it has returned something.
    pub(crate) fn bytes_to_mark(&self) -> Option<usize> {
        self.urgent_at?.checked_sub(self.facts.bytes_read).filter(|&count| count > 0)
    }

    /// Whether the urgent mark has arrived and was not read past.
    fn is_urgent(&self) -> bool {
        let arrived = self.facts.bytes_read + self.inbound.len();
        self.urgent_at.is_some_and(|mark| self.facts.bytes_read <= mark && mark < arrived)
    }

    /// The number of bytes that a write would accept.
    pub(crate) fn free(&self) -> usize {
        if self.choked { 0 } else { self.room - self.outbound.len() }
    }

    /// As on Linux: writable while a third of the send buffer is free.
    pub(crate) fn is_writable(&self) -> bool {
        self.dead || (!self.choked && self.free() * 3 >= self.room)
    }

    /// Whether the kernel should now report room.
    pub(crate) fn takes_room_edge(&mut self) -> bool {
        if !self.wants_room || !self.is_writable() {
            return false;
        }
        self.wants_room = false;
        self.write_blocked = false;
        true
    }

    /// The server has sent its Close or ended its output, possibly in this call.
    pub(crate) fn note_output_end(&mut self, now: u64) {
        if self.facts.output_end_at.is_none() {
            self.facts.output_end_at = Some(now);
            self.facts.read_in_time = Some(self.facts.bytes_read);
        }
    }

    /// The event that epoll would report now, if any.
    pub(crate) fn readiness(&mut self) -> Option<Readiness> {
        let readable = self.is_readable();
        let writable = self.is_writable();
        // Linux remembers a failed attempt to write.
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

    /// The connection is gone; the server's next call fails with `error`.
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

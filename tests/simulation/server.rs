//! The server's calls on a simulated connection, and the faults they meet.

use crate::action::Action;
use crate::link::{Link, Place};
use crate::plan::MILLISECOND;
use crate::turn::{BATCH_BYTES_MAX, PROGRESS_BYTES};
use crate::world::World;
use rustix::io::Errno;
use std::io;

/// The cost of a call: 1 µs.
const CALL_NANOSECONDS: u64 = 1_000;

/// The longest time that the calls of one turn take: the server's clock does not advance meanwhile.
const TURN_NANOSECONDS_MAX: u64 = 20 * MILLISECOND;

/// A transient fault.
enum Hitch {
    Interrupted,
    WouldBlock,
    Short,
}

impl World {
    /// Advances time and performs due actions, also between two calls of one turn.
    pub(crate) fn spend(&mut self) {
        self.now += CALL_NANOSECONDS;
        self.catch_up();
    }

    pub(crate) fn note(&mut self, what: &'static str, at: usize, result: &io::Result<usize>) {
        let number = match result {
            Ok(count) => *count as i64,
            Err(error) => error.raw_os_error().map_or(-1, |code| -i64::from(code)),
        };
        self.trace.record(self.now, what, at, number);
    }

    fn hitch(&mut self) -> Option<Hitch> {
        if !self.random.one_in(self.plan.rates.calls) {
            return None;
        }
        Some(match self.random.between(0, 2) {
            0 => Hitch::Interrupted,
            1 => Hitch::WouldBlock,
            _ => Hitch::Short,
        })
    }

    /// Rarely breaks the connection.
    fn breakage(&mut self, at: usize, errors: &[Errno]) -> Option<io::Error> {
        if !self.random.one_in(self.plan.rates.breaks) {
            return None;
        }
        let error = self.random.pick(errors);
        self.links[at].reset(error);
        self.links[at].error = None;
        self.links[at].failure = None;
        self.clients[at].saw_reset = true;
        Some(error.into())
    }

    /// Hides the rest of the input from the server until later.
    fn hide(&mut self, at: usize) {
        self.links[at].hidden = true;
        if self.stopped_at.is_some() {
            self.links[at].facts.visible_at_stop = None;
        }
        let delay = self.random.time(1, 10 * self.plan.latency);
        self.agenda.add(self.now + delay, Action::Reveal(at));
    }

    pub(crate) fn server_read(&mut self, at: usize, buffer: &mut [u8]) -> io::Result<usize> {
        self.spend();
        if self.links[at].write_blocked {
            self.violate(format!("link {at}: it reads though its output is blocked"));
        }
        self.check_others_first(at);
        let result = self.try_read(at, buffer);
        self.note("read", at, &result);
        let Ok(count) = result else { return result };
        self.idle_spins = 0;
        let link = &mut self.links[at];
        if count == 0 {
            if link.facts.eof_at.replace(self.now).is_some() {
                self.violate(format!("link {at}: the end of input was read twice"));
            }
            return result;
        }
        link.facts.bytes_read += count;
        link.facts.last_read_bytes = count;
        link.facts.bytes_unfinished += count;
        if link.facts.bytes_unfinished >= PROGRESS_BYTES {
            link.facts.progress_at = self.now;
        }
        if link.facts.output_end_at.is_none() {
            link.facts.read_at = self.now;
        }
        let bytes_read = link.facts.bytes_read;
        if self.clients[at].host().is_some_and(|host| host.has_open_head(bytes_read)) {
            link.facts.head_at.get_or_insert(self.now);
        }
        self.counters.bytes_read += count as u64;
        self.schedule_delivery(at);
        result
    }

    fn try_read(&mut self, at: usize, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.breakage(at, &[Errno::CONNRESET, Errno::TIMEDOUT]) {
            return Err(error);
        }
        let link = &mut self.links[at];
        let available = if link.hidden { 0 } else { link.inbound.len() };
        if available == 0 {
            if let Some(error) = link.error.take() {
                return Err(error.into());
            }
            let is_over = !link.hidden && (link.fin_arrived || link.dead);
            return if is_over { Ok(0) } else { Err(Errno::AGAIN.into()) };
        }
        let mut count = available.min(buffer.len());
        // tcp(7): a read stops at the urgent mark, even if bytes follow it.
        count = link.bytes_to_mark().map_or(count, |bytes| count.min(bytes));
        match self.hitch() {
            Some(Hitch::Interrupted) => return Err(Errno::INTR.into()),
            Some(Hitch::WouldBlock) => {
                self.hide(at);
                return Err(Errno::AGAIN.into());
            }
            Some(Hitch::Short) if count > 1 => {
                count = self.random.between(1, count - 1);
                self.hide(at);
            }
            _ => {}
        }
        let link = &mut self.links[at];
        buffer[..count].copy_from_slice(link.inbound.front(count));
        link.inbound.drop_front(count);
        Ok(count)
    }

    pub(crate) fn server_write(&mut self, at: usize, parts: [&[u8]; 2]) -> io::Result<usize> {
        self.spend();
        let offered = parts[0].len() + parts[1].len();
        if offered > BATCH_BYTES_MAX {
            self.violate(format!("link {at}: {offered} bytes are written at once"));
        }
        let result = self.try_write(at, parts);
        self.note("write", at, &result);
        if self.links[at].server_fin {
            self.violate(format!("link {at}: a write after the end of output"));
        }
        let Ok(count) = result else { return result };
        self.idle_spins = 0;
        self.counters.bytes_written += count as u64;
        let now = self.now;
        let facts = &mut self.links[at].facts;
        facts.first_write_at.get_or_insert(now);
        facts.last_write_at = now;
        self.watch(at, parts, count);
        if self.clients[at].is_gone {
            // The client closed both directions: further input is answered with a reset.
            let delay = self.random.time(0, self.plan.latency);
            self.agenda.add(self.now + delay, Action::Reset(at));
        }
        self.schedule_read(at);
        result
    }

    /// Looks for the server's Close in the first `count` bytes that were written.
    fn watch(&mut self, at: usize, parts: [&[u8]; 2], count: usize) {
        let first = count.min(parts[0].len());
        for written in [&parts[0][..first], &parts[1][..count - first]] {
            let Some(watch) = &mut self.links[at].watch else { return };
            match watch.write(written) {
                Ok(true) => self.links[at].note_output_end(self.now),
                Ok(false) => {}
                Err(what) => self.violate(format!("link {at}: {what}")),
            }
        }
    }

    fn try_write(&mut self, at: usize, parts: [&[u8]; 2]) -> io::Result<usize> {
        let errors = [Errno::CONNRESET, Errno::PIPE, Errno::TIMEDOUT, Errno::NOBUFS];
        if let Some(error) = self.breakage(at, &errors) {
            return Err(error);
        }
        let link = &mut self.links[at];
        if link.dead {
            return Err(link.error.take().unwrap_or(Errno::PIPE).into());
        }
        let wanted = parts[0].len() + parts[1].len();
        let mut count = wanted.min(link.free());
        match self.hitch() {
            Some(Hitch::Interrupted) => return Err(Errno::INTR.into()),
            Some(Hitch::WouldBlock) => count = 0,
            Some(Hitch::Short) if count > 1 => count = self.random.between(1, count - 1),
            _ => {}
        }
        let link = &mut self.links[at];
        let first = count.min(parts[0].len());
        link.outbound.push(&parts[0][..first]);
        link.outbound.push(&parts[1][..count - first]);
        if count == wanted {
            // A spurious event may have triggered the attempt before room was reported.
            link.write_blocked = false;
            return Ok(count);
        }
        link.wants_room = true;
        if !std::mem::replace(&mut link.write_blocked, true) {
            link.facts.blocked_at = self.now;
        }
        if link.is_writable() {
            link.choked = true;
            let delay = self.random.time(1, 10 * self.plan.latency);
            self.agenda.add(self.now + delay, Action::Room(at));
        }
        if count > 0 { Ok(count) } else { Err(Errno::AGAIN.into()) }
    }

    pub(crate) fn server_shutdown(&mut self, at: usize) -> io::Result<()> {
        self.spend();
        self.trace.record(self.now, "shutdown", at, 0);
        let was_impatient = self.is_close_awaited(at);
        let link = &mut self.links[at];
        if link.facts.shut_at.replace(self.now).is_some() {
            self.violate(format!("link {at}: its output was ended twice"));
            return Ok(());
        }
        // The peer may be gone, but the server has ended its output, and its close timeout starts
        // here.
        link.note_output_end(self.now);
        if link.is_connecting {
            // Linux aborts the connection attempt.
            link.reset(Errno::CONNRESET);
            link.armed = true;
            return Ok(());
        }
        if link.dead {
            return Err(Errno::NOTCONN.into());
        }
        link.server_fin = true;
        link.facts.was_impatient = was_impatient;
        self.schedule_read(at);
        Ok(())
    }

    /// Whether the server has sent a Close and the client still has time to reply.
    fn is_close_awaited(&self, at: usize) -> bool {
        let Link { facts, .. } = &self.links[at];
        let Some(close_at) = facts.output_end_at else { return false };
        let close_timeout = self.plan.limits.close_timeout.as_nanos() as u64;
        let until = (close_at + self.plan.close_reply_wait()).min(facts.read_at + close_timeout);
        !self.clients[at].has_closed(facts.bytes_read) && self.now + TURN_NANOSECONDS_MAX < until
    }

    /// The server closes its descriptor.
    pub(crate) fn server_close(&mut self, at: usize) {
        self.trace.record(self.now, "close", at, 0);
        self.descriptors_used -= 1;
        let link = &mut self.links[at];
        link.place = Place::Gone;
        link.armed = false;
        link.facts.closed_at = Some(self.now);
        match link.token {
            Some(token) => self.closed_tokens.push(token),
            None => self.reject(at),
        }
        let link = &mut self.links[at];
        if link.dead || link.is_connecting {
            return;
        }
        link.facts.read_in_time.get_or_insert(link.facts.bytes_read);
        let has_unread = !link.inbound.is_empty();
        link.server_fin = true;
        if has_unread {
            // Linux: closing with unread input sends a reset, and data not yet delivered is lost.
            self.refuse(at);
        } else {
            self.schedule_read(at);
        }
    }
}

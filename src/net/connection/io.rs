//! Reading and writing: input goes from the stream to the batch, output from the batch to the
//! stream.

use super::flags::{Flag, Flags};
use super::{Connection, Shared};
use crate::limits::SHARED_TURN_BYTES;
use crate::net::network::Stream;
use crate::proto::batch::BATCH_WORK_BYTES_MAX;
use crate::proto::{End, Error, Framing, Stage, TlsFailure};
use crate::service::{Handshake, Milestone, Service};
use std::io::{self, ErrorKind};

impl<T: Stream> Connection<T> {
    /// Sends the backlog.
    pub(super) fn flush<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if !self.is_blocked() || !self.flags.has(Flag::Writable) {
            return;
        }
        match write(&mut self.stream, &mut self.flags, [self.session.pending(), &[]]) {
            Ok(sent) => {
                *shared.bytes_sent += sent as u64;
                self.session.advance(sent);
                self.shut_down_output();
            }
            Err(error) => self.abort(end_of(&error)),
        }
    }

    /// Reads once. The budget of a connection for one turn is the size of the receive buffer, or
    /// less while a connection with less input waits.
    pub(super) fn receive<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if !self.flags.has(Flag::Readable) || self.flags.has(Flag::Eof) {
            return;
        }
        let free = shared.batch.free();
        // If the input expands, a whole buffer would only be carried from batch to batch.
        let is_shared = shared.others_waiting || self.flags.has(Flag::OverBudget);
        let wanted = if is_shared { free.len().min(SHARED_TURN_BYTES) } else { free.len() };
        match self.stream.read(&mut free[..wanted]) {
            Ok(0) => self.flags.set(Flag::Eof, true),
            Ok(count) => {
                shared.batch.filled(count);
                *shared.bytes_received += count as u64;
                if let Some(clock) = &mut shared.clock {
                    shared.now = Some(clock());
                }
                self.flags.set(Flag::Active, true);
                if self.flags.has(Flag::Opening) {
                    self.show_response(shared, count);
                }
                self.flags.set(Flag::Bulk, count >= SHARED_TURN_BYTES);
                // A short read: no more input was available. This saves the call that would return
                // `WouldBlock`.
                self.flags.set(
                    Flag::Readable,
                    count == wanted
                        || self.flags.has(Flag::ReadClosed)
                        || self.flags.has(Flag::Urgent)
                        || self.stream.may_hold_input(),
                );
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.flags.set(Flag::Readable, false);
                self.flags.set(Flag::Urgent, false);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => match tls_failure(&error) {
                Some(failure) => self.refuse(failure),
                None => self.abort(end_of(&error)),
            },
        }
    }

    /// Reads once, and reports the milestones of an outgoing connection that were passed.
    pub(super) fn receive_while_opening<S: Service>(
        &mut self,
        was_connecting: bool,
        shared: &mut Shared<'_, S>,
    ) {
        let (before, was_established) = (shared.now, self.stream.is_established());
        self.receive(shared);
        // Only the read shows whether the attempt has succeeded.
        if self.flags.has(Flag::Aborted) {
            return;
        }
        if was_connecting {
            shared.service.on_milestone(&self.context(before), Milestone::Connected);
        }
        if !was_established && self.stream.is_established() {
            // The time includes the handshake's cryptography.
            if let Some(clock) = &mut shared.clock {
                shared.now = Some(clock());
            }
            shared.service.on_milestone(&self.context(shared.now), Milestone::Secured);
        }
    }

    /// Passes the last `count` bytes received to the service, if they belong to the opening
    /// handshake.
    pub(super) fn show_response<S: Service>(&self, shared: &mut Shared<'_, S>, count: usize) {
        let is_response = self.session.config().framing == Framing::WebSocket
            && matches!(self.session.stage(), Stage::Handshake | Stage::Closing);
        if is_response {
            let unread = shared.batch.unread();
            let bytes = Handshake::Received(&unread[unread.len() - count..]);
            shared.service.on_handshake(&self.context(shared.now), bytes);
        }
    }

    /// Sends only TLS's own closing output, and waits for the end of input.
    pub(super) fn refuse(&mut self, failure: TlsFailure) {
        self.end_with(End::Tls(failure));
        self.session.abort();
    }

    /// Writes the batch's output, and leaves with the session what the kernel does not accept.
    pub(super) fn send<S: Service>(&mut self, shared: &mut Shared<'_, S>) {
        if shared.batch.take_exhaustion() {
            self.end_with(End::Failed(Error::MemoryExhausted));
            self.session.fail(Error::MemoryExhausted, shared.batch);
        }
        self.flags.set(Flag::OverBudget, shared.batch.work() >= BATCH_WORK_BYTES_MAX);
        let output = shared.batch.output();
        let has_output = output.iter().any(|part| !part.is_empty());
        let mut sent = 0;
        if has_output && self.flags.has(Flag::Opening) && self.session.stage() == Stage::Handshake {
            // The request is in one of the two parts.
            for request in output.into_iter().filter(|part| !part.is_empty()) {
                let context = self.context(shared.now);
                shared.service.on_handshake(&context, Handshake::Sent(request));
            }
        }
        if has_output && self.flags.has(Flag::Writable) && !self.is_blocked() {
            match write(&mut self.stream, &mut self.flags, output) {
                Ok(count) => sent = count,
                Err(error) => return self.abort(end_of(&error)),
            }
        }
        *shared.bytes_sent += sent as u64;
        shared.batch.release_message();
        if let Err(error) = self.session.keep(shared.batch, sent) {
            self.abort(End::Failed(error));
        }
        shared.batch.finish();
        self.shut_down_output();
    }

    /// Ends our output once nothing is left to send. The peer then receives our Close frame or HTTP
    /// response and an end of input, and not the reset that closing a socket with unread input
    /// would send.
    pub(super) fn shut_down_output(&mut self) {
        let is_due = self.session.wants_shutdown() && !self.is_blocked();
        // After the end of input, closing the socket is enough, unless the stream has a closing
        // message to send.
        let is_useful = !self.flags.has(Flag::Eof) || self.stream.owes_close_notify();
        if is_due && is_useful && !self.flags.has(Flag::ShutdownSent) {
            self.flags.set(Flag::ShutdownSent, true);
            // It can only fail because the connection is already gone, and the next read will
            // report that.
            let _ = self.stream.shutdown_write();
        }
    }
}

/// Writes once, first what the stream itself still holds. A short write means that the stream is
/// full.
fn write<T: Stream>(stream: &mut T, flags: &mut Flags, parts: [&[u8]; 2]) -> io::Result<usize> {
    let total = parts[0].len() + parts[1].len();
    let result = if total > 0 { stream.write(parts) } else { stream.flush().map(|()| 0) };
    match result {
        Ok(count) => {
            flags.set(Flag::Writable, count == total && stream.unsent_bytes_max() == 0);
            Ok(count)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            flags.set(Flag::Writable, false);
            Ok(0)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
        Err(error) => Err(error),
    }
}

fn tls_failure(error: &io::Error) -> Option<TlsFailure> {
    error.get_ref()?.downcast_ref::<TlsFailure>().copied()
}

fn end_of(error: &io::Error) -> End {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => End::Reset,
        ErrorKind::BrokenPipe | ErrorKind::NotConnected => End::BrokenPipe,
        ErrorKind::ConnectionRefused => End::Refused,
        ErrorKind::TimedOut => End::TimedOut,
        _ => End::Transport,
    }
}

//! One TLS connection over TCP.

use super::records::Records;
use crate::net::network::Stream;
use crate::proto::TlsFailure;
use log::debug;
use mio::net::TcpStream;
use rustls::{CertificateError, Connection, Error, HandshakeType, InvalidMessage};
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::Shutdown;

/// More than the largest record carries (RFC 8446 §5.1, 16 KiB): the space in front of received
/// ciphertext, so that plaintext never overwrites ciphertext that is not yet decrypted.
const RECORD_BYTES_MAX: usize = 17 * 1024;

/// The most ciphertext that may wait for the peer to read it: 64 KiB, four records. A connection
/// that has any is charged with all of it.
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// One TLS connection. Ciphertext waits here only until its record is complete.
#[derive(Debug)]
pub struct TlsStream {
    socket: TcpStream,
    /// `None` once nothing can be sent or received any more: its memory has been released.
    tls: Option<Connection>,
    /// What the library holds of the peer's input.
    records: Records,
    /// Plaintext in the library that did not fit into a buffer.
    plaintext_bytes: usize,
    /// The last read left input, in the socket or here.
    may_hold_input: bool,
    /// The peer's error. Everything that it sends from then on is discarded.
    failure: Option<TlsFailure>,
    /// The failure was reported.
    is_failed: bool,
    output: Output,
}

/// The state of our output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Open,
    /// close_notify is queued; the socket's output ends when everything is sent.
    Ending,
    /// The socket's output has ended as well. Any further TLS output is discarded.
    Ended,
}

impl TlsStream {
    pub(in crate::net::os::tls) fn new(socket: TcpStream, mut tls: Connection) -> Self {
        tls.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        Self {
            socket,
            tls: Some(tls),
            records: Records::default(),
            plaintext_bytes: 0,
            may_hold_input: false,
            failure: None,
            is_failed: false,
            output: Output::Open,
        }
    }

    pub(in crate::net) fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Reads from the socket into the back of `buffer`, and decrypts into the front.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let front = RECORD_BYTES_MAX.min(buffer.len() / 2);
        let room = buffer.len() - front;
        let received = self.socket.read(&mut buffer[front..])?;
        if received == 0 {
            return self.receive_eof();
        }
        self.may_hold_input = received == room;
        let decrypted = self.decrypt(buffer, front, received);
        // TLS's own responses. If they cannot be sent now they wait, like any other output.
        let _ = self.flush();
        match decrypted {
            // The input was TLS's own. The next read finds more, or the end.
            0 => Err(ErrorKind::Interrupted.into()),
            count => Ok(count),
        }
    }

    /// Decrypts the `received` bytes at `start` into the front, and returns the length of the
    /// plaintext.
    fn decrypt(&mut self, buffer: &mut [u8], start: usize, received: usize) -> usize {
        let (mut next, end) = (start, start + received);
        let mut decrypted = 0;
        while next < end
            && let Some(tls) = &mut self.tls
        {
            let was_handshaking = tls.is_handshaking();
            match tls.read_tls(&mut &buffer[next..end]) {
                // The library takes nothing after close_notify: "Any data received after a closure
                // alert has been received MUST be ignored" (RFC 8446 §6.1).
                Ok(0) => break,
                Ok(taken) => {
                    self.records.receive(&buffer[next..next + taken]);
                    next += taken;
                }
                // The library has no space. That cannot happen, since all its plaintext is taken;
                // but nothing may be lost.
                Err(error) => {
                    self.fail(&Error::General(error.to_string()));
                    break;
                }
            }
            let state = match tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            };
            let waiting = state.plaintext_bytes_to_read();
            let has_output = tls.wants_write();
            let is_established = was_handshaking && !tls.is_handshaking();
            let taken = take_plaintext(tls, &mut buffer[decrypted..next]);
            if taken > 0 || has_output || is_established {
                self.records.forget_complete();
            }
            decrypted += taken;
            self.plaintext_bytes = waiting - taken;
            self.may_hold_input |= taken < waiting || state.peer_has_closed();
        }
        // TLS keeps the space of its largest record until it next reads input: 20 KiB of an idle
        // connection, measured. This read finds nothing, and makes it keep only 4 KiB.
        if let Some(tls) = &mut self.tls {
            let _ = tls.read_tls(&mut Nothing);
        }
        decrypted
    }

    fn fail(&mut self, error: &Error) {
        debug!("TLS failed: {error}");
        self.failure = Some(failure_of(error));
        self.may_hold_input = true;
    }

    /// Handles the end of the socket's input. RFC 8446 §6.1: "If a transport-level close is
    /// received prior to a close_notify, the receiver cannot know that all the data that was sent
    /// has been received."
    fn receive_eof(&mut self) -> io::Result<usize> {
        if self.is_handshaking() {
            return Ok(0);
        }
        self.is_failed = true;
        Err(io::Error::new(ErrorKind::InvalidData, TlsFailure::Truncated))
    }

    /// Whether the handshake is in progress.
    fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Releases the memory of TLS once nothing can be sent or received any more.
    fn release(&mut self) {
        self.tls = None;
        self.records = Records::default();
        self.plaintext_bytes = 0;
    }

    /// Discards what a failed peer still sends, until its end of input.
    fn discard(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.socket.read(buffer)? {
            0 => Ok(0),
            _ => Err(ErrorKind::Interrupted.into()),
        }
    }
}

impl Stream for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_failed {
            return self.discard(buffer);
        }
        if !self.may_hold_input {
            // The last read left nothing.
        } else if let Some(failure) = self.failure {
            self.is_failed = true;
            return Err(io::Error::new(ErrorKind::InvalidData, failure));
        } else if let Some(tls) = &mut self.tls
            && let Ok(count) = tls.reader().read(buffer)
        {
            self.plaintext_bytes = self.plaintext_bytes.saturating_sub(count);
            return Ok(count);
        }
        self.receive(buffer)
    }

    fn write(&mut self, parts: [&[u8]; 2]) -> io::Result<usize> {
        let total = parts[0].len() + parts[1].len();
        // Only the closing output of a session that never began comes this early: the peer could
        // not read it. And after a fatal alert "both parties MUST immediately close the connection"
        // (RFC 8446 §6.2).
        if self.is_handshaking() || self.failure.is_some() {
            return Ok(total);
        }
        self.flush()?;
        let mut taken = 0;
        while taken < total {
            let Some(tls) = &mut self.tls else { return Ok(total) };
            let first = &parts[0][taken.min(parts[0].len())..];
            let second = &parts[1][taken.saturating_sub(parts[0].len())..];
            let rest = [IoSlice::new(first), IoSlice::new(second)];
            taken += io::Write::write_vectored(&mut tls.writer(), &rest)?;
            match self.flush() {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        if self.output == Output::Open {
            // After a fatal alert of ours this does nothing.
            if let Some(tls) = &mut self.tls {
                tls.send_close_notify();
            }
            self.output = Output::Ending;
        }
        // A handshake that we have given up must not continue, whatever the peer still sends.
        self.is_failed |= self.is_handshaking();
        match self.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    fn owes_close_notify(&self) -> bool {
        self.output == Output::Open
    }

    fn is_established(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking())
    }

    fn is_inside_record(&self) -> bool {
        self.records.is_inside() && self.is_established()
    }

    fn held_bytes(&self) -> usize {
        self.records.held_bytes() + self.plaintext_bytes
    }

    fn may_hold_input(&self) -> bool {
        self.may_hold_input
    }

    fn unsent_bytes_max(&self) -> usize {
        let has_unsent = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        if has_unsent && self.output != Output::Ended { UNSENT_BYTES_MAX } else { 0 }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.unsent_bytes_max() > 0
            && let Some(tls) = &mut self.tls
        {
            match tls.write_tls(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => _ = other?,
            }
        }
        if self.output == Output::Ending {
            self.output = Output::Ended;
            if self.is_failed {
                self.release();
            }
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

impl Drop for TlsStream {
    /// Sends close_notify if it was not sent before: RFC 8446 §6.1, "Each party MUST send a
    /// \"close_notify\" alert before closing its write side of the connection".
    fn drop(&mut self) {
        let is_due = self.output == Output::Open && self.failure.is_none();
        if let Some(tls) = self.tls.as_mut().filter(|tls| is_due && !tls.is_handshaking()) {
            tls.send_close_notify();
            // If the peer does not read it now, it is lost.
            let _ = self.flush();
        }
    }
}

/// Takes decrypted data, as much as fits.
fn take_plaintext(tls: &mut Connection, buffer: &mut [u8]) -> usize {
    let mut taken = 0;
    while let Ok(count @ 1..) = tls.reader().read(&mut buffer[taken..]) {
        taken += count;
    }
    taken
}

/// A source that has no input now.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

fn failure_of(error: &Error) -> TlsFailure {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFailure::NotTls,
        // Our own ClientHello: a peer that sends it back is an echo server.
        Error::InappropriateHandshakeMessage { got_type: HandshakeType::ClientHello, .. } => {
            TlsFailure::NotTls
        }
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => TlsFailure::Incompatible,
        Error::NoCertificatesPresented => TlsFailure::NoCertificate,
        Error::AlertReceived(alert) => TlsFailure::Alert(u8::from(*alert)),
        Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
            CertificateError::BadSignature => TlsFailure::WrongSignature,
            // RFC 9525 §2: "The Common Name RDN MUST NOT be used to identify a service".
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                TlsFailure::NoName
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFailure::WrongName
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFailure::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFailure::NotYetValid
            }
            // The verifier names its other findings, but has no types for them.
            CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
                TlsFailure::Authority
            }
            _ => TlsFailure::BadCertificate,
        },
        _ => TlsFailure::Broken,
    }
}

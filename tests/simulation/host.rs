//! A simulated server for outgoing connections: what it must receive, what it sends in return and
//! unasked, and what our service must receive.

use crate::bytes;
use crate::client::Step;
use crate::deflate::Deflate;
use crate::errand::{Errand, ServiceOutput};
use crate::random::Random;
use crate::reception::{Attempt, Reception};
use crate::websocket::{self, BINARY, CLOSE, CONTINUATION, Frame, HEADER_BYTES_MAX, PING, PONG};
use crate::websocket::{RSV1, TEXT};
use halloo::proto::{Config, Error, Framing, Role};
use std::collections::VecDeque;
use std::rc::Rc;

/// Messages, oldest first: opcode and payload. Without frames only their bytes count.
type Messages = VecDeque<(u8, Vec<u8>)>;

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Host {
    /// The configuration that our side connects with.
    pub(crate) config: Rc<Config>,
    framing: Framing,
    pub(crate) attempt: Attempt,
    reception: Reception,
    pub(crate) errand: Errand,
    /// Sent by our service and not yet received by the host.
    asked: Messages,
    /// Sent by the host and not yet received by our service.
    replies: Messages,
    pings: VecDeque<Vec<u8>>,
    /// Where each message, line or run of bytes begins and ends in the host's output.
    begins: Vec<usize>,
    ends: Vec<usize>,
    /// The number of messages that our service has received; bytes without frames.
    delivered: usize,
    /// The offset at which messages begin.
    opened_at: usize,
    /// The message in progress: its opcode, whether it is compressed, and its payload so far.
    partial: Option<(u8, bool, Vec<u8>)>,
    inflated: u64,
    /// It echoes everything.
    echoes: bool,
    answers_close: bool,
    /// It sent its Close with this code: 0 for none.
    close_code: Option<u16>,
    close_got: bool,
    /// It violated the protocol: any input is correct from now on.
    is_tolerant: bool,
    /// It can send nothing more.
    is_mute: bool,
}

impl Host {
    pub(crate) fn new(random: &mut Random, config: &Rc<Config>) -> Self {
        Self {
            config: Rc::clone(config),
            framing: config.framing,
            attempt: Attempt::new(random),
            reception: Reception::new(random, config.framing, config.auth.clone()),
            errand: Errand::new(random, config),
            asked: VecDeque::new(),
            replies: VecDeque::new(),
            pings: VecDeque::new(),
            begins: Vec::new(),
            ends: Vec::new(),
            delivered: 0,
            opened_at: 0,
            partial: None,
            inflated: 0,
            echoes: !random.one_in(6),
            answers_close: !random.one_in(6),
            close_code: None,
            close_got: false,
            is_tolerant: false,
            is_mute: false,
        }
    }

    /// Its first output on a new connection.
    pub(crate) fn greet(&mut self, random: &mut Random) -> Vec<u8> {
        let greeting = self.reception.greet(random);
        self.opened_at = greeting.len();
        greeting
    }

    pub(crate) fn is_open(&self) -> bool {
        self.reception.is_open()
    }

    /// Whether our side can ever open with this host.
    pub(crate) fn can_open(&self) -> bool {
        self.reception.can_open()
    }

    /// Whether this number of bytes contains the complete head that opens the connection.
    pub(crate) fn has_open_head(&self, bytes_read: usize) -> bool {
        self.reception.head_bytes.is_some_and(|bytes| bytes <= bytes_read)
    }

    pub(crate) fn deserves(&self, error: Error) -> bool {
        (error == Error::MessageTooBig && self.has_sent_overlong_line())
            || self.reception.deserves(error)
    }

    /// Whether a line became too long: output that the host sends unasked may fall into a line that
    /// it echoes.
    fn has_sent_overlong_line(&self) -> bool {
        let begins = std::iter::once(&self.opened_at).chain(&self.ends);
        let longest = self.ends.iter().zip(begins).map(|(end, begin)| end - begin).max();
        let most = self.config.limits.message_bytes_max;
        self.framing == Framing::Line && longest.is_some_and(|longest| longest as u64 > most)
    }

    /// Whether the end of its output is due: RFC 6455 §7.1.1 has the server close first.
    pub(crate) fn has_ended(&self) -> bool {
        self.reception.is_over || (self.close_code.is_some() && self.close_got)
    }

    pub(crate) fn sent_code(&self) -> Option<u16> {
        self.close_code
    }

    pub(crate) fn inflated(&self) -> u64 {
        self.inflated
    }

    pub(crate) fn has_takeover(&self) -> bool {
        self.reception.deflate.as_ref().is_some_and(Deflate::has_takeover)
    }

    /// Whether it sent part of a line and has not completed it.
    pub(crate) fn has_part(&self) -> bool {
        let ends_line = |(_, bytes): &(u8, Vec<u8>)| bytes.ends_with(b"\n");
        self.framing == Framing::Line && !self.replies.back().is_none_or(ends_line)
    }

    /// Whether everything has arrived at both ends.
    pub(crate) fn is_answered(&self) -> bool {
        let has_line = || self.replies.iter().any(|(_, bytes)| bytes.contains(&b'\n'));
        let is_delivered = match self.framing {
            Framing::Line if !self.is_mute => !has_line(),
            _ => self.replies.is_empty(),
        };
        let is_ponged = self.pings.is_empty() || self.close_got;
        self.asked.is_empty() && (self.errand.is_over() || (is_delivered && is_ponged))
    }

    /// What our service has received, in messages or bytes.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered
    }

    /// What it must have received once our side has read this number of bytes.
    pub(crate) fn due(&self, bytes_read: usize) -> usize {
        let whole = self.ends.partition_point(|&end| end <= bytes_read);
        match self.framing {
            _ if self.errand.is_over() => 0,
            Framing::WebSocket => whole,
            Framing::Line => {
                whole.checked_sub(1).map_or(0, |last| self.ends[last] - self.opened_at)
            }
            Framing::Raw => {
                let bytes_sent = self.ends.last().map_or(0, |end| end - self.opened_at);
                bytes_read.saturating_sub(self.opened_at).min(bytes_sent)
            }
        }
    }

    /// Whether this number of bytes ends inside a message whose first header was read.
    pub(crate) fn is_inside_message(&self, bytes_read: usize) -> bool {
        let mut messages = self.begins.iter().zip(&self.ends);
        self.framing == Framing::WebSocket
            && messages
                .any(|(begin, end)| begin + HEADER_BYTES_MAX <= bytes_read && bytes_read < *end)
    }

    pub(crate) fn note_fin(&mut self) {
        self.is_mute = true;
    }

    /// The next output of our service, if there is one; the host expects it from now on.
    pub(crate) fn next_service_output(&mut self, random: &mut Random) -> Option<ServiceOutput> {
        let is_settled = self.asked.is_empty() && self.replies.is_empty();
        let service_output = self.errand.next(is_settled, random)?;
        if let ServiceOutput::Message(opcode, payload) = &service_output {
            self.asked.push_back((*opcode, payload.clone()));
        }
        Some(service_output)
    }

    /// Our service received a message or, without frames, bytes.
    pub(crate) fn note_delivered(&mut self, opcode: u8, payload: &[u8]) -> Result<(), String> {
        self.delivered += if self.framing == Framing::WebSocket { 1 } else { payload.len() };
        match take(&mut self.replies, self.framing, opcode, payload) {
            Err(what) if !self.is_tolerant => Err(format!("a reply: {what}")),
            _ => Ok(()),
        }
    }

    /// Sends a message unasked.
    pub(crate) fn send(&mut self, step: &Step, bytes_sent: usize, random: &mut Random) -> Vec<u8> {
        if self.is_mute || self.close_code.is_some() || !self.is_open() {
            return Vec::new();
        }
        match (step, self.framing) {
            (&Step::Message { text, bytes, frames }, Framing::WebSocket) => {
                let opcode = if text { TEXT } else { BINARY };
                let payload = websocket::payload(text, bytes, random);
                self.send_message(opcode, payload, frames, bytes_sent, random)
            }
            (&Step::Message { bytes, .. }, framing) => {
                self.send_bytes(bytes::stream_bytes(framing, bytes, true, random), bytes_sent)
            }
            (&Step::PartialLine(bytes), framing) => {
                self.send_bytes(bytes::stream_bytes(framing, bytes, false, random), bytes_sent)
            }
            (_, Framing::Line | Framing::Raw) => Vec::new(),
            (&Step::Ping(bytes), _) => self.ping(websocket::noise(bytes, random), random),
            (&Step::Pings(count), _) => {
                (0..count).flat_map(|at| self.ping(vec![b'p'; at % 3], random)).collect()
            }
            (&Step::Pong(bytes), _) => frame(PONG, &websocket::noise(bytes, random), random),
            (&Step::Close(code), _) => {
                self.close_code = Some(code.unwrap_or(0));
                let payload = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
                frame(CLOSE, &payload, random)
            }
            (&Step::Garbage(bytes), _) => {
                self.is_tolerant = true;
                match random.between(0, 3) {
                    // A masked frame; text that is not UTF-8; data that is not DEFLATE; random
                    // bytes.
                    0 => websocket::frame(true, TEXT, b"a", random),
                    1 => frame(TEXT, b"\xed\xa0\x80", random),
                    2 => frame(BINARY | RSV1, &websocket::noise(bytes, random), random),
                    _ => websocket::noise(bytes, random),
                }
            }
            _ => Vec::new(),
        }
    }

    fn ping(&mut self, payload: Vec<u8>, random: &mut Random) -> Vec<u8> {
        let frame = frame(PING, &payload, random);
        self.pings.push_back(payload);
        frame
    }

    fn send_message(
        &mut self,
        opcode: u8,
        payload: Vec<u8>,
        frames: usize,
        bytes_sent: usize,
        random: &mut Random,
    ) -> Vec<u8> {
        let compressed = match &mut self.reception.deflate {
            Some(deflate) if !random.one_in(3) => Some(deflate.deflate(&payload)),
            _ => None,
        };
        let first = if compressed.is_some() { opcode | RSV1 } else { opcode };
        let whole = compressed.as_deref().unwrap_or(&payload);
        let (output, pings) = websocket::fragments(Role::Server, first, whole, frames, random);
        self.pings.extend(pings);
        self.replies.push_back((opcode, payload));
        self.begins.push(bytes_sent);
        self.ends.push(bytes_sent + output.len());
        output
    }

    fn send_bytes(&mut self, bytes: Vec<u8>, bytes_sent: usize) -> Vec<u8> {
        if self.framing == Framing::Raw {
            self.ends.push(bytes_sent + bytes.len());
        }
        let lines = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        if self.framing == Framing::Line {
            self.ends.extend(lines.map(|(at, _)| bytes_sent + at + 1));
        }
        if !bytes.is_empty() {
            self.replies.push_back((BINARY, bytes.clone()));
        }
        bytes
    }

    /// Receives output of our side and returns the immediate response. `bytes_sent` is the length
    /// of the host's output so far.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut Vec<u8>,
        bytes_sent: usize,
        random: &mut Random,
    ) -> Result<Vec<u8>, String> {
        let mut reply = Vec::new();
        if !self.is_open() {
            reply = self.reception.receive(buffer, random)?;
            if !self.is_open() {
                return Ok(reply);
            }
        }
        if self.framing == Framing::WebSocket {
            self.receive_frames(buffer, bytes_sent, &mut reply, random)?;
            return Ok(reply);
        }
        if !buffer.is_empty() {
            let bytes = std::mem::take(buffer);
            take(&mut self.asked, self.framing, BINARY, &bytes)?;
            if self.echoes && !self.is_mute {
                reply.extend(self.send_bytes(bytes, bytes_sent + reply.len()));
            }
        }
        Ok(reply)
    }

    fn receive_frames(
        &mut self,
        buffer: &mut Vec<u8>,
        bytes_sent: usize,
        reply: &mut Vec<u8>,
        random: &mut Random,
    ) -> Result<(), String> {
        let mut unread = &buffer[..];
        while let Some(received) = websocket::take_frame(Role::Client, &mut unread)? {
            let Frame { opcode, payload, .. } = &received;
            if self.close_got {
                return Err("a frame after Close".into());
            }
            let may_send = self.close_code.is_none() && !self.is_mute;
            match *opcode {
                PING if may_send => reply.extend(frame(PONG, payload, random)),
                PING => {}
                PONG => self.receive_pong(payload)?,
                CLOSE => reply.extend(self.receive_close(payload, may_send, random)),
                _ => {
                    if let Some((opcode, payload)) = self.receive_data(received)?
                        && may_send
                        && self.echoes
                    {
                        let frames = if random.one_in(4) { random.between(1, 4) } else { 1 };
                        let bytes_sent = bytes_sent + reply.len();
                        reply
                            .extend(self.send_message(opcode, payload, frames, bytes_sent, random));
                    }
                }
            }
        }
        let understood = buffer.len() - unread.len();
        buffer.drain(..understood);
        Ok(())
    }

    fn receive_pong(&mut self, payload: &[u8]) -> Result<(), String> {
        match self.pings.pop_front() {
            _ if self.is_tolerant => Ok(()),
            Some(ping) if ping == payload => Ok(()),
            _ => Err("a pong without a ping".into()),
        }
    }

    fn receive_close(&mut self, payload: &[u8], may_send: bool, random: &mut Random) -> Vec<u8> {
        self.close_got = true;
        if !may_send || !self.answers_close {
            return Vec::new();
        }
        let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
        self.close_code = Some(code);
        frame(CLOSE, payload, random)
    }

    /// Receives a data frame; returns the message once it is complete.
    fn receive_data(&mut self, received: Frame) -> Result<Option<(u8, Vec<u8>)>, String> {
        let Frame { fin, rsv1, opcode, payload } = received;
        match (&mut self.partial, opcode) {
            (None, TEXT | BINARY) => self.partial = Some((opcode, rsv1, payload)),
            (Some((.., partial)), CONTINUATION) => partial.extend_from_slice(&payload),
            _ => return Err("fragments out of order".into()),
        }
        let Some((opcode, is_compressed, mut payload)) = self.partial.take_if(|_| fin) else {
            return Ok(None);
        };
        if is_compressed {
            let Some(deflate) = &mut self.reception.deflate else {
                return Err("compressed, though compression was not agreed".into());
            };
            payload = deflate.inflate(&payload)?;
            self.inflated += 1;
        }
        take(&mut self.asked, self.framing, opcode, &payload)?;
        Ok(Some((opcode, payload)))
    }
}

fn frame(opcode: u8, payload: &[u8], random: &mut Random) -> Vec<u8> {
    websocket::frame_from(Role::Server, true, opcode, payload, random)
}

/// Takes received data off the expected messages, to which it must be equal.
fn take(
    expected: &mut Messages,
    framing: Framing,
    opcode: u8,
    payload: &[u8],
) -> Result<(), String> {
    let mut rest = payload;
    let is_framed = framing == Framing::WebSocket;
    while is_framed || !rest.is_empty() {
        let Some((expected_opcode, first)) = expected.front_mut() else {
            return Err(format!("{} bytes that were never sent", rest.len()));
        };
        let count = if is_framed { rest.len() } else { rest.len().min(first.len()) };
        let is_same = first.get(..count).is_some_and(|it| it == &rest[..count]);
        if !is_same || (is_framed && (first.len() != count || *expected_opcode != opcode)) {
            let (got, sent) = (payload.len(), first.len());
            return Err(format!("{sent} bytes arrived changed, with {got} bytes"));
        }
        rest = &rest[count..];
        first.drain(..count);
        if first.is_empty() {
            expected.pop_front();
        }
        if is_framed {
            return Ok(());
        }
    }
    Ok(())
}

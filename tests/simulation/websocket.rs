//! The frames that a WebSocket client sent, and the frames that it must receive in return. Nothing
//! here uses the crate's own protocol code: the two must agree on RFC 6455.

use crate::bytes::{FLOOD_LINE_BYTES, STAMP_BYTES, check_flood, check_stamp};
use crate::client::Step;
use crate::deflate::{Deflate, Offer};
use crate::plan::Serving;
use crate::random::Random;
use halloo::proto::Role;
use std::collections::VecDeque;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Set with the opcode of a message's first frame: it is compressed (RFC 7692 §6).
pub(crate) const RSV1: u8 = 0x40;

/// Two bytes, a 64-bit length, a masking key.
pub(crate) const HEADER_BYTES_MAX: usize = 14;

/// An upgrade request, sometimes a long one. The key is that of RFC 6455 §1.3.
pub(crate) fn request(offer: Option<Offer>, random: &mut Random) -> Vec<u8> {
    let padding = if random.one_in(10) { random.between(0, 7000) } else { 0 };
    format!(
        "GET /chat HTTP/1.1\r\nHost: halloo.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         {}X-Padding: {}\r\n\r\n",
        offer.map(Offer::field).unwrap_or_default(),
        "p".repeat(padding)
    )
    .into_bytes()
}

/// Whether a head accepts that request.
pub(crate) fn is_acceptance(head: &[u8]) -> bool {
    let accept = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    head.starts_with(b"HTTP/1.1 101 ") && head.windows(accept.len()).any(|part| part == accept)
}

/// A masked frame, as a client sends it.
pub(crate) fn frame(fin: bool, opcode: u8, payload: &[u8], random: &mut Random) -> Vec<u8> {
    frame_from(Role::Client, fin, opcode, payload, random)
}

/// A frame, masked if the sender is a client.
pub(crate) fn frame_from(
    sender: Role,
    fin: bool,
    opcode: u8,
    payload: &[u8],
    random: &mut Random,
) -> Vec<u8> {
    let mask = u8::from(sender == Role::Client) << 7;
    let mut frame = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(mask | length as u8),
        length @ 126..=65_535 => {
            frame.push(mask | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(mask | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if sender == Role::Server {
        frame.extend_from_slice(payload);
        return frame;
    }
    let key = (random.next() as u32).to_ne_bytes();
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// An unmasked frame.
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// The header of a frame.
pub(crate) struct Header {
    fin: bool,
    rsv1: bool,
    pub(crate) opcode: u8,
    /// The length of the header itself, including the masking key if there is one.
    bytes: usize,
    pub(crate) payload_bytes: u64,
}

/// Takes a complete frame off the front of `buffer` and leaves the rest there.
pub(crate) fn take_frame(sender: Role, buffer: &mut &[u8]) -> Result<Option<Frame>, String> {
    let header = header(sender, buffer)?;
    let Some(Header { fin, rsv1, opcode, bytes: start, payload_bytes }) = header else {
        return Ok(None);
    };
    let end = start + payload_bytes as usize;
    if buffer.len() < end {
        return Ok(None);
    }
    let mut payload = buffer[start..end].to_vec();
    if sender == Role::Client {
        let key = &buffer[start - 4..start];
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    *buffer = &buffer[end..];
    Ok(Some(Frame { fin, rsv1, opcode, payload }))
}

/// Parses the header at the front of `buffer`, once it is complete.
pub(crate) fn header(sender: Role, buffer: &[u8]) -> Result<Option<Header>, String> {
    let &[first, second, ref rest @ ..] = buffer else { return Ok(None) };
    let (fin, rsv1, opcode) = (first & 0x80 != 0, first & RSV1 != 0, first & 0x0f);
    let is_known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
    let may_be_compressed = matches!(opcode, TEXT | BINARY);
    let is_reserved = first & 0x30 != 0 || (rsv1 && !may_be_compressed);
    let is_masked = second & 0x80 != 0;
    if is_reserved || is_masked != (sender == Role::Client) || !is_known {
        return Err(format!(
            "a {sender:?} must not send the frame header {first:02x} {second:02x}"
        ));
    }
    let (payload_bytes, bytes) = match (second & 0x7f, rest) {
        (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 4),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
        (126 | 127, _) => return Ok(None),
        (length, _) => (u64::from(length), 2),
    };
    if opcode >= CLOSE && (!fin || payload_bytes > 125) {
        return Err("a control frame is fragmented or too long".into());
    }
    let bytes = if is_masked { bytes + 4 } else { bytes };
    Ok((buffer.len() >= bytes).then_some(Header { fin, rsv1, opcode, bytes, payload_bytes }))
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Conversation {
    serving: Serving,
    /// Messages whose response is outstanding, oldest first.
    messages: VecDeque<(u8, Vec<u8>)>,
    pings: VecDeque<Vec<u8>>,
    /// The end offset of each message in the client's output.
    ends: Vec<usize>,
    begins: Vec<usize>,
    answered: usize,
    said_messages: u32,
    /// The response in progress: its opcode, whether it is compressed, and its payload so far.
    partial: Option<(u8, bool, Vec<u8>)>,
    deflate: Option<Box<Deflate>>,
    /// Compressed responses.
    inflated: u64,
    close_sent: bool,
    close_awaited: bool,
    /// It replies to a Close.
    answers_close: bool,
    /// The code of the server's Close, 0 if it had none.
    close_got: Option<u16>,
    /// Garbage was sent: any response is correct.
    is_tolerant: bool,
    close_code: Option<u16>,
}

impl Conversation {
    pub(crate) fn new(serving: Serving, answers_close: bool) -> Self {
        Self {
            serving,
            answers_close,
            messages: VecDeque::new(),
            pings: VecDeque::new(),
            ends: Vec::new(),
            begins: Vec::new(),
            answered: 0,
            said_messages: 0,
            partial: None,
            deflate: None,
            inflated: 0,
            close_sent: false,
            close_awaited: false,
            close_got: None,
            is_tolerant: false,
            close_code: None,
        }
    }

    /// Messages may be compressed from now on.
    pub(crate) fn agree(&mut self, deflate: Option<Deflate>) {
        self.deflate = deflate.map(Box::new);
    }

    pub(crate) fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Whether the server must keep a compression context.
    pub(crate) fn has_takeover(&self) -> bool {
        self.deflate.as_ref().is_some_and(|it| it.has_takeover())
    }

    pub(crate) fn is_answered(&self) -> bool {
        let is_closed = !self.close_awaited || self.close_got.is_some();
        self.messages.is_empty() && (self.pings.is_empty() || self.close_got.is_some()) && is_closed
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered
    }

    /// The code of the Close that was sent, if one was: 0 for a Close without a code.
    pub(crate) fn sent_code(&self) -> Option<u16> {
        self.close_sent.then_some(self.close_code.unwrap_or(0))
    }

    pub(crate) fn due(&self, bytes_read: usize) -> usize {
        self.ends.partition_point(|&end| end <= bytes_read)
    }

    /// Whether this number of bytes ends inside a message whose first header was read.
    pub(crate) fn is_inside_message(&self, bytes_read: usize) -> bool {
        let mut messages = self.begins.iter().zip(&self.ends);
        messages.any(|(begin, end)| begin + HEADER_BYTES_MAX <= bytes_read && bytes_read < *end)
    }

    pub(crate) fn send(&mut self, step: &Step, bytes_sent: usize, random: &mut Random) -> Vec<u8> {
        if self.close_sent {
            return Vec::new();
        }
        match *step {
            Step::Message { text, bytes, frames } => {
                self.send_message(text, bytes, frames, bytes_sent, random)
            }
            Step::Ping(bytes) => {
                let payload = noise(bytes, random);
                let frame = frame(true, PING, &payload, random);
                self.pings.push_back(payload);
                frame
            }
            Step::Pings(count) => {
                let pings: Vec<_> = (0..count).map(|at| vec![b'p'; at % 3]).collect();
                let frames =
                    pings.iter().flat_map(|ping| frame(true, PING, ping, random)).collect();
                self.pings.extend(pings);
                frames
            }
            Step::Pong(bytes) => frame(true, PONG, &noise(bytes, random), random),
            Step::Close(code) => {
                self.close_sent = true;
                self.close_awaited = true;
                self.close_code = code;
                let payload = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
                frame(true, CLOSE, &payload, random)
            }
            Step::Bombs { count, bytes } if self.deflate.is_some() => {
                let mut output = Vec::new();
                for _ in 0..count {
                    let bomb =
                        self.send_compressed(vec![0; bytes], bytes_sent + output.len(), random);
                    output.extend(bomb);
                }
                output
            }
            Step::Garbage(bytes) => {
                self.is_tolerant = true;
                match random.between(0, 3) {
                    // An unmasked frame; text that is not UTF-8; data that is not DEFLATE; random
                    // bytes.
                    0 => vec![0x81, 1, b'a'],
                    1 => frame(true, TEXT, b"\xed\xa0\x80", random),
                    2 => frame(true, BINARY | RSV1, &noise(bytes, random), random),
                    _ => noise(bytes, random),
                }
            }
            _ => Vec::new(),
        }
    }

    fn send_message(
        &mut self,
        text: bool,
        bytes: usize,
        frames: usize,
        bytes_sent: usize,
        random: &mut Random,
    ) -> Vec<u8> {
        let payload = payload(text, bytes, random);
        let first_opcode = if text { TEXT } else { BINARY };
        let (opcode, compressed) = match &mut self.deflate {
            Some(deflate) if !random.one_in(3) => {
                (first_opcode | RSV1, Some(deflate.deflate(&payload)))
            }
            _ => (first_opcode, None),
        };
        let whole = compressed.as_deref().unwrap_or(&payload);
        let (output, pings) = fragments(Role::Client, opcode, whole, frames, random);
        self.pings.extend(pings);
        self.expect_response(first_opcode, payload, bytes_sent, bytes_sent + output.len());
        output
    }

    /// One frame, compressed to almost nothing.
    fn send_compressed(
        &mut self,
        payload: Vec<u8>,
        bytes_sent: usize,
        random: &mut Random,
    ) -> Vec<u8> {
        let Some(deflate) = &mut self.deflate else { return Vec::new() };
        let output = frame(true, BINARY | RSV1, &deflate.deflate(&payload), random);
        self.expect_response(BINARY, payload, bytes_sent, bytes_sent + output.len());
        output
    }

    /// Records a message that lies between these two offsets of the client's output.
    fn expect_response(&mut self, opcode: u8, payload: Vec<u8>, begin: usize, end: usize) {
        self.said_messages += 1;
        let is_answered = match self.serving {
            Serving::Discard | Serving::Flood => false,
            Serving::CloseAfter(most) => self.said_messages <= most,
            Serving::Echo | Serving::Timestamp => true,
        };
        if is_answered {
            self.messages.push_back((opcode, payload));
            self.begins.push(begin);
            self.ends.push(end);
        }
    }

    /// Receives frames from the server. Returns the immediate reply.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut Vec<u8>,
        random: &mut Random,
    ) -> Result<Vec<u8>, String> {
        let mut reply = Vec::new();
        let mut unread = &buffer[..];
        while let Some(Frame { fin, rsv1, opcode, payload }) =
            take_frame(Role::Server, &mut unread)?
        {
            if rsv1 && self.deflate.is_none() {
                return Err("compressed, though compression was not agreed".into());
            }
            if self.close_got.is_some() {
                return Err("a frame after Close".into());
            }
            match opcode {
                PING if !self.close_sent => reply.extend(frame(true, PONG, &payload, random)),
                PING => {}
                PONG => self.receive_pong(&payload)?,
                CLOSE => reply.extend(self.receive_close(&payload, random)?),
                _ => self.receive_data(fin, rsv1, opcode, payload)?,
            }
        }
        let understood = buffer.len() - unread.len();
        buffer.drain(..understood);
        Ok(reply)
    }

    fn receive_pong(&mut self, payload: &[u8]) -> Result<(), String> {
        match self.pings.pop_front() {
            _ if self.is_tolerant => Ok(()),
            Some(ping) if ping == payload => Ok(()),
            _ => Err("a pong without a ping".into()),
        }
    }

    fn receive_close(&mut self, payload: &[u8], random: &mut Random) -> Result<Vec<u8>, String> {
        let code = match *payload {
            [] => 0,
            [a, b] => u16::from_be_bytes([a, b]),
            _ => return Err("a Close that the server never sends".into()),
        };
        if self.partial.is_some() && matches!(self.serving, Serving::Timestamp) {
            return Err("Close inside a message".into());
        }
        self.close_got = Some(code);
        if self.close_sent || !self.answers_close {
            return Ok(Vec::new());
        }
        self.close_sent = true;
        self.close_code = (code != 0).then_some(code);
        Ok(frame(true, CLOSE, payload, random))
    }

    fn receive_data(
        &mut self,
        fin: bool,
        rsv1: bool,
        opcode: u8,
        payload: Vec<u8>,
    ) -> Result<(), String> {
        match (&mut self.partial, opcode) {
            (None, TEXT | BINARY) => self.partial = Some((opcode, rsv1, payload)),
            (Some((.., partial)), CONTINUATION) => partial.extend_from_slice(&payload),
            _ => return Err("fragments out of order".into()),
        }
        if !fin {
            return Ok(());
        }
        let (opcode, is_compressed, mut payload) =
            self.partial.take().expect("a message is in progress");
        if let (true, Some(deflate)) = (is_compressed, &mut self.deflate) {
            payload = deflate.inflate(&payload)?;
            self.inflated += 1;
        }
        if self.serving == Serving::Flood {
            // The pattern repeats after 95 lines, and each message holds whole cycles.
            self.answered += 1;
            return check_flood((self.answered - 1) * FLOOD_LINE_BYTES, &payload);
        }
        let Some((expected_opcode, expected)) = self.messages.pop_front() else {
            let what = format!("a message of {} bytes that was not expected", payload.len());
            return if self.is_tolerant { Ok(()) } else { Err(what) };
        };
        if self.serving == Serving::Timestamp {
            check_stamp(payload.get(..STAMP_BYTES).unwrap_or_default())?;
            payload.drain(..STAMP_BYTES);
        }
        if opcode != expected_opcode || payload != expected {
            let (got, sent) = (payload.len(), expected.len());
            let number = self.answered;
            return Err(format!(
                "message {number} of {sent} bytes came back changed, with {got} bytes"
            ));
        }
        self.answered += 1;
        Ok(())
    }
}

/// The frames of a message with this opcode, and the pings between them.
pub(crate) fn fragments(
    sender: Role,
    mut opcode: u8,
    message: &[u8],
    frames: usize,
    random: &mut Random,
) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut rest = message;
    let mut pings = Vec::new();
    let mut output = Vec::with_capacity(rest.len() + HEADER_BYTES_MAX * frames);
    for left in (1..=frames).rev() {
        let count = if left == 1 { rest.len() } else { random.between(0, rest.len()) };
        output.extend(frame_from(sender, left == 1, opcode, &rest[..count], random));
        rest = &rest[count..];
        opcode = CONTINUATION;
        if left > 1 && random.one_in(4) {
            let ping = noise(random.between(0, 20), random);
            output.extend(frame_from(sender, true, PING, &ping, random));
            pings.push(ping);
        }
    }
    (output, pings)
}

/// The payload of a message of this size.
pub(crate) fn payload(text: bool, bytes: usize, random: &mut Random) -> Vec<u8> {
    match random.between(0, 5) {
        // It compresses to almost nothing.
        0 => vec![b'h'; bytes],
        _ if text => words(bytes, random),
        _ => noise(bytes, random),
    }
}

pub(crate) fn noise(count: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![0; count];
    random.fill(&mut bytes);
    bytes
}

/// Text of this size, some of it not ASCII.
fn words(count: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = noise(count, random);
    for byte in &mut bytes {
        *byte = b' ' + (*byte % 64);
    }
    for (at, letters) in [(count / 3, "ä"), (count / 2, "日"), (count * 3 / 4, "🏔")] {
        if at + 20 < count {
            bytes[at..at + letters.len()].copy_from_slice(letters.as_bytes());
        }
    }
    bytes
}

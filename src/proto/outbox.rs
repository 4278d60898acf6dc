//! The sending half of a session: messages, pings and Close frames go through an [`Outbox`].

use super::Role;
use super::batch::Output;
use super::deflate::Agreement;
use super::error::CloseCode;
use super::frame::{CONTROL_BYTES_MAX, Header, Opcode};
use super::message::{Kind, Message};
use super::send_state::{SendState, Stage};
use super::unfinished::Unfinished;

/// The output of a session, as a service uses it. An outbox borrows only the sending half of the
/// session, so that a service can respond to a message while it reads the message.
pub struct Outbox<'a> {
    pub(crate) send_state: &'a mut SendState,
    pub(crate) unfinished: &'a mut Unfinished,
    pub(crate) agreement: Agreement,
    /// The size in bytes from which messages are compressed.
    pub(crate) compress_from: usize,
    pub(crate) output: Output<'a>,
}

impl Outbox<'_> {
    /// Echoes a message, or a piece of one, unchanged. A server only writes a frame header: the
    /// payload already stands where its echo belongs.
    ///
    /// Echo either all pieces of a message or none.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the payload becomes the echo: the message must not be used again"
    )]
    #[inline]
    pub fn echo(&mut self, message: Message<'_>) {
        if !self.send_state.may_send() {
            return;
        }
        if self.send_state.is_websocket && self.send_state.role == Role::Client {
            // A client session always lends whole messages: a masked echo is never in place.
            debug_assert!(message.is_whole());
            return self.send(message.kind, &[message.payload]);
        }
        if message.compressed {
            return self.push_compressed(message.kind, &[message.payload]);
        }
        if !self.output.echo_in_place(message.echo_header.as_ref(), message.payload.len()) {
            match message.echo_header {
                Some(header) => self.output.push_both(&header.encode(), message.payload),
                None => self.output.push(message.payload),
            }
        }
        self.send_state.is_mid_frame = !message.ends_frame;
    }

    /// Sends one complete message: the concatenation of `parts`.
    ///
    /// # Panics
    /// In debug builds, if a frame is being echoed and has not ended.
    pub fn send(&mut self, kind: Kind, parts: &[&[u8]]) {
        if !self.send_state.may_send() {
            return;
        }
        debug_assert!(!self.send_state.is_mid_frame, "a frame must not cut into another");
        if self.send_state.is_websocket {
            let bytes: usize = parts.iter().map(|part| part.len()).sum();
            return match bytes >= self.compress_from {
                true => self.push_compressed(kind, parts),
                false => self.push_frame(kind.opcode(), parts),
            };
        }
        for part in parts {
            self.output.push(part);
        }
    }

    /// Starts to close the connection: the service sends and receives nothing more.
    ///
    /// On WebSocket this sends a Close frame with `code`; raw and line framings end the output.
    pub fn close(&mut self, code: CloseCode) {
        if self.send_state.may_send() {
            self.push_close(Some(code));
            self.send_state.stage = Stage::Closing;
        }
    }

    /// Sends a ping, unless a frame is half sent or the framing has no pings.
    pub fn ping(&mut self) {
        if self.send_state.is_websocket
            && self.send_state.may_send()
            && !self.send_state.is_mid_frame
        {
            self.push_frame(Opcode::Ping, &[]);
        }
    }

    /// Replies to a ping; `payload` is lent like a message.
    ///
    /// RFC 6455 §5.5.3: a pong "must have identical \"Application data\" as found in the message
    /// body of the Ping frame being replied to".
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        if !self.send_state.may_send() {
            return;
        }
        let header = Header::new(true, Opcode::Pong, payload.len() as u64);
        let in_place = self.send_state.role == Role::Server
            && self.output.echo_in_place(Some(&header), payload.len());
        if !in_place {
            self.push_frame(Opcode::Pong, &[payload]);
        }
    }

    /// Sends a Close frame once. Without a code its payload is empty.
    ///
    /// In the middle of an echoed frame no Close can be sent: the peer then only sees the stream
    /// end.
    pub(crate) fn push_close(&mut self, code: Option<CloseCode>) {
        if self.send_state.is_websocket
            && !self.send_state.close_sent
            && !self.send_state.is_mid_frame
        {
            let code = code.map(|code| code.0.to_be_bytes());
            self.push_frame(Opcode::Close, &[code.as_ref().map_or(&[], |code| &code[..])]);
        }
        // 5.5.1: "The application MUST NOT send any more data frames after sending a Close frame."
        self.send_state.close_sent = true;
    }

    /// Sends bytes as they are: an HTTP response, a bare challenge or response.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.output.push(bytes);
    }

    /// Sends one message compressed (RFC 7692 §7.2.1), or uncompressed if that is not possible.
    fn push_compressed(&mut self, kind: Kind, parts: &[&[u8]]) {
        let takeover = self.agreement.send_takeover();
        let history = if takeover { Some(&*self.unfinished.sent_history()) } else { None };
        let bits = self.agreement.send_window_bits();
        let room = self.output.room_left();
        let compressed = match self.output.codec.deflate(parts, history, bits, room) {
            Ok(Some(compressed)) => compressed,
            Ok(None) => return self.push_frame(kind.opcode(), parts),
            Err(_) => return self.output.exhaust(),
        };
        let header = Header::new(true, kind.opcode(), 0);
        self.output.charge(compressed.len(), true);
        self.push_with(Header { rsv1: true, ..header }, &[&compressed]);
        self.output.charge(compressed.len(), false);
        self.output.codec.reuse(compressed);
        if takeover {
            let history = self.unfinished.sent_history();
            if parts.iter().any(|part| history.extend(part).is_err()) {
                self.output.exhaust();
            }
        }
    }

    /// Sends one unfragmented, uncompressed frame.
    pub(crate) fn push_frame(&mut self, opcode: Opcode, parts: &[&[u8]]) {
        self.push_with(Header::new(true, opcode, 0), parts);
    }

    /// Sends the frame with this header and fills in its length; masked if we are the client.
    fn push_with(&mut self, mut header: Header, parts: &[&[u8]]) {
        let payload_len: usize = parts.iter().map(|part| part.len()).sum();
        debug_assert!(!header.opcode.is_control() || payload_len <= CONTROL_BYTES_MAX);
        header.payload_len = payload_len as u64;
        if self.send_state.role == Role::Client {
            // 5.3: "The masking key is a 32-bit value chosen at random by the client", one per
            // frame.
            header.masking_key = Some(self.output.masking_key());
        }
        self.output.push_frame(&header, parts);
    }
}

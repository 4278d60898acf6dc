//! How a simulated server receives an outgoing connection: whether it accepts it, and how it
//! responds to the upgrade request and the challenge.

use crate::deflate::Deflate;
use crate::random::Random;
use crate::websocket::{self, BINARY, TEXT};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding};
use halloo::proto::{Error, Framing, Role};
use rustix::io::Errno;
use sha1::{Digest, Sha1};

/// The result of a connection attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Accepted,
    /// It fails with this error, once the response or its absence is noticed.
    Failed(Errno),
}

impl Attempt {
    pub(crate) fn new(random: &mut Random) -> Self {
        if !random.one_in(8) {
            return Self::Accepted;
        }
        Self::Failed(random.pick(&[Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::HOSTUNREACH]))
    }
}

/// The response to an upgrade request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Right,
    Refused(u16),
    /// A hash of a different key.
    WrongAccept,
    /// A subprotocol or an extension that was not requested.
    Unasked(&'static str, Error),
    /// An incomplete response, then the end of output.
    Truncated,
    Silent,
    Noise,
}

/// How it authenticates, where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    Right,
    Silent,
    /// Not a challenge: too long, too short, or text.
    Malformed,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Reception {
    framing: Framing,
    auth: Option<Auth>,
    opening: Opening,
    challenge: Challenge,
    /// The challenge it sent.
    bytes_sent: Vec<u8>,
    stage: Stage,
    pub(crate) deflate: Option<Deflate>,
    /// The length of the head that opens the connection, once it is sent.
    pub(crate) head_bytes: Option<usize>,
    /// It sends nothing more and will end its output.
    pub(crate) is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Answer,
    Open,
    /// It never proceeds.
    Stuck,
}

impl Reception {
    pub(crate) fn new(random: &mut Random, framing: Framing, auth: Option<Auth>) -> Self {
        let opening = match random.between(0, 19) {
            _ if framing != Framing::WebSocket => Opening::Right,
            0 => Opening::Refused(random.pick(&[200, 302, 401, 403, 426, 503])),
            1 => Opening::WrongAccept,
            2 => random.pick(&[
                Opening::Unasked("Sec-WebSocket-Protocol: soup", Error::SubprotocolNotOffered),
                Opening::Unasked("Sec-WebSocket-Extensions: x", Error::ExtensionNotOffered),
            ]),
            3 => Opening::Truncated,
            4 => Opening::Silent,
            5 => Opening::Noise,
            _ => Opening::Right,
        };
        let challenge = match random.between(0, 9) {
            _ if auth.is_none() => Challenge::Right,
            0 => Challenge::Silent,
            1 if framing == Framing::WebSocket => Challenge::Malformed,
            _ => Challenge::Right,
        };
        Self {
            framing,
            auth,
            opening,
            challenge,
            bytes_sent: Vec::new(),
            stage: if framing == Framing::WebSocket { Stage::Head } else { Stage::Answer },
            deflate: None,
            head_bytes: None,
            is_over: false,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether our side can ever open with it.
    pub(crate) fn can_open(&self) -> bool {
        self.opening == Opening::Right && self.challenge == Challenge::Right
    }

    /// Whether its behaviour explains that our side fails with this end.
    pub(crate) fn deserves(&self, error: Error) -> bool {
        match (self.opening, error) {
            (Opening::Refused(status), Error::UpgradeRefused(told)) => status == told,
            (Opening::Unasked(_, expected), error) => error == expected,
            (Opening::WrongAccept, Error::AcceptMismatch)
            | (Opening::Noise, Error::ResponseMalformed | Error::HeadTooLarge) => true,
            (_, error) => {
                self.challenge == Challenge::Malformed && error == Error::ChallengeMalformed
            }
        }
    }

    /// Its first output on a new connection.
    pub(crate) fn greet(&mut self, random: &mut Random) -> Vec<u8> {
        if self.framing == Framing::WebSocket { Vec::new() } else { self.challenge(random) }
    }

    /// Takes the opening off the front of `buffer` and returns the response to it.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut Vec<u8>,
        random: &mut Random,
    ) -> Result<Vec<u8>, String> {
        let mut reply = Vec::new();
        if self.stage == Stage::Head
            && let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n")
        {
            let head: Vec<u8> = buffer.drain(..end + 4).collect();
            reply = self.answer_head(&String::from_utf8_lossy(&head), random)?;
        }
        if self.stage == Stage::Answer {
            self.receive_answer(buffer)?;
        }
        if self.stage == Stage::Stuck && !buffer.is_empty() && !self.can_open() {
            // A Close may arrive in place of a message; unexpected bytes may not.
            let may_close = self.framing == Framing::WebSocket && buffer[0] == 0x88;
            let what = format!("{} bytes before it opened", buffer.len());
            return if may_close { Ok(reply) } else { Err(what) };
        }
        Ok(reply)
    }

    fn answer_head(&mut self, head: &str, random: &mut Random) -> Result<Vec<u8>, String> {
        let key = check_request(head)?;
        self.stage = Stage::Stuck;
        let line = match self.opening {
            Opening::Silent => return Ok(Vec::new()),
            Opening::Noise => {
                self.is_over = random.one_in(2);
                let mut noise = websocket::noise(random.between(1, 200), random);
                // A random response that is not a valid head.
                noise.extend(b"\x00\r\n\r\n");
                return Ok(noise);
            }
            Opening::Refused(status) => {
                self.is_over = !random.one_in(4);
                let body = "x".repeat(random.between(0, 3000));
                let length = body.len();
                let head = format!("HTTP/1.1 {status} No\r\nContent-Length: {length}\r\n\r\n");
                return Ok((head + &body).into_bytes());
            }
            Opening::Unasked(line, _) => format!("{line}\r\n"),
            Opening::Right | Opening::WrongAccept | Opening::Truncated => String::new(),
        };
        let key = if self.opening == Opening::WrongAccept { "another" } else { key };
        let accept = accept_value(key);
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{line}"
        );
        if let Some((deflate, field)) = Deflate::answered(head, random) {
            if line.is_empty() {
                answer += &field;
            }
            self.deflate = Some(deflate);
        }
        let padding = if random.one_in(10) { random.between(0, 7000) } else { 0 };
        answer += &format!("X-Padding: {}\r\n\r\n", "p".repeat(padding));
        let mut answer = answer.into_bytes();
        if self.opening == Opening::Truncated {
            answer.truncate(random.between(1, answer.len() - 1));
            self.is_over = true;
        }
        if self.opening == Opening::Right {
            self.stage = Stage::Answer;
            self.head_bytes = Some(answer.len());
            answer.extend(self.challenge(random));
        }
        Ok(answer)
    }

    /// The challenge, or the invalid bytes sent in its place.
    fn challenge(&mut self, random: &mut Random) -> Vec<u8> {
        if self.auth.is_none() {
            self.stage = Stage::Open;
            return Vec::new();
        }
        let mut opcode = BINARY;
        let mut count = CHALLENGE_BYTES;
        match self.challenge {
            Challenge::Right => {}
            Challenge::Silent => {
                self.stage = Stage::Stuck;
                return Vec::new();
            }
            Challenge::Malformed => {
                self.stage = Stage::Stuck;
                count = random.pick(&[0, 31, 33, 400, CHALLENGE_BYTES]);
                opcode = if count == CHALLENGE_BYTES { TEXT } else { BINARY };
            }
        }
        self.bytes_sent = websocket::noise(count, random);
        match self.framing {
            // Text must be UTF-8, or it is refused for that reason instead.
            Framing::WebSocket if opcode == TEXT => {
                websocket::frame_from(Role::Server, true, TEXT, &vec![b'c'; count], random)
            }
            Framing::WebSocket => {
                websocket::frame_from(Role::Server, true, BINARY, &self.bytes_sent, random)
            }
            Framing::Line | Framing::Raw => self.bytes_sent.clone(),
        }
    }

    /// Takes our side's answer to the challenge, once it is complete.
    fn receive_answer(&mut self, buffer: &mut Vec<u8>) -> Result<(), String> {
        let Some(auth) = &self.auth else {
            self.stage = Stage::Open;
            return Ok(());
        };
        let expected = auth.response(&self.bytes_sent);
        let answer: Vec<u8> = if self.framing == Framing::WebSocket {
            let mut unread = &buffer[..];
            let Some(frame) = websocket::take_frame(Role::Client, &mut unread)? else {
                return Ok(());
            };
            if matches!(frame.opcode, websocket::CLOSE | websocket::PING) {
                // Our side closed before the challenge arrived.
                self.stage = Stage::Stuck;
                return Ok(());
            }
            let opcode = if auth.encoding == Encoding::Hex { TEXT } else { BINARY };
            if frame.opcode != opcode || frame.rsv1 || !frame.fin {
                return Err("the answer to the challenge is in a frame of the wrong kind".into());
            }
            let understood = buffer.len() - unread.len();
            buffer.drain(..understood);
            frame.payload
        } else if buffer.len() < expected.len() {
            return Ok(());
        } else {
            buffer.drain(..expected.len()).collect()
        };
        if answer != expected {
            return Err("the answer to the challenge is wrong".into());
        }
        self.stage = Stage::Open;
        Ok(())
    }
}

/// Checks that an upgrade request is permitted by RFC 6455 §4.1. Returns its key.
fn check_request(head: &str) -> Result<&str, String> {
    let has = |line: &str| head.lines().any(|it| it.eq_ignore_ascii_case(line));
    let is_right = head.starts_with("GET /chat HTTP/1.1\r\n")
        && has("Host: halloo.test")
        && has("Upgrade: websocket")
        && has("Connection: Upgrade")
        && has("Sec-WebSocket-Version: 13");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    match key {
        Some(key) if is_right && STANDARD.decode(key).is_ok_and(|it| it.len() == 16) => Ok(key),
        _ => Err(format!("invalid upgrade request: {head:?}")),
    }
}

/// RFC 6455 §4.2.2, item 5.4.
fn accept_value(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

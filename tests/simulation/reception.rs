//! How a simulated server receives a connection of ours: whether there is one at all, and what it answers to
//! the upgrade request and after the challenge.

use crate::deflate::Deflate;
use crate::random::Random;
use crate::websocket::{self, BINARY, TEXT};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding};
use halloo::proto::{Error, Framing, Role};
use rustix::io::Errno;
use sha1::{Digest, Sha1};

/// What comes of an attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Accepted,
    /// It fails with this, once the answer or the lack of one is noticed.
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

/// What it answers to an upgrade request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Right,
    Refused(u16),
    /// The hash of another key.
    WrongAccept,
    /// A subprotocol, or an extension, that nobody asked for.
    Unasked(&'static str, Error),
    /// Part of an answer, and then the end.
    Truncated,
    Silent,
    Noise,
}

/// What it does about authentication, where there is any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    Right,
    Silent,
    /// No challenge: too long, too short, text.
    Malformed,
}

/// See the [module documentation](self).
#[derive(Debug)]
pub(crate) struct Reception {
    framing: Framing,
    auth: Option<Auth>,
    opening: Opening,
    challenge: Challenge,
    /// The challenge it said.
    said: Vec<u8>,
    stage: Stage,
    pub(crate) deflate: Option<Deflate>,
    /// How long the head is that lets our side in, once it is said.
    pub(crate) head_bytes: Option<usize>,
    /// Nothing more comes: it will end its output.
    pub(crate) is_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Answer,
    Open,
    /// It never gets any further.
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
            said: Vec::new(),
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
    pub(crate) fn lets_in(&self) -> bool {
        self.opening == Opening::Right && self.challenge == Challenge::Right
    }

    /// Whether it deserves that our side fails so.
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

    /// What it says to a new connection at once.
    pub(crate) fn greet(&mut self, random: &mut Random) -> Vec<u8> {
        if self.framing == Framing::WebSocket { Vec::new() } else { self.challenge(random) }
    }

    /// Takes what belongs to the opening out of the front of `buffer`, and returns what is said to it.
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
        if self.stage == Stage::Stuck && !buffer.is_empty() && !self.lets_in() {
            // A Close may come where a message was due; bytes that nobody asked for may not.
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
                // Whatever it is, it is no head.
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

    /// The challenge, or what it has for one.
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
        self.said = websocket::noise(count, random);
        match self.framing {
            // Text must be text, or it is refused for that.
            Framing::WebSocket if opcode == TEXT => {
                websocket::frame_from(Role::Server, true, TEXT, &vec![b'c'; count], random)
            }
            Framing::WebSocket => {
                websocket::frame_from(Role::Server, true, BINARY, &self.said, random)
            }
            Framing::Line | Framing::Raw => self.said.clone(),
        }
    }

    /// Takes our side's answer to the challenge, once it is all there.
    fn receive_answer(&mut self, buffer: &mut Vec<u8>) -> Result<(), String> {
        let Some(auth) = &self.auth else {
            self.stage = Stage::Open;
            return Ok(());
        };
        let expected = auth.response(&self.said);
        let answer: Vec<u8> = if self.framing == Framing::WebSocket {
            let mut unread = &buffer[..];
            let Some(frame) = websocket::take_frame(Role::Client, &mut unread)? else {
                return Ok(());
            };
            if matches!(frame.opcode, websocket::CLOSE | websocket::PING) {
                // It gave up before the challenge came.
                self.stage = Stage::Stuck;
                return Ok(());
            }
            let opcode = if auth.encoding == Encoding::Hex { TEXT } else { BINARY };
            if frame.opcode != opcode || frame.rsv1 || !frame.fin {
                return Err("the answer to a challenge is in a frame of the wrong kind".into());
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
            return Err("the answer to a challenge is wrong".into());
        }
        self.stage = Stage::Open;
        Ok(())
    }
}

/// Whether an upgrade request is one that RFC 6455 §4.1 allows. Returns its key.
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
        _ => Err(format!("it asked for an upgrade with {head:?}")),
    }
}

/// RFC 6455 §4.2.2, item 5.4.
fn accept_value(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

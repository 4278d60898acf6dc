//! A simulated client, or the server at the other end of an outgoing connection: its script, its
//! behaviour and its progress.

use crate::bytes::Stream;
use crate::calls::FIRST_PORT;
use crate::deflate::{Deflate, Offer};
use crate::host::Host;
use crate::plan::{MILLISECOND, Plan, SECOND, Serving};
use crate::random::Random;
use crate::reception::Attempt;
use crate::script;
use crate::websocket::{self, Conversation};
use halloo::net::Peer;
use halloo::proto::auth::{Auth, CHALLENGE_BYTES, Encoding, Key};
use halloo::proto::deflate::Settings;
use halloo::proto::{Config, Framing, Role};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One step of a client's script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends a message of this many bytes, in this many frames if the framing has frames.
    Message {
        text: bool,
        bytes: usize,
        frames: usize,
    },
    /// Sends the beginning of a line.
    PartialLine(usize),
    /// Sends a ping, or, without WebSocket framing, bytes that look like one.
    Ping(usize),
    /// Sends this number of tiny pings at once.
    Pings(usize),
    Pong(usize),
    /// Sends many messages at once, each of them almost nothing when compressed. Only if
    /// compression was negotiated.
    Bombs {
        count: usize,
        bytes: usize,
    },
    /// Sends a byte out of band, which leaves an urgent mark between earlier and later bytes.
    Urgent,
    /// Begins the closing handshake.
    Close(Option<u16>),
    /// Sends bytes that violate the protocol.
    Garbage(usize),
    HalfClose,
    /// Closes both directions and forgets the connection.
    Vanish,
    Reset,
}

impl Step {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Message { .. } => "send message",
            Self::PartialLine(_) => "send part",
            Self::Ping(_) => "send ping",
            Self::Pings(_) => "send pings",
            Self::Pong(_) => "send pong",
            Self::Bombs { .. } => "send bombs",
            Self::Urgent => "send urgent",
            Self::Close(_) => "send close",
            Self::Garbage(_) => "send garbage",
            Self::HalfClose => "half-close",
            Self::Vanish => "vanish",
            Self::Reset => "reset",
        }
    }
}

/// How a client answers the challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Right,
    Wrong,
    Truncated,
    Silent,
}

/// What the client expects to receive next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Head,
    Challenge,
    Open,
}

/// What the client sent and what it must receive in return.
#[derive(Debug)]
pub(crate) enum Dialogue {
    Frames(Conversation),
    Bytes(Stream),
    /// The peer is a server.
    Host(Box<Host>),
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) door: usize,
    pub(crate) framing: Framing,
    auth: Option<Auth>,
    answer: Answer,
    /// The extension parameters that a client offers, or that a server agrees to.
    offer: Option<Offer>,
    settings: Option<Settings>,
    stage: Stage,
    pub(crate) dialogue: Dialogue,
    steps: VecDeque<Step>,
    /// Output not yet handed to the network.
    pub(crate) outbox: Vec<u8>,
    /// Bytes sent since the beginning.
    bytes_sent: usize,
    /// The value of `bytes_sent` after its Close.
    said_with_close: Option<usize>,
    /// It replies to a Close.
    answers_close: bool,
    /// Input received and not yet parsed.
    buffer: Vec<u8>,
    /// It sends its first message without waiting for the opening handshake or challenge.
    eager: bool,
    /// It waits for the response to each message.
    patient: bool,
    /// It never finishes its opening handshake.
    pub(crate) never_opens: bool,
    waits: bool,
    /// It does nothing that forfeits a response.
    pub(crate) is_strict: bool,
    /// It violated the protocol, so any end of the connection is correct.
    pub(crate) is_rude: bool,
    /// It stops reading, but does not close.
    pub(crate) never_reads: bool,
    pub(crate) reads: bool,
    /// It closed both directions.
    pub(crate) is_gone: bool,
    /// It never closes, not even after the server has.
    pub(crate) is_stubborn: bool,
    pub(crate) pause: u64,
    pub(crate) read_pause: u64,
    pub(crate) read_bytes: usize,
    packet_bytes_max: usize,
    /// Bytes of a flood that it reads before it stops.
    appetite: usize,
    pub(crate) fin_said: bool,
    pub(crate) saw_eof: bool,
    pub(crate) saw_reset: bool,
}

impl Client {
    pub(crate) fn new(random: &mut Random, plan: &Plan) -> Self {
        let door = random.between(0, plan.doors.len() - 1);
        Self::draw(random, plan, door, &plan.doors[door])
    }

    /// A server that our side will connect to.
    pub(crate) fn new_host(random: &mut Random, plan: &Plan) -> Self {
        let config = &plan.calls[random.between(0, plan.calls.len() - 1)];
        let host = Host::new(random, config);
        let client = Self::draw(random, plan, 0, config);
        let is_kept = host.can_open() && host.attempt == Attempt::Accepted;
        Self {
            is_strict: !client.is_rude && !client.never_reads && is_kept,
            never_opens: !host.can_open(),
            patient: false,
            dialogue: Dialogue::Host(Box::new(host)),
            ..client
        }
    }

    fn draw(random: &mut Random, plan: &Plan, door: usize, config: &Config) -> Self {
        let framing = config.framing;
        let output = [Answer::Right, Answer::Wrong, Answer::Truncated, Answer::Silent];
        let answer = if random.one_in(4) { random.pick(&output) } else { Answer::Right };
        let answers_close = !random.one_in(6);
        let dialogue = match framing {
            Framing::WebSocket => Dialogue::Frames(Conversation::new(plan.serving, answers_close)),
            Framing::Line | Framing::Raw => Dialogue::Bytes(Stream::new(plan.serving)),
        };
        let is_bytewise = random.one_in(6);
        let few = if is_bytewise { 1 } else { 100 };
        // Reading a flood in small pieces takes long and makes no difference to the server.
        let few = if plan.serving == Serving::Flood { 5000 } else { few };
        let read_bytes = random.pick(&[few, few.max(2000), 65_536, 65_536]);
        let never_reads = random.one_in(25);
        let never_opens = framing == Framing::WebSocket && random.one_in(12);
        let script = script::write(random, plan, framing, is_bytewise);
        let is_authentic = config.auth.is_none() || answer == Answer::Right;
        Self {
            door,
            framing,
            auth: config.auth.clone(),
            answer,
            offer: (!random.one_in(4)).then(|| Offer::new(random)),
            settings: config.deflate,
            stage: Stage::Head,
            dialogue,
            steps: script.steps,
            outbox: Vec::new(),
            bytes_sent: 0,
            said_with_close: None,
            answers_close,
            buffer: Vec::new(),
            eager: random.one_in(3),
            patient: !is_bytewise && random.one_in(4),
            never_opens,
            waits: false,
            is_strict: script.is_lawful && is_authentic && !never_reads && !never_opens,
            is_rude: !script.is_lawful,
            never_reads,
            reads: !never_reads,
            is_gone: false,
            is_stubborn: random.one_in(10),
            pause: random.pick(&[0, 1000, MILLISECOND, 100 * MILLISECOND, SECOND]),
            read_pause: random.pick(&[0, 1000, MILLISECOND, 20 * MILLISECOND]),
            read_bytes,
            appetite: (read_bytes * random.between(1, 20)).min(60_000),
            packet_bytes_max: if is_bytewise { 1 } else { random.pick(&[100, 1460, 70_000]) },
            fin_said: false,
            saw_eof: false,
            saw_reset: false,
        }
    }

    /// The client's address.
    pub(crate) fn address(&self, at: usize, house: usize) -> Peer {
        let ip = if house.is_multiple_of(2) {
            IpAddr::V4(Ipv4Addr::new(192, 0, 2, house as u8))
        } else {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, house as u16, 0, 0, 0, at as u16))
        };
        SocketAddr::new(ip, FIRST_PORT + at as u16).into()
    }

    /// The simulated server that the peer is, if it is one.
    pub(crate) fn host(&self) -> Option<&Host> {
        if let Dialogue::Host(host) = &self.dialogue { Some(host) } else { None }
    }

    pub(crate) fn host_mut(&mut self) -> Option<&mut Host> {
        if let Dialogue::Host(host) = &mut self.dialogue { Some(host) } else { None }
    }

    /// Sends its first bytes.
    pub(crate) fn begin(&mut self, random: &mut Random) {
        if let Dialogue::Host(host) = &mut self.dialogue {
            let greeting = host.greet(random);
            self.stage = if host.is_open() { Stage::Open } else { Stage::Head };
            return self.queue_output(&greeting);
        }
        if self.framing == Framing::WebSocket {
            let mut head = websocket::request(self.offer, random);
            if self.never_opens && random.one_in(2) {
                self.is_rude = true;
                random.fill(&mut head);
            }
            let count =
                if self.never_opens { random.between(0, head.len() - 1) } else { head.len() };
            self.queue_output(&head[..count]);
            return;
        }
        self.enter_challenge();
    }

    /// Proceeds to the challenge, if there is one.
    fn enter_challenge(&mut self) {
        self.stage = if self.auth.is_some() { Stage::Challenge } else { Stage::Open };
    }

    /// Whether it sends its first message without waiting for anything.
    pub(crate) fn is_eager(&self) -> bool {
        let must_wait = self.auth.is_some() || self.never_opens;
        !must_wait && (self.eager || self.stage == Stage::Open)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub(crate) fn has_auth(&self) -> bool {
        self.auth.is_some()
    }

    /// The number of bytes that travel together.
    pub(crate) fn packet_bytes(&self, random: &mut Random) -> usize {
        random.between(1, self.packet_bytes_max)
    }

    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.waits = false;
        if self.fin_said { None } else { self.steps.pop_front() }
    }

    /// Whether the next step may be scheduled; otherwise it waits for a response.
    pub(crate) fn may_step(&mut self) -> bool {
        let is_over = self.fin_said || self.steps.is_empty();
        let expects = self.patient && self.is_strict && !self.is_answered();
        self.waits = expects && !is_over;
        !is_over && !expects
    }

    /// Whether the response or opening handshake that it waited for is complete.
    pub(crate) fn takes_wakeup(&mut self) -> bool {
        let is_due = self.waits && self.is_open() && (self.is_answered() || self.host().is_some());
        if is_due {
            self.waits = false;
        }
        is_due
    }

    /// Whether these bytes complete the amount of a flood that it reads.
    pub(crate) fn has_enough_with(&mut self, count: usize) -> bool {
        let before = self.appetite;
        self.appetite = before.saturating_sub(count);
        before > 0 && self.appetite == 0
    }

    /// Whether it is a server that has nothing more to send and closes.
    pub(crate) fn ends_now(&self) -> bool {
        !self.fin_said && !self.is_stubborn && self.host().is_some_and(Host::has_ended)
    }

    /// Drops the rest of its script.
    pub(crate) fn forget_steps(&mut self) {
        self.steps.clear();
    }

    /// The script and all responses are complete.
    pub(crate) fn is_done(&self) -> bool {
        self.steps.is_empty() || self.fin_said
    }

    pub(crate) fn is_answered(&self) -> bool {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.is_answered(),
            Dialogue::Bytes(dialogue) => dialogue.is_answered(),
            Dialogue::Host(host) => host.is_answered(),
        }
    }

    /// The number of compressed messages received.
    pub(crate) fn inflated(&self) -> u64 {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.inflated(),
            Dialogue::Bytes(_) => 0,
            Dialogue::Host(host) => host.inflated(),
        }
    }

    /// Whether the server must keep a compression context for it.
    pub(crate) fn has_takeover(&self) -> bool {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.has_takeover(),
            Dialogue::Bytes(_) => false,
            Dialogue::Host(host) => host.has_takeover(),
        }
    }

    /// Whether it sent part of a message and has not completed it.
    pub(crate) fn has_part(&self) -> bool {
        match &self.dialogue {
            Dialogue::Frames(_) => false,
            Dialogue::Bytes(dialogue) => dialogue.has_part(),
            Dialogue::Host(host) => host.has_part(),
        }
    }

    /// Responses received, in messages or bytes.
    pub(crate) fn answered(&self) -> usize {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.answered(),
            Dialogue::Bytes(dialogue) => dialogue.answered(),
            Dialogue::Host(host) => host.delivered(),
        }
    }

    /// Responses that must have been received once the server has read this number of bytes.
    pub(crate) fn due(&self, bytes_read: usize) -> usize {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.due(bytes_read),
            Dialogue::Bytes(dialogue) => dialogue.due(bytes_read),
            Dialogue::Host(host) => host.due(bytes_read),
        }
    }

    /// Whether this number of bytes ends inside a message.
    pub(crate) fn is_inside_message(&self, bytes_read: usize) -> bool {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.is_inside_message(bytes_read),
            Dialogue::Bytes(_) => false,
            Dialogue::Host(host) => host.is_inside_message(bytes_read),
        }
    }

    fn queue_output(&mut self, bytes: &[u8]) {
        self.bytes_sent += bytes.len();
        self.outbox.extend_from_slice(bytes);
    }

    pub(crate) fn send(&mut self, step: &Step, random: &mut Random) {
        let bytes = match &mut self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.send(step, self.bytes_sent, random),
            Dialogue::Bytes(dialogue) => dialogue.send(step, self.framing, random),
            Dialogue::Host(host) => host.send(step, self.bytes_sent, random),
        };
        self.queue_output(&bytes);
        self.note_close();
    }

    /// Records the position of its Close, if it has just sent one.
    fn note_close(&mut self) {
        if self.sent_code().is_some() {
            self.said_with_close.get_or_insert(self.bytes_sent);
        }
    }

    /// The code of the Close that it sent, if it sent one: 0 for a Close without a code.
    pub(crate) fn sent_code(&self) -> Option<u16> {
        match &self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.sent_code(),
            Dialogue::Bytes(_) => None,
            Dialogue::Host(host) => host.sent_code(),
        }
    }

    /// Whether this number of bytes contains its Close.
    pub(crate) fn has_closed(&self, bytes_read: usize) -> bool {
        self.said_with_close.is_some_and(|bytes_sent| bytes_sent <= bytes_read)
    }

    pub(crate) fn note_fin(&mut self) {
        self.fin_said = true;
        match &mut self.dialogue {
            Dialogue::Frames(_) => {}
            Dialogue::Bytes(dialogue) => dialogue.note_fin(),
            Dialogue::Host(host) => host.note_fin(),
        }
    }

    /// Receives bytes from the server. Returns how many responses they completed.
    pub(crate) fn receive(&mut self, bytes: &[u8], random: &mut Random) -> Result<u64, String> {
        self.buffer.extend_from_slice(bytes);
        if let Dialogue::Host(host) = &mut self.dialogue {
            let reply = host.receive(&mut self.buffer, self.bytes_sent, random)?;
            if host.is_open() && self.stage != Stage::Open {
                self.stage = Stage::Open;
                self.waits = true;
            }
            self.reply(&reply);
            return Ok(0);
        }
        if self.stage == Stage::Head && !self.receive_head()? {
            return Ok(0);
        }
        if self.stage == Stage::Challenge && !self.receive_challenge(random)? {
            return Ok(0);
        }
        let before = self.answered();
        let reply = match &mut self.dialogue {
            Dialogue::Frames(dialogue) => dialogue.receive(&mut self.buffer, random)?,
            Dialogue::Bytes(dialogue) => dialogue.receive(&mut self.buffer)?,
            Dialogue::Host(_) => unreachable!("host input is handled above"),
        };
        self.reply(&reply);
        Ok((self.answered() - before) as u64)
    }

    fn reply(&mut self, reply: &[u8]) {
        if !self.fin_said {
            self.queue_output(reply);
            self.note_close();
        }
    }

    /// Whether a complete and correct response head has arrived.
    fn receive_head(&mut self) -> Result<bool, String> {
        let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(false);
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        if websocket::is_acceptance(&head) {
            if self.never_opens {
                return Err("an incomplete request was accepted".into());
            }
            let deflate = Deflate::agreed(&head, self.offer, self.settings)?;
            if let Dialogue::Frames(dialogue) = &mut self.dialogue {
                dialogue.agree(deflate);
            }
            self.enter_challenge();
            self.waits |= !self.eager || self.auth.is_some();
            return Ok(true);
        }
        let is_refusal = head.starts_with(b"HTTP/1.1 408 ") || head.starts_with(b"HTTP/1.1 503 ");
        let is_error = head.starts_with(b"HTTP/1.1 4") && (self.is_rude || self.fin_said);
        if !is_refusal && !is_error {
            return Err(format!(
                "the response to the request was {:?}",
                String::from_utf8_lossy(&head)
            ));
        }
        self.buffer.clear();
        Ok(false)
    }

    /// Whether the challenge has arrived; if so, answers it.
    fn receive_challenge(&mut self, random: &mut Random) -> Result<bool, String> {
        let challenge: Vec<u8> = match self.framing {
            Framing::WebSocket => {
                let mut unread = &self.buffer[..];
                let Some(frame) = websocket::take_frame(Role::Server, &mut unread)? else {
                    return Ok(false);
                };
                let understood = self.buffer.len() - unread.len();
                self.buffer.drain(..understood);
                if frame.rsv1 {
                    return Err("the challenge is compressed".into());
                }
                if frame.opcode == websocket::CLOSE || frame.opcode == websocket::PING {
                    return Ok(false);
                }
                frame.payload
            }
            Framing::Line | Framing::Raw if self.buffer.len() < CHALLENGE_BYTES => {
                return Ok(false);
            }
            Framing::Line | Framing::Raw => self.buffer.drain(..CHALLENGE_BYTES).collect(),
        };
        if challenge.len() != CHALLENGE_BYTES {
            return Err(format!("a challenge of {} bytes", challenge.len()));
        }
        self.stage = Stage::Open;
        let bytes = self.answer_to(&challenge, random);
        self.queue_output(&bytes);
        self.waits = self.answer == Answer::Right;
        if !self.waits {
            self.dialogue = match self.dialogue {
                Dialogue::Frames(_) => {
                    Dialogue::Frames(Conversation::new(Serving::Discard, self.answers_close))
                }
                _ => Dialogue::Bytes(Stream::new(Serving::Discard)),
            };
            self.steps.clear();
            if random.one_in(2) {
                self.steps.push_back(Step::HalfClose);
                self.waits = true;
            }
            self.is_rude |= matches!(self.answer, Answer::Wrong | Answer::Truncated);
        }
        if let Dialogue::Bytes(dialogue) = &mut self.dialogue {
            dialogue.begin_at(self.bytes_sent);
        }
        Ok(true)
    }

    /// The answer to the challenge in the connection's framing.
    fn answer_to(&self, challenge: &[u8], random: &mut Random) -> Vec<u8> {
        let mut auth = self.auth.clone().expect("there is a challenge");
        auth.keys.swap(0, random.between(0, 1));
        if self.answer == Answer::Wrong {
            auth.keys = vec![Key::new(b"guess".to_vec())];
        }
        let mut answer = auth.response(challenge);
        match self.answer {
            Answer::Silent => return Vec::new(),
            Answer::Truncated => answer.truncate(random.between(1, answer.len() - 1)),
            Answer::Right | Answer::Wrong => {}
        }
        if self.framing != Framing::WebSocket {
            return answer;
        }
        let opcode = match auth.encoding {
            Encoding::Raw => websocket::BINARY,
            Encoding::Hex => websocket::TEXT,
        };
        websocket::frame(true, opcode, &answer, random)
    }
}

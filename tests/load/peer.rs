//! One client of a foreign server, and its messages: hand-written WebSocket, bytes, lines.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};
use socket2::SockRef;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::time::Duration;

/// The read timeout of a server: no client of these tests is silent for this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// RFC 6455, 5.2.
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// How messages are delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    WebSocket,
    /// By their size alone.
    Raw {
        bytes: usize,
    },
    Line,
}

impl Wire {
    /// The scheme and separator of URLs.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::WebSocket => "ws",
            Self::Raw { .. } => "tcp",
            Self::Line => "line",
        }
    }
}

/// See the [module documentation](self).
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
    wire: Wire,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) is_text: bool,
    pub(crate) payload: Vec<u8>,
}

impl Peer {
    /// Completes the opening handshake, if there is one.
    pub(crate) fn accept(stream: TcpStream, wire: Wire) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut peer = Self { stream: BufReader::new(stream), wire };
        if wire == Wire::WebSocket {
            let key = peer.upgrade_request()?;
            peer.write(upgrade_response(&key).as_bytes())?;
        }
        Ok(peer)
    }

    /// The client's address.
    pub(crate) fn ip(&self) -> IpAddr {
        self.stream.get_ref().peer_addr().expect("it is connected").ip()
    }

    /// Limits how much the kernel accepts without a read.
    pub(crate) fn shrink_buffer(&self, bytes: usize) {
        let socket = SockRef::from(self.stream.get_ref());
        socket.set_recv_buffer_size(bytes).expect("it is a socket");
    }

    /// The next message; `None` at the end. A Close frame is answered.
    pub(crate) fn receive(&mut self) -> Option<Whole> {
        match self.wire {
            Wire::WebSocket => self.receive_websocket().ok().flatten(),
            Wire::Raw { bytes } => {
                let mut payload = vec![0; bytes];
                self.stream.read_exact(&mut payload).ok()?;
                Some(Whole { is_text: false, payload })
            }
            Wire::Line => {
                let mut payload = Vec::new();
                let count = self.stream.read_until(b'\n', &mut payload).ok()?;
                (count > 0).then_some(Whole { is_text: true, payload })
            }
        }
    }

    /// A closed client needs no response.
    pub(crate) fn send(&mut self, message: &Whole) {
        let opcode = if message.is_text { TEXT } else { BINARY };
        let _ = match self.wire {
            Wire::WebSocket => self.write_frame(true, opcode, &message.payload),
            Wire::Raw { .. } | Wire::Line => self.write(&message.payload),
        };
    }

    /// Sends the same in three frames.
    pub(crate) fn send_in_fragments(&mut self, message: &Whole) {
        let opcode = if message.is_text { TEXT } else { BINARY };
        let (first, rest) = message.payload.split_at(message.payload.len() / 3);
        let _ = self
            .write_frame(false, opcode, first)
            .and_then(|()| self.write_frame(false, CONTINUATION, b""))
            .and_then(|()| self.write_frame(true, CONTINUATION, rest));
    }

    /// Echoes until the client closes.
    pub(crate) fn echo(&mut self) {
        while let Some(message) = self.receive() {
            self.send(&message);
        }
    }

    /// Receives until the client closes, and sends nothing.
    pub(crate) fn listen(&mut self) {
        while self.receive().is_some() {}
    }

    /// Closes with this code, and waits until the client has closed too.
    pub(crate) fn close(&mut self, code: u16) {
        let _ = self.write_frame(true, CLOSE, &code.to_be_bytes());
        self.listen();
    }

    /// Ends its output without a Close frame, and waits until the client closes.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
        self.listen();
    }

    /// Breaks the connection.
    pub(crate) fn reset(self) {
        reset(self.stream.get_ref());
    }

    fn receive_websocket(&mut self) -> io::Result<Option<Whole>> {
        let [first, second] = self.read()?;
        let length = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.read()?)),
            127 => u64::from_be_bytes(self.read()?),
            length => length.into(),
        };
        // 5.1: "a client MUST mask all frames that it sends to the server". Our client sends no
        // fragments.
        if second & 0x80 == 0 || first & 0x80 == 0 {
            return Err(ErrorKind::InvalidData.into());
        }
        let key: [u8; 4] = self.read()?;
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload)?;
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        if first & 0x0f == CLOSE {
            self.write_frame(true, CLOSE, &payload)?;
            return Ok(None);
        }
        Ok(Some(Whole { is_text: first & 0x0f == TEXT, payload }))
    }

    fn write_frame(&mut self, fin: bool, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![u8::from(fin) << 7 | opcode];
        match payload.len() {
            length @ 0..126 => frame.push(length as u8),
            length @ 126..=0xffff => {
                frame.push(126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        self.write(&frame)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    fn read<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// The client's key.
    fn upgrade_request(&mut self) -> io::Result<String> {
        let mut key = None;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                return key.ok_or_else(|| ErrorKind::InvalidData.into());
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("Sec-WebSocket-Key")
            {
                key = Some(value.to_owned());
            }
        }
    }
}

/// Breaks the connection when the stream is dropped: with or without unread input, its peer gets an
/// RST.
pub(crate) fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// RFC 6455, 4.2.2.
fn upgrade_response(key: &str) -> String {
    let accept = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        BASE64_STANDARD.encode(accept)
    )
}

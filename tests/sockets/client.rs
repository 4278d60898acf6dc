//! A client for the three framings, written without the crate.

use super::framing::Framing;
use super::stream::Stream;
use super::wire::{ACCEPT, BINARY, CLOSE, Frame, REQUEST, masked, masked_close};
use std::io::{self, BufRead, BufReader, Read, Write};

/// Bytes read ahead: few, so that ten thousand clients fit easily.
const BUFFER_BYTES: usize = 512;

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    reader: BufReader<Stream>,
    framing: Framing,
}

impl Client {
    /// Connects and sends nothing.
    #[track_caller]
    pub(crate) fn connect(url: &str) -> Self {
        let stream = Stream::connect(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        Self::over(stream, url)
    }

    /// Takes over a stream that is connected to this URL.
    pub(crate) fn over(stream: Stream, url: &str) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, stream);
        Self { reader, framing: Framing::of(url) }
    }

    /// Connects and completes the opening handshake, if there is one.
    #[track_caller]
    pub(crate) fn open(url: &str) -> Self {
        let mut client = Self::connect(url);
        client.upgrade();
        client
    }

    /// Completes the opening handshake, if there is one.
    #[track_caller]
    pub(crate) fn upgrade(&mut self) {
        if self.framing == Framing::WebSocket {
            self.write(REQUEST);
            self.expect_upgrade();
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) fn stream(&self) -> &Stream {
        self.reader.get_ref()
    }

    #[allow(dead_code, reason = "the flush of a stream with a buffer of its own, such as TLS")]
    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        self.reader.get_mut()
    }

    #[track_caller]
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.try_write(bytes).expect("the server reads its input");
    }

    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    #[track_caller]
    pub(crate) fn finish_output(&self) {
        self.stream().finish_output().expect("the connection is still there");
    }

    /// The bytes of one message in this framing.
    pub(crate) fn encode(&self, message: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::WebSocket => masked(BINARY, message),
            Framing::Line => [message, b"\n"].concat(),
            Framing::Raw => message.to_vec(),
        }
    }

    /// The bytes of the echo of this message.
    pub(crate) fn echo_of(&self, message: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::WebSocket => {
                [super::wire::header(BINARY, 0, message.len()), message.to_vec()].concat()
            }
            Framing::Line | Framing::Raw => self.encode(message),
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.write(&self.encode(message));
    }

    /// Reads the echo of this message.
    #[track_caller]
    pub(crate) fn expect_echo(&mut self, message: &[u8]) {
        let expected = self.echo_of(message);
        let heard = self.read_exactly(expected.len());
        assert!(heard == expected, "{} is not the echo", shown(&heard));
    }

    /// Sends one message and reads its echo.
    #[track_caller]
    pub(crate) fn echo(&mut self, message: &[u8]) {
        self.send(message);
        self.expect_echo(message);
    }

    #[track_caller]
    pub(crate) fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("the server responds");
        bytes
    }

    /// Reads once.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }

    /// Reads until the server ends its output. A reset is an error.
    pub(crate) fn try_rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).map(|_| rest)
    }

    #[track_caller]
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.try_rest().expect("the server ends with FIN, and in time")
    }

    /// Checks that the server sends nothing more and ends its output.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "{} in place of the end", shown(&rest));
    }

    /// A response head, up to and including its empty line.
    #[track_caller]
    pub(crate) fn read_head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let count = self.reader.read_line(&mut head).expect("the server responds");
            assert!(count > 0, "the server ended inside its response: {head:?}");
        }
        head
    }

    #[track_caller]
    pub(crate) fn expect_upgrade(&mut self) {
        let head = self.read_head();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(ACCEPT), "{head}");
    }

    #[track_caller]
    pub(crate) fn read_frame(&mut self) -> Frame {
        let start = self.read_exactly(2);
        assert!(start[1] & 0x80 == 0, "a server must not mask");
        let len = match start[1] {
            126 => self.read_exactly(2).iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
            127 => self.read_exactly(8).iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
            short => usize::from(short),
        };
        Frame { first: start[0], payload: self.read_exactly(len) }
    }

    /// The closing handshake, begun by the server with this code, and then the end.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) {
        let frame = self.read_frame();
        assert_eq!(frame.close_code(), Some(code), "{frame:?}");
        self.write(&masked_close(code));
        self.expect_end();
    }

    /// The closing handshake, begun by us, to its end.
    #[track_caller]
    pub(crate) fn close(mut self) {
        if self.framing == Framing::WebSocket {
            self.write(&masked_close(1000));
            let frame = self.read_frame();
            assert_eq!(frame, Frame::new(CLOSE, &1000_u16.to_be_bytes()));
        }
        self.finish_output();
        self.expect_end();
    }
}

/// The beginning of a long input, short enough for a failure message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(64)];
    format!("{} bytes: {}", bytes.len(), start.escape_ascii())
}

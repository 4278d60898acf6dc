//! The oracle: another WebSocket implementation, which receives the same frames from a client.

use std::io::{self, Cursor, Read, Write};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

pub(crate) use tungstenite::Message;

/// A connection with fixed input and discarded output.
struct Memory(Cursor<Vec<u8>>);

impl Read for Memory {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The messages that the other implementation receives, and its error. The end of input is not an
/// error.
pub(crate) fn receive(bytes: &[u8], message_bytes_max: usize) -> (Vec<Message>, Option<Error>) {
    let limit = Some(message_bytes_max);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_frame_size(limit)
        .max_message_size(limit);
    let input = Memory(Cursor::new(bytes.to_vec()));
    let mut socket = WebSocket::from_raw_socket(input, Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => messages.push(message),
            Ok(_) => {}
            Err(
                Error::ConnectionClosed
                | Error::AlreadyClosed
                | Error::Io(_)
                | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

//! What our side writes on a WebSocket, watched for its Close: that, and not the end of output, ends the
//! conversation.

use crate::websocket::{self, CLOSE};
use halloo::proto::Role;

/// How far into our side's output the watch has come.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Whose output it is.
    role: Role,
    place: Place,
    /// The part of a head or header that was written.
    begun: Vec<u8>,
    /// Payload bytes of the frame in progress that are still to come.
    remaining: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// Frames of messages, and control frames.
    Frames,
    InClose,
    /// Close is whole: nothing may follow.
    End,
    /// The request was answered with a page of HTTP instead.
    Refused,
}

impl Watch {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, place: Place::Head, begun: Vec::new(), remaining: 0 }
    }

    /// Takes what was written. Returns whether Close is now written whole for the first time.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<bool, String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.place {
                Place::End => return Err(format!("{} bytes are written behind Close", rest.len())),
                Place::Refused => return Ok(false),
                Place::Head | Place::Frames | Place::InClose => {}
            }
            let payload = rest.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
            rest = &rest[payload..];
            self.remaining -= payload as u64;
            if payload == 0 {
                self.begun.push(rest[0]);
                rest = &rest[1..];
                self.understand()?;
            }
            if self.place == Place::InClose && self.remaining == 0 {
                self.place = Place::End;
                return if rest.is_empty() { Ok(true) } else { self.write(rest) };
            }
        }
        Ok(false)
    }

    /// Looks whether a head or a header is complete.
    fn understand(&mut self) -> Result<(), String> {
        if self.place == Place::Head {
            if self.begun.ends_with(b"\r\n\r\n") {
                let is_accepted =
                    self.role == Role::Client || self.begun.starts_with(b"HTTP/1.1 101 ");
                self.place = if is_accepted { Place::Frames } else { Place::Refused };
                self.begun.clear();
            }
            return Ok(());
        }
        if let Some(header) = websocket::header(self.role, &self.begun)? {
            self.remaining = header.payload_bytes;
            self.begun.clear();
            if header.opcode == CLOSE {
                self.place = Place::InClose;
            }
        }
        Ok(())
    }
}

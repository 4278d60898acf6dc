//! Watches our side's WebSocket output for its Close frame: that frame, not the end of output,
//! begins the close timeout.

use crate::websocket::{self, CLOSE};
use halloo::proto::Role;

/// How far our side's output has been parsed.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The role of our side.
    role: Role,
    place: Place,
    /// The incomplete head or header at the end of the output so far.
    begun: Vec<u8>,
    /// Payload bytes still missing from the frame in progress.
    remaining: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// Data frames and control frames.
    Frames,
    InClose,
    /// The Close frame is complete: nothing may follow.
    End,
    /// The response was an HTTP page instead of an upgrade.
    Refused,
}

impl Watch {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, place: Place::Head, begun: Vec::new(), remaining: 0 }
    }

    /// Parses output. Returns whether the Close frame is now complete for the first time.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<bool, String> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.place {
                Place::End => return Err(format!("{} bytes are written after Close", rest.len())),
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

    /// Looks for the end of a head or header.
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

//! Checks that the input is the echo of the output, however it is split into frames and reads.

use crate::deflate;
use crate::exchange::Exchange;
use halloo::proto::frame::{HEADER_BYTES_MAX, Header, Opcode};
use halloo::proto::{Role, Status};
use std::io;

/// The position of a connection within a response.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The part of a frame header at the end of a read.
    partial: Vec<u8>,
    /// Payload bytes still missing from the current frame.
    frame_left: usize,
    /// The current frame is the last of its message.
    fin: bool,
    /// The current message is compressed.
    is_compressed: bool,
    /// Bytes of the message received so far.
    offset: usize,
    /// The part of a compressed message received so far.
    compressed: Vec<u8>,
    /// A compressed message that was correct. Equal bytes are the same message, since each message
    /// is compressed alone.
    known: Vec<u8>,
    /// The peer has sent a Close.
    is_closed: bool,
}

impl Check {
    /// Receives bytes. Returns how many messages they completed.
    ///
    /// # Errors
    /// If they are not the echo.
    pub(crate) fn take(&mut self, bytes: &[u8], exchange: &Exchange) -> io::Result<usize> {
        let mut rest = bytes;
        let mut messages = 0;
        // The content of a Close, which is the last frame, does not matter here.
        while !rest.is_empty() && !self.is_closed {
            if self.frame_left == 0 {
                rest = self.begin_frame(rest, exchange)?;
            }
            let count = self.frame_left.min(rest.len());
            let (piece, behind) = rest.split_at(count);
            self.take_payload(piece, exchange)?;
            self.frame_left -= count;
            rest = behind;
            if self.frame_left == 0 && self.fin {
                messages += self.end_message(exchange)?;
            }
        }
        Ok(messages)
    }

    /// Whether the peer has sent a Close at the end of a message.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn take_payload(&mut self, piece: &[u8], exchange: &Exchange) -> io::Result<()> {
        let end = self.offset + piece.len();
        if self.is_compressed {
            self.compressed.extend_from_slice(piece);
        } else if exchange.answer.get(self.offset..end) != Some(piece) {
            return Err(io::Error::other("the echo differs from the message"));
        }
        self.offset = end;
        Ok(())
    }

    /// Takes a frame header off the front of `bytes`, and returns the rest.
    fn begin_frame<'a>(&mut self, bytes: &'a [u8], exchange: &Exchange) -> io::Result<&'a [u8]> {
        if !exchange.is_framed {
            self.frame_left = exchange.answer.len();
            self.fin = true;
            return Ok(bytes);
        }
        if self.partial.is_empty() {
            return match parse(bytes, exchange)? {
                Status::Complete((header, used)) => {
                    self.enter(header)?;
                    Ok(&bytes[used..])
                }
                Status::Partial => {
                    self.partial.extend_from_slice(bytes);
                    Ok(&[])
                }
            };
        }
        let before = self.partial.len();
        let added = bytes.len().min(HEADER_BYTES_MAX - before);
        self.partial.extend_from_slice(&bytes[..added]);
        match parse(&self.partial, exchange)? {
            Status::Complete((header, used)) => {
                self.partial.clear();
                self.enter(header)?;
                Ok(&bytes[used - before..])
            }
            Status::Partial => Ok(&[]),
        }
    }

    fn enter(&mut self, header: Header) -> io::Result<()> {
        if header.opcode == Opcode::Close && self.offset == 0 {
            self.is_closed = true;
            return Ok(());
        }
        let is_first = header.opcode != Opcode::Continuation;
        if header.opcode.is_control() || is_first != (self.offset == 0) {
            return Err(io::Error::other(format!("a frame {:?} came back", header.opcode)));
        }
        if is_first {
            self.is_compressed = header.rsv1;
        }
        self.frame_left = usize::try_from(header.payload_len).map_err(io::Error::other)?;
        // An empty frame completes nothing: no workload has one.
        self.fin = header.fin && self.frame_left > 0;
        Ok(())
    }

    fn end_message(&mut self, exchange: &Exchange) -> io::Result<usize> {
        if self.is_compressed {
            self.end_compressed(exchange)?;
        } else if self.offset != exchange.answer.len() {
            return Err(io::Error::other("an echo is too short"));
        }
        self.offset = 0;
        self.fin = false;
        Ok(1)
    }

    fn end_compressed(&mut self, exchange: &Exchange) -> io::Result<()> {
        if self.compressed != self.known {
            let payload = deflate::inflate(&self.compressed, exchange.answer.len())?;
            if payload != exchange.answer {
                return Err(io::Error::other("the compressed echo differs from the message"));
            }
            std::mem::swap(&mut self.known, &mut self.compressed);
        }
        self.compressed.clear();
        Ok(())
    }
}

fn parse(bytes: &[u8], exchange: &Exchange) -> io::Result<Status<(Header, usize)>> {
    let broken = |error| io::Error::other(format!("a frame is invalid: {error:?}"));
    Header::parse(bytes, Role::Client, exchange.is_compressed).map_err(broken)
}

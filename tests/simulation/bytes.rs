//! The bytes that a client of raw or line framing sent, and the bytes that it must receive in
//! return.

use crate::client::Step;
use crate::plan::Serving;
use crate::random::Random;
use halloo::proto::Framing;

/// The length in bytes of `[Thu May 10 22:00:19 2018] `.
pub(crate) const STAMP_BYTES: usize = 27;

/// The length in bytes of a line of RFC 864: 72 characters and an end of line.
pub(crate) const FLOOD_LINE_BYTES: usize = 74;

#[derive(Debug)]
pub(crate) struct Stream {
    serving: Serving,
    sent: Vec<u8>,
    /// The number of bytes of `sent` that have come back.
    got: usize,
    /// The number of bytes of `sent` that must have come back in the end.
    wanted: usize,
    /// Bytes before the messages: the answer to a challenge.
    begins_at: usize,
    lines: u32,
}

impl Stream {
    pub(crate) fn new(serving: Serving) -> Self {
        Self { serving, sent: Vec::new(), got: 0, wanted: 0, begins_at: 0, lines: 0 }
    }

    /// Messages begin at this offset.
    pub(crate) fn begin_at(&mut self, bytes_sent: usize) {
        self.begins_at = bytes_sent;
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.got >= self.wanted
    }

    /// Whether the last line is incomplete.
    pub(crate) fn has_part(&self) -> bool {
        self.sent.last().is_some_and(|&byte| byte != b'\n')
    }

    pub(crate) fn answered(&self) -> usize {
        self.got
    }

    pub(crate) fn due(&self, bytes_read: usize) -> usize {
        let read = bytes_read.saturating_sub(self.begins_at).min(self.sent.len());
        let whole = match self.serving {
            Serving::Timestamp => {
                self.sent[..read].iter().rposition(|&byte| byte == b'\n').map_or(0, |it| it + 1)
            }
            _ => read,
        };
        whole.min(self.wanted)
    }

    pub(crate) fn send(&mut self, step: &Step, framing: Framing, random: &mut Random) -> Vec<u8> {
        let (count, is_whole) = match step {
            Step::Message { bytes, .. } => (*bytes, true),
            Step::PartialLine(bytes) => (*bytes, false),
            _ => (0, false),
        };
        let bytes = stream_bytes(framing, count, is_whole, random);
        self.sent.extend_from_slice(&bytes);
        self.update_wanted(is_whole && framing == Framing::Line);
        bytes
    }

    fn update_wanted(&mut self, ends_line: bool) {
        self.lines += u32::from(ends_line);
        match self.serving {
            Serving::Echo => self.wanted = self.sent.len(),
            Serving::Timestamp if ends_line => self.wanted = self.sent.len(),
            Serving::CloseAfter(lines)
                if self.lines < lines || (self.lines == lines && ends_line) =>
            {
                self.wanted = self.sent.len();
            }
            _ => {}
        }
    }

    /// The end of input also completes a last line.
    pub(crate) fn note_fin(&mut self) {
        if self.serving == Serving::Timestamp {
            self.wanted = self.sent.len();
        }
    }

    /// Receives bytes from the server.
    pub(crate) fn receive(&mut self, buffer: &mut Vec<u8>) -> Result<Vec<u8>, String> {
        if self.serving == Serving::Flood {
            check_flood(self.got, buffer)?;
            self.got += buffer.len();
            buffer.clear();
            return Ok(Vec::new());
        }
        let mut from = 0;
        while from < buffer.len() {
            let is_line_start = self.got == 0 || self.sent[self.got - 1] == b'\n';
            if self.serving == Serving::Timestamp && is_line_start && self.sent.len() > self.got {
                let Some(stamp) = buffer.get(from..from + STAMP_BYTES) else { break };
                check_stamp(stamp)?;
                from += STAMP_BYTES;
                // The last line cannot be empty, so it gets one byte.
                if from == buffer.len() {
                    from -= STAMP_BYTES;
                    break;
                }
            }
            let rest = &self.sent[self.got..self.wanted.max(self.got)];
            let line_end = match self.serving {
                Serving::Timestamp => {
                    rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |it| it + 1)
                }
                _ => rest.len(),
            };
            let count = line_end.min(buffer.len() - from);
            if count == 0 {
                return Err(format!("{} unexpected bytes arrived", buffer.len() - from));
            }
            if buffer[from..from + count] != rest[..count] {
                return Err(format!("the echo differs from the input after {} bytes", self.got));
            }
            self.got += count;
            from += count;
        }
        buffer.drain(..from);
        Ok(Vec::new())
    }
}

/// Makes `bytes` bytes to send; with line framing a line, or the beginning of one.
pub(crate) fn stream_bytes(
    framing: Framing,
    count: usize,
    is_whole: bool,
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = vec![0; count];
    random.fill(&mut bytes);
    if framing == Framing::Line {
        for byte in &mut bytes {
            *byte = if *byte == b'\n' { b' ' } else { *byte };
        }
        if is_whole {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Whether these are the bytes of a flood at this offset (RFC 864).
pub(crate) fn check_flood(behind: usize, bytes: &[u8]) -> Result<(), String> {
    let is_right = bytes.iter().zip(behind..).all(|(&byte, at)| {
        byte == match (at / FLOOD_LINE_BYTES, at % FLOOD_LINE_BYTES) {
            (_, 72) => b'\r',
            (_, 73) => b'\n',
            (line, column) => b' ' + ((line + column) % 95) as u8,
        }
    });
    if is_right { Ok(()) } else { Err(format!("not the bytes of a flood at offset {behind}")) }
}

/// Whether the bytes have the form `[Thu May 10 22:00:19 2018] `.
pub(crate) fn check_stamp(stamp: &[u8]) -> Result<(), String> {
    let is_stamp = stamp.len() == STAMP_BYTES
        && stamp.starts_with(b"[")
        && stamp.ends_with(b"] ")
        && stamp[14] == b':'
        && stamp[17] == b':';
    let shown = || format!("{:?} is not a stamp", String::from_utf8_lossy(stamp));
    if is_stamp { Ok(()) } else { Err(shown()) }
}

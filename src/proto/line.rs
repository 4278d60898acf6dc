//! Newline-delimited messages. The terminator stays in the message; at the end of input a last line
//! without one counts.

use super::Status;
use super::batch::Batch;
use super::error::Error;
use super::message::Piece;
use super::unfinished::Unfinished;
use std::ops::Range;

/// The line in progress.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Bytes of it that were consumed.
    consumed: u64,
}

impl Line {
    /// Whether a line has begun and not ended.
    pub(crate) fn is_in_message(&self) -> bool {
        self.consumed > 0
    }

    /// Bytes of the line in progress.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.consumed
    }

    /// Consumes a line, or the part of one that is there. `None` if it was only collected.
    #[inline(always)]
    pub(crate) fn receive(
        &mut self,
        batch: &mut Batch,
        unfinished: &mut Unfinished,
        line_bytes_max: u64,
        whole_messages: bool,
    ) -> Result<Status<Option<Piece>>, Error> {
        let unread = batch.unread();
        if unread.is_empty() {
            return Ok(Status::Partial);
        }
        let newline = memchr::memchr(b'\n', unread);
        let wanted = newline.map_or(unread.len(), |index| index + 1);
        // What the limit allows is still lent, so that the answer is the same however the bytes arrived.
        let allowed = (line_bytes_max - self.consumed).min(wanted as u64) as usize;
        if allowed == 0 {
            return Err(Error::MessageTooBig);
        }
        let ends = newline.is_some() && allowed == wanted;
        let begins = self.consumed == 0;
        self.consumed = if ends { 0 } else { self.consumed + allowed as u64 };
        let place = batch.take_payload(allowed, None, 0);
        let lend = ends || !whole_messages;
        if lend && unfinished.assembly_len() == 0 {
            return Ok(Status::Complete(Some(Piece::unframed(Some(place), begins, ends))));
        }
        collect(batch, unfinished, place)?;
        Ok(Status::Complete(ends.then(|| Piece::unframed(None, true, true))))
    }

    /// Ends the line in progress, if there is one, because the input ended.
    pub(crate) fn finish(&mut self, unfinished: &Unfinished) -> Option<Piece> {
        if std::mem::take(&mut self.consumed) == 0 {
            return None;
        }
        // What was streamed has begun already; what was collected begins and ends here.
        Some(Piece::unframed(None, unfinished.assembly_len() > 0, true))
    }
}

/// Keeps what is lent with the rest of its line. Most lines come whole, so it is not in their way.
#[inline(never)]
fn collect(batch: &Batch, unfinished: &mut Unfinished, place: Range<usize>) -> Result<(), Error> {
    unfinished.assemble(batch.payload(place), batch.room())
}

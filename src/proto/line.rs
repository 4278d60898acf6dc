//! Line framing: newline-delimited messages. The newline is part of the message; at the end of
//! input, a last line without a newline is a message too.

use super::Status;
use super::batch::Batch;
use super::error::Error;
use super::message::Piece;
use super::unfinished::Unfinished;
use std::ops::Range;

/// The line in progress.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Bytes of the line that were consumed.
    consumed: u64,
}

impl Line {
    /// Whether a line has started and not ended.
    pub(crate) fn is_in_message(&self) -> bool {
        self.consumed > 0
    }

    /// Bytes received of the line in progress.
    pub(crate) fn message_bytes(&self) -> u64 {
        self.consumed
    }

    /// Consumes a line, or the part of one that has arrived. `None` if that part was only
    /// assembled.
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
        // The part within the limit is still lent, so that the output does not depend on how the
        // bytes arrived.
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
        assemble(batch, unfinished, place)?;
        Ok(Status::Complete(ends.then(|| Piece::unframed(None, true, true))))
    }

    /// Ends the line in progress, if any, at the end of input.
    pub(crate) fn finish(&mut self, unfinished: &Unfinished) -> Option<Piece> {
        if std::mem::take(&mut self.consumed) == 0 {
            return None;
        }
        // A streamed line has already started; an assembled line starts and ends here.
        Some(Piece::unframed(None, unfinished.assembly_len() > 0, true))
    }
}

/// Keeps a part of a line until it is lent with the rest. Not inlined: most lines arrive complete.
#[inline(never)]
fn assemble(batch: &Batch, unfinished: &mut Unfinished, place: Range<usize>) -> Result<(), Error> {
    unfinished.assemble(batch.payload(place), batch.room())
}

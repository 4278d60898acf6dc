//! The heap that a connection owns: allocated only while something is unfinished.

use super::deflate::History;
use super::error::Error;
use super::send_buffer::SendBuffer;

/// The data that one connection keeps between two batches. For an idle connection it is a null
/// pointer.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(Option<Box<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    /// Received bytes that do not yet form a complete head, frame header, control frame or auth
    /// response.
    tail: SendBuffer,
    /// The decoded part of a message that must be complete before it is lent.
    assembly: SendBuffer,
    /// Output that the kernel has not accepted yet, after the first `sent` bytes.
    backlog: SendBuffer,
    sent: usize,
    /// The challenge that we sent, or the nonce of our upgrade request.
    nonce: Option<[u8; 32]>,
    /// With context takeover: the data that compressed messages may refer to. Kept until the
    /// session ends.
    sent_history: History,
    received_history: History,
}

impl Unfinished {
    /// Whether nothing is kept, so that no heap is in use.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn tail(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |parts| &*parts.tail)
    }

    #[inline(never)]
    pub(crate) fn keep_tail(&mut self, tail: &[u8]) -> Result<(), Error> {
        let kept = &mut self.0.get_or_insert_default().tail;
        // A short tail must not keep the large allocation of an earlier long one.
        kept.clear(tail.len().saturating_mul(4));
        kept.extend(tail, usize::MAX)
    }

    pub(crate) fn drop_tail(&mut self) {
        if let Some(parts) = &mut self.0 {
            parts.tail = SendBuffer::default();
        }
    }

    pub(crate) fn assembly_len(&self) -> usize {
        self.0.as_ref().map_or(0, |parts| parts.assembly.len())
    }

    /// Appends to the message being assembled.
    ///
    /// # Errors
    /// [`Error::MemoryExhausted`] if that needs more than `room` bytes.
    #[inline(never)]
    pub(crate) fn assemble(&mut self, piece: &[u8], room: usize) -> Result<(), Error> {
        match piece {
            [] => Ok(()),
            piece => self.0.get_or_insert_default().assembly.extend(piece, room),
        }
    }

    pub(crate) fn take_assembly(&mut self) -> SendBuffer {
        self.0.as_mut().map(|parts| std::mem::take(&mut parts.assembly)).unwrap_or_default()
    }

    pub(crate) fn backlog(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |parts| &parts.backlog[parts.sent..])
    }

    #[inline(never)]
    pub(crate) fn keep_backlog(&mut self, bytes: &[u8]) -> Result<(), Error> {
        // No limit here: the batch that produced the bytes has already counted them.
        self.0.get_or_insert_default().backlog.extend(bytes, usize::MAX)
    }

    /// Drops the first `written` bytes of the backlog. Only a cursor moves, not the bytes.
    pub(crate) fn advance_backlog(&mut self, written: usize) {
        if let Some(parts) = &mut self.0 {
            parts.sent += written;
            debug_assert!(parts.sent <= parts.backlog.len());
            if parts.sent == parts.backlog.len() {
                parts.backlog = SendBuffer::default();
                parts.sent = 0;
            }
        }
    }

    pub(crate) fn keep_nonce(&mut self, nonce: [u8; 32]) {
        self.0.get_or_insert_default().nonce = Some(nonce);
    }

    pub(crate) fn take_nonce(&mut self) -> Option<[u8; 32]> {
        self.0.as_mut()?.nonce.take()
    }

    pub(crate) fn sent_history(&mut self) -> &mut History {
        &mut self.0.get_or_insert_default().sent_history
    }

    pub(crate) fn received_history(&mut self) -> &mut History {
        &mut self.0.get_or_insert_default().received_history
    }

    /// Frees the heap if nothing is unfinished.
    pub(crate) fn release(&mut self) {
        let is_finished = self.0.as_ref().is_some_and(|parts| {
            parts.tail.is_empty()
                && parts.assembly.is_empty()
                && parts.backlog.is_empty()
                && parts.nonce.is_none()
                && parts.sent_history.bytes().is_empty()
                && parts.received_history.bytes().is_empty()
        });
        if is_finished {
            self.0 = None;
        }
    }

    /// Bytes of heap in use.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |parts| {
            size_of::<Parts>()
                + parts.tail.capacity()
                + parts.assembly.capacity()
                + parts.backlog.capacity()
                + parts.sent_history.heap_bytes()
                + parts.received_history.heap_bytes()
        })
    }
}

//! Tracks where TLS records begin and end, and how much of them the library has to hold (RFC 8446
//! §5.1).
//!
//! The library does not report how much it has buffered, so it is counted here from outside: the
//! bytes it was given minus those that are known to have come out. The count may be too high, and
//! is never too low.

/// The header of a record: type, version, length.
const HEADER_BYTES: usize = 5;

/// What the library allocates beyond what it holds: it reads in steps of 4 KiB, and decrypts into
/// another buffer.
const SPACE_BYTES: usize = 8 * 1024;

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(in crate::net::os::tls) struct Records {
    /// The header in progress.
    header: [u8; HEADER_BYTES],
    header_bytes: u8,
    /// Bytes of the record in progress that have not arrived.
    remaining: u16,
    /// Bytes of the record in progress that have arrived, including its header.
    begun: u32,
    /// Bytes of complete records in the library, none of which may have come out yet.
    waiting: u32,
}

impl Records {
    /// Counts bytes that were given to the library.
    pub(in crate::net::os::tls) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.remaining == 0 {
                bytes = self.receive_header(bytes);
            }
            let count = bytes.len().min(usize::from(self.remaining));
            self.begun += count as u32;
            self.remaining -= count as u16;
            bytes = &bytes[count..];
            if self.remaining == 0 && usize::from(self.header_bytes) == HEADER_BYTES {
                self.waiting = self.waiting.saturating_add(self.begun);
                self.begun = 0;
                self.header_bytes = 0;
            }
        }
    }

    /// Takes a part of a header from the front, and returns the rest.
    fn receive_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let filled = usize::from(self.header_bytes);
        let count = bytes.len().min(HEADER_BYTES - filled);
        self.header[filled..filled + count].copy_from_slice(&bytes[..count]);
        self.header_bytes += count as u8;
        self.begun += count as u32;
        if filled + count == HEADER_BYTES {
            self.remaining = u16::from_be_bytes([self.header[3], self.header[4]]);
        }
        &bytes[count..]
    }

    /// Forgets the complete records: their plaintext has come out, or TLS has responded to them.
    pub(in crate::net::os::tls) fn forget_complete(&mut self) {
        self.waiting = 0;
    }

    /// Whether a record is incomplete.
    pub(in crate::net::os::tls) fn is_inside(&self) -> bool {
        self.begun > 0
    }

    /// An upper bound of the memory that the library uses for what it holds; 0 if it holds nothing.
    pub(in crate::net::os::tls) fn held_bytes(&self) -> usize {
        match self.begun.saturating_add(self.waiting) {
            0 => 0,
            bytes => bytes as usize + SPACE_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_tracked_however_they_are_split() {
        let record = |count: usize| [&[22, 3, 3, 0, count as u8][..], &vec![7; count]].concat();
        let bytes = [record(0), record(40), record(1), record(9)[..8].to_vec()].concat();
        for cut in 1..bytes.len() {
            let mut records = Records::default();
            for part in bytes.chunks(cut) {
                records.receive(part);
            }
            assert!(records.is_inside());
            assert_eq!(records.held_bytes(), bytes.len() + SPACE_BYTES);
            records.forget_complete();
            assert_eq!(records.held_bytes(), 8 + SPACE_BYTES);
            records.receive(&[7; 6]);
            assert!(!records.is_inside());
            records.forget_complete();
            assert_eq!(records.held_bytes(), 0);
        }
    }
}

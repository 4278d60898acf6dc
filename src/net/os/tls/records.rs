//! Where the records of TLS begin and end, and what the library must hold of them (RFC 8446 §5.1).
//!
//! The library does not say how much it has buffered, so it is counted here from outside: what it was given, less
//! what is known to have come out. What is counted may be too much, and never too little.

/// The header of a record: type, version, length.
const HEADER_BYTES: usize = 5;

/// What the library makes space for beside what it holds: it reads in steps of 4 KiB, and decrypts into another
/// buffer.
const SPACE_BYTES: usize = 8 * 1024;

/// See the [module documentation](self).
#[derive(Debug, Default)]
pub(in crate::net::os::tls) struct Records {
    /// The header in progress.
    header: [u8; HEADER_BYTES],
    header_bytes: u8,
    /// Bytes of the record in progress that are still to come.
    remaining: u16,
    /// Bytes of the record in progress that have come, with its header.
    begun: u32,
    /// Bytes of records that were given to the library whole and from which nothing may have come out yet.
    waiting: u32,
}

impl Records {
    /// Takes note of bytes that were given to the library.
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

    /// Takes a part of a header from the front; what follows it.
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

    /// What the whole records carried has come out, or was answered.
    pub(in crate::net::os::tls) fn forget_whole(&mut self) {
        self.waiting = 0;
    }

    /// Whether a record has begun and not ended.
    pub(in crate::net::os::tls) fn is_inside(&self) -> bool {
        self.begun > 0
    }

    /// How much memory the library may have taken for what it holds; 0 if it holds nothing.
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
    fn records_are_followed_however_they_are_cut() {
        let record = |count: usize| [&[22, 3, 3, 0, count as u8][..], &vec![7; count]].concat();
        let bytes = [record(0), record(40), record(1), record(9)[..8].to_vec()].concat();
        for cut in 1..bytes.len() {
            let mut records = Records::default();
            for part in bytes.chunks(cut) {
                records.receive(part);
            }
            assert!(records.is_inside());
            assert_eq!(records.held_bytes(), bytes.len() + SPACE_BYTES);
            records.forget_whole();
            assert_eq!(records.held_bytes(), 8 + SPACE_BYTES);
            records.receive(&[7; 6]);
            assert!(!records.is_inside());
            records.forget_whole();
            assert_eq!(records.held_bytes(), 0);
        }
    }
}

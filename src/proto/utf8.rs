//! UTF-8 validation of text that arrives in pieces (RFC 6455 §8.1, RFC 3629).

use super::error::Error;
use simdutf8::compat::from_utf8;

/// Whether a complete text is valid UTF-8.
#[inline]
pub fn is_valid(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}

/// Validates a text in pieces split anywhere, and fails at the first invalid byte.
///
/// Invariant: `partial[..len]` is the start of one code point, valid so far; `len < 4`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Utf8 {
    partial: [u8; 3],
    len: u8,
}

impl Utf8 {
    /// Validates the next piece.
    ///
    /// # Errors
    /// [`Error::InvalidUtf8`] as soon as no continuation could make the text valid.
    pub fn update(&mut self, piece: &[u8]) -> Result<(), Error> {
        let rest = if self.len == 0 { piece } else { self.complete_partial(piece)? };
        let Err(error) = from_utf8(rest) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(Error::InvalidUtf8);
        }
        let tail = &rest[error.valid_up_to()..];
        self.partial[..tail.len()].copy_from_slice(tail);
        self.len = tail.len() as u8;
        Ok(())
    }

    /// Ends the text and resets the validator for the next one.
    ///
    /// # Errors
    /// [`Error::InvalidUtf8`] if the last code point is truncated.
    pub fn finish(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.len) == 0 { Ok(()) } else { Err(Error::InvalidUtf8) }
    }

    /// Adds bytes to the partial code point until it is complete; returns the rest of the piece.
    fn complete_partial<'a>(&mut self, piece: &'a [u8]) -> Result<&'a [u8], Error> {
        let mut point = [0; 4];
        let mut len = usize::from(self.len);
        point[..len].copy_from_slice(&self.partial[..len]);
        for (index, &byte) in piece.iter().enumerate() {
            // A valid start has at most three bytes, and the fourth decides: `len` stays below 4.
            point[len] = byte;
            len += 1;
            match from_utf8(&point[..len]) {
                Ok(_) => {
                    self.len = 0;
                    return Ok(&piece[index + 1..]);
                }
                Err(error) if error.error_len().is_some() => return Err(Error::InvalidUtf8),
                Err(_) => {}
            }
        }
        self.partial[..len].copy_from_slice(&point[..len]);
        self.len = len as u8;
        Ok(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().all(|piece| utf8.update(piece).is_ok()) && utf8.finish().is_ok()
    }

    #[test]
    fn any_split_gives_the_same_result() {
        let texts: [&[u8]; 12] = [
            "芝麻开门".as_bytes(),
            "aß水🎉z".as_bytes(),
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xed\xa0\x80",
            b"\xed\x9f\xbf",
            b"\xff",
            b"ab\xe6\x97",
            b"\xe6\x97ab",
            b"",
        ];
        for text in texts {
            let valid = from_utf8(text).is_ok();
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(accepts(&pieces), valid, "{text:?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn validation_fails_at_the_first_invalid_byte() {
        let mut utf8 = Utf8::default();
        utf8.update(b"ok \xf4").unwrap();
        assert_eq!(utf8.update(b"\x90"), Err(Error::InvalidUtf8));
    }
}

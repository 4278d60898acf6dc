//! Escapes a peer's bytes for a terminal. Raw, they could move the cursor, change colours or the
//! title, or make the terminal send input.

/// The message as one printable line, without its terminator.
pub(in crate::cli) fn line(message: &[u8]) -> String {
    let message = without_terminator(message);
    let mut shown = String::with_capacity(message.len());
    for chunk in message.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' => shown.push(character),
                _ if is_harmless(character) => shown.push(character),
                _ => shown.extend(character.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            shown += &format!("\\x{byte:02x}");
        }
    }
    shown
}

/// The message without one newline, LF or CRLF, at its end.
pub(in crate::cli) fn without_terminator(message: &[u8]) -> &[u8] {
    let message = message.strip_suffix(b"\n").unwrap_or(message);
    message.strip_suffix(b"\r").unwrap_or(message)
}

/// Whether a character is safe: not a control character (C0, DEL, C1), not one that changes the
/// direction or joining of text, and not one without width.
fn is_harmless(character: char) -> bool {
    let reorders = matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !character.is_control() && !reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_and_everything_else_is_escaped() {
        assert_eq!(line("芝麻开门\tab\r\n".as_bytes()), "芝麻开门\tab");
        assert_eq!(line(b"\x1b]0;title\x07"), "\\u{1b}]0;title\\u{7}");
        assert_eq!(line("a\u{202e}b\u{9b}c".as_bytes()), "a\\u{202e}b\\u{9b}c");
        assert_eq!(line(b"\xff\xfe"), "\\xff\\xfe");
        assert_eq!(line(b"two\nlines"), "two\\u{a}lines");
        let every_byte: Vec<u8> = (0..=255).collect();
        assert!(line(&every_byte).chars().all(|shown| shown == '\t' || !shown.is_control()));
    }
}

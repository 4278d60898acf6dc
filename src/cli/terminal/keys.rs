//! Decodes the bytes of a terminal into keys.

use vte::{Params, Parser, Perform};

/// A key press, or text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Characters that arrived together.
    Text(String),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    WordLeft,
    WordRight,
    KillWord,
    KillToStart,
    KillToEnd,
    Yank,
    Swap,
    ClearScreen,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D: deletes a character, or on an empty line ends the input.
    EndOfInput,
    /// Ctrl-Z.
    Suspend,
}

/// A decoder that accepts bytes however they are split, and keeps incomplete sequences.
#[derive(Default)]
pub(super) struct Keys {
    parser: Parser,
    found: Found,
}

#[derive(Default)]
struct Found {
    keys: Vec<Key>,
    /// ESC O arrived: the next character names a key, in a terminal's application mode.
    is_shifted: bool,
}

impl Keys {
    /// The keys in these bytes, and in an incomplete sequence before them.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.parser.advance(&mut self.found, bytes);
        std::mem::take(&mut self.found.keys)
    }
}

impl Found {
    fn press(&mut self, key: Option<Key>) {
        self.keys.extend(key);
    }
}

impl Perform for Found {
    fn print(&mut self, character: char) {
        if std::mem::take(&mut self.is_shifted) {
            // `ESC O M` is Enter on the keypad; CSI M is not.
            return self.press(if character == 'M' { Some(Key::Enter) } else { named(character) });
        }
        match (character, self.keys.last_mut()) {
            ('\x7f', _) => self.press(Some(Key::Backspace)),
            (_, Some(Key::Text(text))) => text.push(character),
            _ => self.press(Some(Key::Text(character.into()))),
        }
    }

    fn execute(&mut self, byte: u8) {
        self.is_shifted = false;
        self.press(Some(match byte {
            b'\t' => return self.print('\t'),
            b'\r' | b'\n' => Key::Enter,
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 => Key::Backspace,
            0x0b => Key::KillToEnd,
            0x0c => Key::ClearScreen,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x14 => Key::Swap,
            0x15 => Key::KillToStart,
            0x17 => Key::KillWord,
            0x19 => Key::Yank,
            0x1a => Key::Suspend,
            _ => return,
        }));
    }

    fn csi_dispatch(&mut self, params: &Params, private: &[u8], ignore: bool, action: char) {
        let mut params = params.iter().filter_map(|param| param.first().copied());
        let (first, modifier) = (params.next().unwrap_or(0), params.next().unwrap_or(0));
        // xterm: CSI 1 ; 5 C is Ctrl-Right; 3 in place of 5 is Alt.
        let by_word = matches!(modifier, 3 | 5);
        self.press(match (action, first) {
            _ if ignore || !private.is_empty() => None,
            ('C', _) if by_word => Some(Key::WordRight),
            ('D', _) if by_word => Some(Key::WordLeft),
            ('~', 1 | 7) => Some(Key::Home),
            ('~', 4 | 8) => Some(Key::End),
            ('~', 3) => Some(Key::Delete),
            ('~', _) => None,
            _ => named(action),
        });
    }

    fn esc_dispatch(&mut self, _intermediates: &[u8], _ignore: bool, byte: u8) {
        self.is_shifted = byte == b'O';
        self.press(match byte {
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            _ => None,
        });
    }
}

/// The key that ends `CSI A` or `ESC O A`.
fn named(character: char) -> Option<Key> {
    Some(match character {
        'A' => Key::Up,
        'B' => Key::Down,
        'C' => Key::Right,
        'D' => Key::Left,
        'H' => Key::Home,
        'F' => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_however_their_bytes_are_split() {
        let typed = "a芝\x1b[A\x1b[1;5D\x1bOC\x1b[3~\x7f\t\x1bb\x1b[Z\r".as_bytes();
        let text = |text: &str| Key::Text(text.into());
        let whole = [
            text("a芝"),
            Key::Up,
            Key::WordLeft,
            Key::Right,
            Key::Delete,
            Key::Backspace,
            text("\t"),
            Key::WordLeft,
            Key::Enter,
        ];
        assert_eq!(Keys::default().read(typed), whole);
        for cut in 0..typed.len() {
            let mut keys = Keys::default();
            let mut found = keys.read(&typed[..cut]);
            found.extend(keys.read(&typed[cut..]));
            let joined = |keys: &[Key]| format!("{keys:?}").replace("\"), Text(\"", "");
            assert_eq!(joined(&found), joined(&whole), "{cut}");
        }
    }

    #[test]
    fn unknown_sequences_do_not_become_text() {
        let typed = b"\x1b[200~\x1b[<0;1;1M\x1b]0;title\x07\x1bP1;2q#\x1b\\\x1b[99x";
        assert_eq!(Keys::default().read(typed), []);
    }
}

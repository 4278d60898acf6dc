//! The layout of prompt and line on the screen.

use unicode_width::UnicodeWidthChar;

/// A row and a column, relative to the start of the prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Place {
    /// The position after a text that starts here, on a screen of this width. It may be one past
    /// the last column: there a terminal waits for the next character before it wraps.
    pub(super) fn after(self, text: &str, columns: usize) -> Self {
        text.chars().fold(self, |place, character| {
            let width = shown(character).width().unwrap_or(0);
            match place.column + width > columns {
                true => Self { row: place.row + 1, column: width },
                false => Self { column: place.column + width, ..place },
            }
        })
    }

    /// The position to which the cursor is moved: never past the last column.
    pub(super) fn settled(self, columns: usize) -> Self {
        if self.column < columns { self } else { Self { row: self.row + 1, column: 0 } }
    }
}

/// The character as it is shown. The width of a tab depends on its column, so a space replaces it.
pub(super) fn shown(character: char) -> char {
    if character == '\t' { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_character_that_does_not_fit_goes_to_the_next_row() {
        let at = |text: &str| Place { row: 0, column: 4 }.after(text, 10);
        assert_eq!(at("abc"), Place { row: 0, column: 7 });
        assert_eq!(at("abcdef"), Place { row: 0, column: 10 });
        assert_eq!(at("abcdef").settled(10), Place { row: 1, column: 0 });
        assert_eq!(at("abcde芝"), Place { row: 1, column: 2 });
        assert_eq!(at("e\u{301}\t"), Place { row: 0, column: 6 });
    }
}

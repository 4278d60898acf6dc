//! The line editor: a line, its history, and the output that shows them on the screen.

use super::keys::{Key, Keys};
use super::screen::{Place, shown};
use rustyline::history::{History, MemHistory, SearchDirection};
use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};
use rustyline::{At, Word};
use std::collections::VecDeque;

/// The prompt.
const PROMPT: &str = ">>> ";

/// Initial capacity of a line, in bytes.
const LINE_BYTES: usize = 256;

/// The result of the keys that were handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Entered {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
    /// Ctrl-Z.
    Suspend,
}

/// See the [module documentation](self).
pub(in crate::cli) struct Editor {
    keys: Keys,
    /// Keys that were typed after the end of a line.
    waiting: VecDeque<Key>,
    line: LineBuffer,
    /// The capacity of the line, in bytes: `LineBuffer` does not grow by itself.
    room: usize,
    history: MemHistory,
    /// The index of the history entry that is shown; the length of the history stands for the new
    /// line.
    entry: usize,
    /// The new line, while a history entry is shown.
    draft: String,
    killed: Killed,
    /// The position of the cursor; `None` while the prompt is hidden.
    cursor: Option<Place>,
}

impl Editor {
    pub(in crate::cli) fn new() -> Self {
        Self {
            keys: Keys::default(),
            waiting: VecDeque::new(),
            line: LineBuffer::with_capacity(LINE_BYTES),
            room: LINE_BYTES,
            history: MemHistory::new(),
            entry: 0,
            draft: String::new(),
            killed: Killed::default(),
            cursor: None,
        }
    }

    /// The length of the line so far, in bytes.
    pub(in crate::cli) fn line_bytes(&self) -> usize {
        self.line.len()
    }

    /// Queues the keys in typed bytes.
    pub(in crate::cli) fn type_bytes(&mut self, bytes: &[u8]) {
        self.waiting.extend(self.keys.read(bytes));
    }

    /// Handles keys until one does more than edit. Appends the output to `screen`.
    pub(in crate::cli) fn next(&mut self, columns: usize, screen: &mut String) -> Option<Entered> {
        while let Some(key) = self.waiting.pop_front() {
            let entered = match key {
                Key::Enter => Entered::Line(self.enter(columns, screen)),
                Key::Interrupt => Entered::Interrupt,
                Key::EndOfInput if self.line.is_empty() => Entered::End,
                Key::Suspend => Entered::Suspend,
                Key::Text(text) => {
                    self.insert(&text, columns, screen);
                    continue;
                }
                Key::ClearScreen => {
                    screen.push_str("\x1b[H\x1b[2J");
                    self.cursor = None;
                    self.show(columns, screen);
                    continue;
                }
                other => {
                    self.edit(&other);
                    self.redraw(columns, screen);
                    continue;
                }
            };
            if !matches!(entered, Entered::Line(_)) {
                self.move_below(columns, screen);
            }
            return Some(entered);
        }
        None
    }

    /// Writes the prompt and the line, unless they are on the screen.
    pub(in crate::cli) fn show(&mut self, columns: usize, screen: &mut String) {
        if self.cursor.is_some() {
            return;
        }
        screen.push_str(PROMPT);
        let start = Place::default().after(PROMPT, columns);
        screen.extend(self.line.as_str().chars().map(shown));
        let end = settle(start.after(self.line.as_str(), columns), columns, screen);
        let cursor = start.after(&self.line.as_str()[..self.line.pos()], columns).settled(columns);
        move_cursor(end, cursor, screen);
        self.cursor = Some(cursor);
    }

    /// Erases the prompt and the line, so that something else can be written in their place.
    pub(in crate::cli) fn hide(&mut self, screen: &mut String) {
        if let Some(cursor) = self.cursor.take() {
            move_cursor(cursor, Place::default(), screen);
            screen.push_str("\x1b[J");
        }
    }

    /// Moves the cursor to a new row below the line.
    fn move_below(&mut self, columns: usize, screen: &mut String) {
        let Some(cursor) = self.cursor.take() else { return };
        let end = Place::default().after(PROMPT, columns).after(self.line.as_str(), columns);
        let end = end.settled(columns);
        move_cursor(cursor, end, screen);
        // After a full row the cursor is in a new one already.
        if end.column > 0 || end.row == 0 {
            screen.push('\n');
        }
    }

    fn redraw(&mut self, columns: usize, screen: &mut String) {
        self.hide(screen);
        self.show(columns, screen);
    }

    fn enter(&mut self, columns: usize, screen: &mut String) -> String {
        self.move_below(columns, screen);
        let line = self.line.as_str().to_owned();
        self.replace("", 0, 0);
        // A history in memory cannot fail; it omits a repeated line.
        let _ = self.history.add(&line);
        self.entry = self.history.len();
        self.draft.clear();
        line
    }

    fn insert(&mut self, text: &str, columns: usize, screen: &mut String) {
        let is_at_end = self.line.is_cursor_at_end();
        self.reserve(text.len());
        self.line.yank(text, 1, &mut self.killed);
        match self.cursor {
            // Text at the end of the line needs no redraw.
            Some(cursor) if is_at_end => {
                screen.extend(text.chars().map(shown));
                self.cursor = Some(settle(cursor.after(text, columns), columns, screen));
            }
            _ => self.redraw(columns, screen),
        }
    }

    /// Makes sure that this many more bytes fit in the line.
    fn reserve(&mut self, more: usize) {
        if self.line.len() + more > self.room {
            let (line, pos) = (self.line.as_str().to_owned(), self.line.pos());
            self.replace(&line, pos, more);
        }
    }

    /// Replaces the line, with capacity for this many more bytes.
    fn replace(&mut self, text: &str, pos: usize, more: usize) {
        self.room = (text.len() + more).next_power_of_two().max(LINE_BYTES);
        self.line = LineBuffer::with_capacity(self.room);
        self.line.update(text, pos, &mut Killed::default());
    }

    fn edit(&mut self, key: &Key) {
        let (line, killed) = (&mut self.line, &mut self.killed);
        match key {
            Key::Backspace => _ = line.backspace(1, killed),
            Key::Delete | Key::EndOfInput => _ = line.delete(1, killed),
            Key::Left => _ = line.move_backward(1),
            Key::Right => _ = line.move_forward(1),
            Key::Home => _ = line.move_home(),
            Key::End => _ = line.move_end(),
            Key::WordLeft => _ = line.move_to_prev_word(Word::Emacs, 1),
            Key::WordRight => _ = line.move_to_next_word(At::AfterEnd, Word::Emacs, 1),
            Key::KillWord => {
                killed.during(|killed| _ = line.delete_prev_word(Word::Big, 1, killed));
            }
            Key::KillToStart => killed.during(|killed| _ = line.discard_line(killed)),
            Key::KillToEnd => killed.during(|killed| _ = line.kill_line(killed)),
            Key::Swap => _ = line.transpose_chars(killed),
            Key::Yank => {
                let text = self.killed.text.clone();
                self.reserve(text.len());
                self.line.yank(&text, 1, &mut self.killed);
            }
            Key::Up => self.go_to(self.entry.checked_sub(1)),
            Key::Down => self.go_to((self.entry < self.history.len()).then_some(self.entry + 1)),
            // These are not edits.
            Key::Text(_) | Key::Enter | Key::Interrupt | Key::Suspend | Key::ClearScreen => {}
        }
    }

    /// Shows a history entry, or the new line again.
    fn go_to(&mut self, entry: Option<usize>) {
        let Some(entry) = entry else { return };
        if self.entry == self.history.len() {
            self.draft = self.line.as_str().to_owned();
        }
        let found = self.history.get(entry, SearchDirection::Forward).ok().flatten();
        let text = found.map_or_else(|| self.draft.clone(), |found| found.entry.into_owned());
        self.entry = entry;
        self.replace(&text, text.len(), 0);
    }
}

/// Puts the cursor after the output, also where that fills the last column.
fn settle(end: Place, columns: usize, screen: &mut String) -> Place {
    if end.column >= columns {
        screen.push('\n');
    }
    end.settled(columns)
}

fn move_cursor(from: Place, to: Place, screen: &mut String) {
    use std::fmt::Write;
    let rows = from.row.abs_diff(to.row);
    let direction = if to.row < from.row { 'A' } else { 'B' };
    // Writing to a string cannot fail.
    if rows > 0 {
        let _ = write!(screen, "\x1b[{rows}{direction}");
    }
    if to.column != from.column {
        screen.push('\r');
        if to.column > 0 {
            let _ = write!(screen, "\x1b[{}C", to.column);
        }
    }
}

/// The text that was killed last, for yanking.
#[derive(Default)]
struct Killed {
    text: String,
    is_killing: bool,
}

impl Killed {
    fn during(&mut self, kill: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.text);
        self.is_killing = true;
        kill(self);
        self.is_killing = false;
        if self.text.is_empty() {
            self.text = before;
        }
    }
}

impl DeleteListener for Killed {
    fn delete(&mut self, _index: usize, text: &str, _direction: Direction) {
        if self.is_killing {
            self.text.push_str(text);
        }
    }
}

impl ChangeListener for Killed {
    fn insert_char(&mut self, _index: usize, _character: char) {}

    fn insert_str(&mut self, _index: usize, _text: &str) {}

    fn replace(&mut self, _index: usize, _old: &str, _new: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that result from these bytes, and everything that was written to the screen.
    fn typed(bytes: &str, columns: usize) -> (Vec<Entered>, String) {
        let (mut editor, mut screen, mut entered) = (Editor::new(), String::new(), Vec::new());
        editor.type_bytes(bytes.as_bytes());
        loop {
            editor.show(columns, &mut screen);
            match editor.next(columns, &mut screen) {
                Some(next) => entered.push(next),
                None => return (entered, screen),
            }
        }
    }

    fn lines(bytes: &str) -> Vec<String> {
        let entered = typed(bytes, 80).0.into_iter();
        entered
            .map(|it| match it {
                Entered::Line(line) => line,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn text_at_the_end_is_written_without_a_redraw() {
        assert_eq!(typed("time\r芝麻\n", 80).1, ">>> time\n>>> 芝麻\n>>> ");
    }

    #[test]
    fn lines_are_edited_with_the_usual_keys() {
        for (bytes, line) in [
            ("helo\x1b[Dl\r", "hello"),
            ("ab\x7fc\r", "ac"),
            ("e\u{301}\x7fx\r", "x"),
            ("b\x01a\x05c\r", "abc"),
            ("one two\x17\x19\x19\r", "one twotwo"),
            ("one two\x15x\r", "x"),
            ("one two\x01\x1bf\x0b\r", "one"),
            ("ab\x1b[D\x1b[3~\r", "a"),
            ("ba\x14\r", "ab"),
            ("芝麻\x1b[D\x1b[Dx\r", "x芝麻"),
        ] {
            assert_eq!(lines(bytes), [line], "{bytes:?}");
        }
    }

    #[test]
    fn history_goes_up_and_down_and_back_to_the_draft() {
        assert_eq!(lines("a\rb\r\x1b[A\x1b[A\r"), ["a", "b", "a"]);
        assert_eq!(lines("a\rdraft\x1b[A\x1b[B!\r"), ["a", "draft!"]);
        assert_eq!(lines("a\r\x1b[A\x1b[A\x1b[Ab\r"), ["a", "ab"]);
        assert_eq!(lines("\x1b[B\x1b[Ax\r"), ["x"]);
    }

    #[test]
    fn ctrl_d_ends_the_input_and_ctrl_c_interrupts() {
        assert_eq!(typed("\x04", 80).0, [Entered::End]);
        assert_eq!(typed("a\x04", 80).0, []);
        assert_eq!(typed("a\x03", 80).0, [Entered::Interrupt]);
    }

    #[test]
    fn a_long_paste_is_one_line() {
        let long = "x".repeat(100_000);
        assert_eq!(lines(&format!("{long}\r")), [long]);
    }

    #[test]
    fn a_line_that_was_hidden_is_shown_as_it_was() {
        let (mut editor, mut screen) = (Editor::new(), String::new());
        editor.type_bytes(b"0123456789ab\x1b[D");
        editor.show(10, &mut screen);
        assert_eq!(editor.next(10, &mut screen), None);
        screen.clear();
        editor.hide(&mut screen);
        // The cursor is in the second of two rows.
        assert_eq!(screen, "\x1b[1A\r\x1b[J");
        screen.clear();
        editor.show(10, &mut screen);
        assert_eq!(screen, ">>> 0123456789ab\r\x1b[5C");
    }
}

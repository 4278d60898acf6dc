//! A two-column table for a terminal: names on the left, values on the right, wrapped lines.

use super::quantity::count;

/// The width of the table, in columns: it fits a terminal of usual size and a printed page.
pub const WIDTH: usize = 100;

/// The width of the names on the left, in columns.
const NAMES: usize = 14;

/// Reasons listed per kind, the most frequent first; one more line sums up the rest.
const REASONS: usize = 20;

/// A table under construction.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The lines so far.
    pub(super) text: String,
}

impl Table {
    /// Adds an empty line, unless the last line is empty.
    pub(super) fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds a value with its name.
    pub(super) fn row(&mut self, name: &str, value: &str) {
        self.wrapped(value, &format!("{name:<NAMES$}"));
    }

    /// Adds right-aligned counts with what they count.
    pub(super) fn list(&mut self, name: &str, counts: &[(String, u64)]) {
        let width = counts.iter().map(|(_, number)| count(*number).len()).max().unwrap_or(0);
        for (index, (reason, number)) in counts.iter().take(REASONS).enumerate() {
            let name = if index == 0 { name } else { "" };
            self.row(name, &format!("{:>width$} {reason}", count(*number)));
        }
        if let Some(rest) = counts.get(REASONS..).filter(|rest| !rest.is_empty()) {
            let sum = rest.iter().map(|(_, number)| number).sum();
            let kinds = count(rest.len() as u64);
            self.row("", &format!("{:>width$} of {kinds} other kinds", count(sum)));
        }
    }

    /// Adds the value after the name, wrapped, with continuation lines indented to the same column.
    /// Control characters, which a terminal would interpret, are escaped.
    pub(super) fn wrapped(&mut self, value: &str, name: &str) {
        let indent = name.chars().count();
        let value: String = value.chars().flat_map(escaped).collect();
        let mut lines = broken(&value, WIDTH - indent).into_iter();
        let first = lines.next().unwrap_or_default();
        self.text += format!("{name}{first}").trim_end();
        self.text.push('\n');
        for line in lines {
            self.text += format!("{:indent$}{line}", "").trim_end();
            self.text.push('\n');
        }
    }
}

fn escaped(character: char) -> Vec<char> {
    match character {
        _ if character.is_control() => character.escape_unicode().collect(),
        _ => vec![character],
    }
}

/// Breaks a text into lines of at most `width` characters, at spaces where possible.
fn broken(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let (mut lines, mut rest) = (Vec::new(), &characters[..]);
    while rest.len() > width {
        let space = rest[..=width].iter().rposition(|&character| character == ' ');
        let (end, next) = match space {
            Some(space) if space > 0 => (space, space + 1),
            _ => (width, width),
        };
        lines.push(rest[..end].iter().collect());
        rest = &rest[next..];
    }
    lines.push(rest.iter().collect());
    lines
}

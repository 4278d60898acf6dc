//! A table for a terminal: names on the left, values on the right, in lines that are not too long.

use super::quantity::count;

/// Columns: what a terminal of usual size has, and what a page takes.
pub const WIDTH: usize = 100;

/// Columns of the names on the left.
const NAMES: usize = 14;

/// Reasons that are listed of each kind, the most frequent first; the rest is one line.
const REASONS: usize = 20;

/// Lines with a name on the left.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What was written so far.
    pub(super) text: String,
}

impl Table {
    /// An empty line, unless there is one.
    pub(super) fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A value with its name.
    pub(super) fn row(&mut self, name: &str, value: &str) {
        self.wrapped(value, &format!("{name:<NAMES$}"));
    }

    /// Counts, aligned at the right, with what they count.
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

    /// The value behind the name, in as many lines as it takes; the later ones are indented as far. What is
    /// not to be shown, such as the control characters of a terminal, is spelled out.
    pub(super) fn wrapped(&mut self, value: &str, name: &str) {
        let indent = name.chars().count();
        let value: String = value.chars().flat_map(spelled).collect();
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

fn spelled(character: char) -> Vec<char> {
    match character {
        _ if character.is_control() => character.escape_unicode().collect(),
        _ => vec![character],
    }
}

/// Lines of at most `width` characters, broken at spaces where there are some.
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

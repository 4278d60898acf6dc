//! An outcome as one page for a browser: everything is in the file, nothing is fetched.

use super::super::outcome::Outcome;
use super::text;

/// The page.
pub fn render(outcome: &Outcome) -> String {
    format!("<!doctype html><meta charset=utf-8><pre>{}</pre>", escaped(&text::render(outcome)))
}

/// Text that means itself, in an element and in an attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

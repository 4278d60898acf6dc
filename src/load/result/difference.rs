//! Shows how a message came back changed.

use super::outcome::Difference;

/// Bytes shown of each message: 64.
const SHOWN_BYTES: usize = 64;

/// Bytes shown before the first difference, unless it is near the start: 16.
const BYTES_BEFORE: usize = 16;

impl Difference {
    /// The difference between the message sent, if it is known, and the start of the one received.
    pub(in crate::load) fn new(connection: u32, sent: Option<&[u8]>, received: &[u8]) -> Self {
        let start = sent.map_or(0, |sent| start(sent, received));
        Self {
            connection: connection.into(),
            sent: sent.map(|sent| shown(sent, start)),
            received: shown(received, start),
        }
    }
}

/// The offset to show from, so that the first difference is visible.
fn start(sent: &[u8], received: &[u8]) -> usize {
    let same = sent.iter().zip(received).take_while(|(sent, received)| sent == received).count();
    if same < SHOWN_BYTES { 0 } else { same - BYTES_BEFORE }
}

fn shown(bytes: &[u8], start: usize) -> String {
    let bytes = bytes.get(start..).unwrap_or_default();
    let before = if start > 0 { "…" } else { "" };
    let after = if bytes.len() > SHOWN_BYTES { "…" } else { "" };
    format!("{before}{}{after}", bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown_and_unprintable_bytes_are_escaped() {
        let difference = Difference::new(3, Some(b"abc\x1b"), b"error: \"\xff\n");
        assert_eq!(difference.connection, 3);
        assert_eq!(difference.sent.as_deref(), Some("abc\\x1b"));
        assert_eq!(difference.received, "error: \\\"\\xff\\n");
        let sent = vec![b'a'; 1_000];
        let mut received = sent.clone();
        received[500] = b'b';
        let difference = Difference::new(0, Some(&sent), &received);
        assert_eq!(difference.sent.unwrap(), format!("…{}…", "a".repeat(64)));
        let shown = format!("…{}b{}…", "a".repeat(16), "a".repeat(47));
        assert_eq!(difference.received, shown);
        assert_eq!(Difference::new(0, None, b"hi").sent, None);
    }
}

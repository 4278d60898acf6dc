//! The journal of a service: a record of its events, for comparison.

use halloo::proto::{Kind, Message};
use std::fmt;

/// One event of a service. The pieces of a message are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Open,
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Long payloads are abbreviated: a failure must stay readable.
impl fmt::Debug for Event<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => formatter.write_str("Open"),
            Self::Text(text) if text.len() <= 80 => write!(formatter, "Text({text:?})"),
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Binary(bytes) if bytes.len() <= 80 => write!(formatter, "Binary({bytes:?})"),
            Self::Binary(bytes) => write!(formatter, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// All events of one service, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    /// The message that has started and not ended.
    current: Option<(Kind, Vec<u8>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Open,
    Message(Kind, Vec<u8>),
}

impl Journal {
    pub(crate) fn record_open(&mut self) {
        self.entries.push(Entry::Open);
    }

    /// Appends a piece to its message, and checks that `begins` and `ends` are correct.
    pub(crate) fn record(&mut self, message: &Message<'_>) {
        assert_eq!(
            message.begins,
            self.current.is_none(),
            "one message at a time, and each starts once"
        );
        let (kind, mut payload) = self.current.take().unwrap_or((message.kind, Vec::new()));
        assert_eq!(kind, message.kind, "a message is of one kind");
        payload.extend_from_slice(message.payload);
        if message.ends {
            self.entries.push(Entry::Message(kind, payload));
        } else {
            self.current = Some((kind, payload));
        }
    }

    /// The events so far, without a message that has not ended.
    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        let event = |entry| match entry {
            &Entry::Open => Event::Open,
            Entry::Message(Kind::Text, payload) => {
                Event::Text(std::str::from_utf8(payload).expect("only valid text is lent"))
            }
            Entry::Message(Kind::Binary, payload) => Event::Binary(payload),
        };
        self.entries.iter().map(event).collect()
    }

    /// The pieces of the message that has not ended.
    pub(crate) fn unended(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(_, payload)| payload)
    }

    /// The payloads of all messages, concatenated.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let payload = |entry| match entry {
            &Entry::Open => &[][..],
            Entry::Message(_, payload) => payload,
        };
        let mut bytes: Vec<u8> = self.entries.iter().flat_map(payload).copied().collect();
        bytes.extend_from_slice(self.unended());
        bytes
    }
}

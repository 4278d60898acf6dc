//! Limits of one turn of the reactor: no connection may occupy it alone.

use crate::link::Place;
use crate::world::World;
use halloo::limits::ACCEPTS_PER_TURN;

/// The largest message that a simulated client sends, in bytes.
const MESSAGE_BYTES_MAX: usize = 200_001;

/// The response bytes of one batch after which no more messages are read, which also bounds the
/// messages lent in one turn: 1 MiB.
const TURN_BYTES: usize = 1 << 20;

/// The largest write: the limit of a batch, plus the message that exceeded it and its overhead.
pub(crate) const BATCH_BYTES_MAX: usize = TURN_BYTES + MESSAGE_BYTES_MAX + 16 * 1024;

/// Bytes of an incomplete message that also count as progress.
pub(crate) const PROGRESS_BYTES: usize = 64 * 1024;

impl World {
    /// A turn begins or ends.
    pub(crate) fn begin_turn(&mut self) {
        self.accepts = 0;
        for link in &mut self.links {
            link.facts.bytes_lent_before = std::mem::take(&mut link.facts.bytes_lent);
        }
    }

    pub(crate) fn note_accept(&mut self) {
        self.accepts += 1;
        if self.accepts > ACCEPTS_PER_TURN {
            self.violate("more connections are accepted in one turn than it may take");
        }
    }

    /// The service was lent `bytes` bytes.
    pub(crate) fn note_lent(&mut self, at: usize, bytes: usize) {
        let facts = &mut self.links[at].facts;
        facts.bytes_lent += bytes;
        if facts.bytes_lent > TURN_BYTES + MESSAGE_BYTES_MAX {
            self.violate(format!("link {at}: one turn lends more of its messages than it may"));
        }
    }

    /// A connection that used a whole turn must be driven after all others in the next.
    pub(crate) fn check_others_first(&mut self, at: usize) {
        let is_bulk = |at: usize| self.links[at].facts.bytes_lent_before >= TURN_BYTES;
        let is_served = |at: usize| self.links[at].facts.bytes_lent > 0;
        let others = (0..self.links.len()).filter(|&other| other != at);
        let is_server = |other: &usize| self.links[*other].place == Place::Server;
        if !is_bulk(at) && others.filter(is_server).any(|it| is_bulk(it) && is_served(it)) {
            self.violate(format!(
                "link {at}: it is driven after one that used the whole previous turn"
            ));
        }
    }
}

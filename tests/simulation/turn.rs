//! What one turn of the reactor may do: nobody has it to themselves.

use crate::link::Place;
use crate::world::World;
use halloo::limits::ACCEPTS_PER_TURN;

/// The largest message that a simulated client sends, in bytes.
const MESSAGE_BYTES_MAX: usize = 200_001;

/// What responses of one batch may come to before no more messages are looked at, and so what the messages may
/// that are lent in one turn: 1 MiB.
const TURN_BYTES: usize = 1 << 20;

/// The most that one write may offer: with the message, and what was added to it, that passed the bound.
pub(crate) const BATCH_BYTES_MAX: usize = TURN_BYTES + MESSAGE_BYTES_MAX + 16 * 1024;

/// So much of a message that is not complete is progress too.
pub(crate) const PROGRESS_BYTES: usize = 64 * 1024;

impl World {
    /// A turn begins, or is over.
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

    /// The service was lent so many bytes.
    pub(crate) fn note_lent(&mut self, at: usize, bytes: usize) {
        let facts = &mut self.links[at].facts;
        facts.bytes_lent += bytes;
        if facts.bytes_lent > TURN_BYTES + MESSAGE_BYTES_MAX {
            self.violate(format!("link {at}: one turn has more of its messages than it may take"));
        }
    }

    /// Whoever had much in the last turn is served behind all others.
    pub(crate) fn check_others_first(&mut self, at: usize) {
        let is_bulk = |at: usize| self.links[at].facts.bytes_lent_before >= TURN_BYTES;
        let is_served = |at: usize| self.links[at].facts.bytes_lent > 0;
        let others = (0..self.links.len()).filter(|&other| other != at);
        let is_server = |other: &usize| self.links[*other].place == Place::Server;
        if !is_bulk(at) && others.filter(is_server).any(|it| is_bulk(it) && is_served(it)) {
            self.violate(format!(
                "link {at}: it is served behind one that had a whole turn before"
            ));
        }
    }
}

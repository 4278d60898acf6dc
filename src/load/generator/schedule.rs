//! When messages are due: computed, so that a schedule takes no memory, and a message that is sent
//! late is still timed from when it was due.

/// The times of an open loop: message `k` of all is due at `k / rate` after the start, on
/// connection `k` modulo the number of connections.
#[derive(Debug, Clone, Copy)]
pub(in crate::load) struct Schedule {
    start: u64,
    nanoseconds_each: f64,
    connections: u64,
}

impl Schedule {
    /// Creates a schedule from `start` on, with `rate` messages per second that alternate between
    /// `connections` connections.
    pub(in crate::load) fn new(start: u64, rate: f64, connections: u32) -> Self {
        Self { start, nanoseconds_each: 1e9 / rate, connections: u64::from(connections.max(1)) }
    }

    /// When message `k` of all is due.
    pub(in crate::load) fn due_at(&self, k: u64) -> u64 {
        self.start + (k as f64 * self.nanoseconds_each) as u64
    }

    /// When message `number` of a connection is due.
    pub(in crate::load) fn intended(&self, connection: usize, number: u64) -> u64 {
        self.due_at(connection as u64 + number * self.connections)
    }

    /// The connection of message `k`.
    pub(in crate::load) fn connection(&self, k: u64) -> usize {
        (k % self.connections) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_take_turns_and_share_the_rate() {
        let schedule = Schedule::new(1_000, 1e6, 3);
        assert_eq!(
            (0..5).map(|k| schedule.due_at(k)).collect::<Vec<_>>(),
            [1_000, 2_000, 3_000, 4_000, 5_000]
        );
        for k in 0..9 {
            let connection = schedule.connection(k);
            assert_eq!(schedule.intended(connection, k / 3), schedule.due_at(k));
        }
        // An hour at a rate that does not divide evenly into nanoseconds: no drift.
        let schedule = Schedule::new(0, 300_000.0, 1);
        assert_eq!(schedule.due_at(300_000 * 3_600), 3_600_000_000_000);
    }
}

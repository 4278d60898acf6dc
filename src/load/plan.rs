//! The plan of a run: its load, its durations and its limits.

use super::sources::Sources;
use std::time::Duration;

/// The default share of lost and corrupted messages that makes a run LOSSY: 1 %.
pub const LOSSY_ABOVE: f64 = 0.01;

/// The largest message that a run sends: 1 GiB.
pub const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// See the [module documentation](self).
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections of this process.
    pub connections: u32,
    /// The number of this process's first connection, counted over the whole run.
    pub first_connection: u32,
    /// The index of this process and the number of processes.
    pub share: (u32, u32),
    /// Connections started per second; unlimited if `None`.
    pub connect_rate: Option<f64>,
    /// The most connections being opened at the same time.
    pub connects_at_once: u32,
    /// Source addresses of the connections; the system chooses if `None`.
    pub sources: Option<Sources>,
    /// The content of messages.
    pub content: Content,
    /// When messages are sent.
    pub pace: Pace,
    /// Whether every echo is compared with the message sent. Otherwise any message counts as the
    /// response to the oldest one in flight.
    pub verify: bool,
    /// Time between the last connection and the start of the window.
    pub warm_up: Duration,
    /// When the window ends.
    pub end: WindowEnd,
    /// Time limit for opening a connection: TCP, TLS, opening handshake and authentication
    /// together.
    pub connect_timeout: Duration,
    /// Time limit for an echo: until then a message is in flight, afterwards it is lost.
    pub reply_timeout: Duration,
    /// The share of lost and corrupted messages, 0 to 1, above which a run is LOSSY.
    pub lossy_above: f64,
    /// Whether the event loop polls without sleeping between sends.
    pub spin: bool,
    /// Whether a lost message makes its connection lost too, and every lost connection is recorded
    /// in the ledger.
    pub keeps_ledger: bool,
    /// The length of the intervals that the window is recorded in.
    pub interval: Duration,
    /// The heartbeat period of the event loop, which shows whether the loop was running.
    pub beat: Duration,
}

/// The content of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Stamped messages of this size.
    Stamped {
        /// Bytes of the payload, at least 1.
        bytes: usize,
        /// Whether messages are binary instead of text.
        binary: bool,
    },
    /// This text in every message.
    Text(String),
}

/// When messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// A closed loop: each connection keeps this many messages in flight, and sends the next one
    /// when an echo arrives.
    Closed {
        /// Messages in flight per connection, at least 1.
        depth: u32,
    },
    /// An open loop: messages are sent when they are due, whatever has been received.
    Open {
        /// Messages due per second, over all connections of this process.
        rate: f64,
    },
    /// No messages are sent.
    Silent,
}

/// When the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// After this time.
    Time(Duration),
    /// After this many messages of this process and their echoes.
    Messages(u64),
}

impl Default for Plan {
    /// [`Plan::new`] with text messages of 64 bytes.
    fn default() -> Self {
        Self::new(Content::Stamped { bytes: 64, binary: false })
    }
}

impl Plan {
    /// One connection that keeps one message in flight, for 10 s, with every echo verified.
    pub fn new(content: Content) -> Self {
        Self {
            connections: 1,
            first_connection: 0,
            share: (0, 1),
            connect_rate: None,
            connects_at_once: 128,
            sources: None,
            content,
            pace: Pace::Closed { depth: 1 },
            verify: true,
            warm_up: Duration::ZERO,
            end: WindowEnd::Time(Duration::from_secs(10)),
            connect_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(5),
            lossy_above: LOSSY_ABOVE,
            spin: false,
            keeps_ledger: false,
            interval: Duration::from_secs(1),
            beat: Duration::from_millis(2),
        }
    }

    /// The plan of process `index` of `processes`: an even share of all counts and rates.
    pub fn share(&self, index: u32, processes: u32) -> Self {
        let (index, processes) = (u64::from(index), u64::from(processes));
        // The first processes get the remainder.
        let of = |count: u64| count / processes + u64::from(index < count % processes);
        let before = |count: u64| count / processes * index + index.min(count % processes);
        let connections = u64::from(self.connections);
        let part = of(connections) as f64 / connections.max(1) as f64;
        Self {
            connections: of(connections) as u32,
            first_connection: self.first_connection + before(connections) as u32,
            share: (index as u32, processes as u32),
            connect_rate: self.connect_rate.map(|rate| rate * part),
            pace: match self.pace {
                Pace::Open { rate } => Pace::Open { rate: rate * part },
                other => other,
            },
            end: match self.end {
                WindowEnd::Messages(messages) => WindowEnd::Messages(of(messages)),
                time => time,
            },
            ..self.clone()
        }
    }

    /// The source address of connection `nth` of this process: the connections of all processes
    /// take turns among the sources.
    pub fn source(&self, nth: u64) -> Option<std::net::IpAddr> {
        let (index, processes) = self.share;
        let sources = self.sources.as_ref()?;
        Some(sources.address(nth * u64::from(processes) + u64::from(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_do_not_overlap() {
        let plan = Plan {
            connections: 10,
            connect_rate: Some(100.0),
            sources: Some("127.1.0.1,127.1.0.2,127.1.0.3".parse().unwrap()),
            pace: Pace::Open { rate: 50.0 },
            end: WindowEnd::Messages(7),
            ..Plan::new(Content::Text("a".into()))
        };
        let shares: Vec<Plan> = (0..4).map(|index| plan.share(index, 4)).collect();
        let of = |of: fn(&Plan) -> u32| shares.iter().map(of).collect::<Vec<_>>();
        assert_eq!(of(|share| share.connections), [3, 3, 2, 2]);
        assert_eq!(of(|share| share.first_connection), [0, 3, 6, 8]);
        let rates = shares.iter().map(|share| match share.pace {
            Pace::Open { rate } => rate,
            _ => 0.0,
        });
        assert!((rates.sum::<f64>() - 50.0).abs() < 1e-9);
        let sources: Vec<_> =
            (0..2).flat_map(|nth| shares.iter().map(move |it| it.source(nth))).collect();
        let whole: Vec<_> = (0..8).map(|nth| plan.source(nth)).collect();
        assert_eq!(sources, whole);
    }
}

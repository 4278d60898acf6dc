//! What a run is to do.

use super::sources::Sources;
use std::time::Duration;

/// The share of messages that may be lost or corrupted by default: 1 %.
pub const LOSSY_ABOVE: f64 = 0.01;

/// See the [module documentation](self).
#[derive(Debug, Clone)]
pub struct Plan {
    /// Connections of this process.
    pub connections: u32,
    /// The number, in the whole run, of this process's first connection.
    pub first_connection: u32,
    /// Which of how many processes this is.
    pub share: (u32, u32),
    /// Connections that are begun in a second; as many as go if `None`.
    pub connect_rate: Option<f64>,
    /// Connections that are being made at once.
    pub connects_at_once: u32,
    /// Where connections come from; the system chooses if `None`.
    pub sources: Option<Sources>,
    /// What messages are.
    pub content: Content,
    /// When they are sent.
    pub pace: Pace,
    /// Whether every echo is compared with what was sent. Otherwise any message answers the oldest.
    pub verify: bool,
    /// Between the last connection and the window.
    pub warm_up: Duration,
    /// How long the window is.
    pub end: WindowEnd,
    /// How long a connection may take to open: TCP, TLS, opening handshake and authentication together.
    pub connect_timeout: Duration,
    /// How long an echo is waited for: until then a message is on its way, afterwards it is lost.
    pub reply_timeout: Duration,
    /// The share of messages, 0 to 1, above which lost and corrupted ones make a run LOSSY.
    pub lossy_above: f64,
    /// Whether the event loop polls without sleeping between sends.
    pub spin: bool,
    /// Whether a connection whose message is lost is lost itself, and each one lost is written down.
    pub keeps_ledger: bool,
    /// How long the pieces are in which the window is recorded.
    pub interval: Duration,
    /// Between two beats of the event loop, by which it knows whether it ran.
    pub beat: Duration,
}

/// What messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// So many bytes, stamped.
    Stamped {
        /// Bytes of the payload, at least 1.
        bytes: usize,
        /// As binary messages, not text.
        binary: bool,
    },
    /// This text, all of them.
    Text(String),
}

/// When messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// A closed loop: each connection has so many messages on their way, and sends the next when an echo
    /// comes.
    Closed {
        /// Messages on their way, at least 1.
        depth: u32,
    },
    /// An open loop: messages are sent when they are due, whatever came back.
    Open {
        /// Messages that are due in a second, by all connections of this process together.
        rate: f64,
    },
    /// None is sent.
    Silent,
}

/// When a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowEnd {
    /// After this time.
    Time(Duration),
    /// After so many messages of this process, and their echoes.
    Messages(u64),
}

impl Plan {
    /// One connection that has one such message on its way at a time, for 10 s, all of it verified.
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

    /// What process `index` of `processes` does of this: a fair share of everything that is counted.
    pub fn share(&self, index: u32, processes: u32) -> Self {
        let (index, processes) = (u64::from(index), u64::from(processes));
        // The first ones take what does not divide evenly.
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

    /// Where connection `nth` of this process comes from: the connections of all processes take turns among
    /// the sources.
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

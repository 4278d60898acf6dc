//! What a seed decides: the load, the server, the network, and what goes wrong.

use crate::random::Random;
use halloo::load::plan::{Content, Pace, Plan, WindowEnd};
use halloo::proto::Framing;
use std::time::Duration;

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Messages of one run: enough for percentiles, few enough for thousands of runs.
const MESSAGES_MAX: u64 = 600;

/// What goes wrong on the server or on the way to it. `one_in` is how rare it is among messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    FixedDelay(u64),
    /// Up to this long, and the echoes stay in order.
    RandomDelay(u64),
    /// All processing of the server stops, at this time after the start of the load.
    Pause {
        at: u64,
        length: u64,
    },
    Drop {
        one_in: u64,
    },
    Duplicate {
        one_in: u64,
    },
    Corrupt {
        one_in: u64,
    },
    ChangeOpcode {
        one_in: u64,
    },
    /// An echo is sent this much later than those of later messages may be.
    Reorder {
        one_in: u64,
    },
    Misdeliver {
        one_in: u64,
    },
    /// The server sends messages that nobody asked for, this far apart.
    Push {
        every: u64,
    },
    Greeting,
    WrongResponse {
        one_in: u64,
    },
    /// The echo takes longer than the reply timeout.
    Late {
        one_in: u64,
    },
    /// The server ends this many connections.
    End {
        how: Ending,
        connections: usize,
    },
    /// This many connects are refused, but never the first.
    Refuse {
        connections: usize,
    },
    /// The server stops to read on every connection.
    StopReading {
        at: u64,
        length: u64,
    },
    SlowConnect(u64),
    /// The load generator does not run at times.
    Disturb(Disturbance),
}

/// How a server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Fin,
    Reset,
    /// A WebSocket Close frame with the code 1001.
    Close,
}

/// What keeps the load generator from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// It is stopped inside a wait.
    Stopped,
    /// It waits for a CPU.
    RunQueue,
    /// The hypervisor runs something else.
    Steal,
    /// The quota of its control group is spent.
    Throttled,
    /// Its own work takes long.
    LongTurns,
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) framing: Framing,
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    pub(crate) bytes: usize,
    pub(crate) duration: u64,
    pub(crate) warm_up: u64,
    pub(crate) reply_timeout: u64,
    pub(crate) verify: bool,
    /// The share of lost and corrupted messages that is accepted.
    pub(crate) lossy_above: f64,
    /// What the server takes for a message, without faults.
    pub(crate) service: u64,
    /// What the network takes in one direction.
    pub(crate) network: u64,
    /// Bytes that the network holds for the server.
    pub(crate) send_window: usize,
    /// Reads and writes that are interrupted: one in this many.
    pub(crate) interrupted: u64,
    pub(crate) faults: Vec<Fault>,
    /// When the load generator stalls, after the start of the load, and for how long.
    pub(crate) stalls: Vec<(u64, u64)>,
}

impl Scenario {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6c6f_6164);
        let framing = random.pick(&[Framing::WebSocket, Framing::Line, Framing::Raw]);
        let duration = random.pick(&[1, 1, 1, 1, 2, 2, 3, 5]) * SECOND;
        let connections = random.between(1, 20);
        let messages = random.time(100, MESSAGES_MAX);
        let pace = match random.between(0, 9) {
            0 => Pace::Silent,
            1..=5 => Pace::Open { rate: messages as f64 / (duration as f64 / 1e9) },
            _ => Pace::Closed { depth: random.between(1, 8) as u32 },
        };
        let mut service = random.time(20 * MICROSECOND, 5 * MILLISECOND);
        if let Pace::Closed { depth } = pace {
            let in_flight = connections as u64 * u64::from(depth);
            // No slower than half of the shortest reply timeout.
            service = service.max(in_flight * duration / messages).min(SECOND);
        }
        let warm_up = if random.one_in(2) || pace == Pace::Silent { 0 } else { 200 * MILLISECOND };
        let bytes_max = random.pick(&[200, 200, 2_000]);
        let bytes = random.between(64, bytes_max);
        // A closed loop times a message from its decision to send it, which the world sees if it is
        // not blocked.
        let least = match pace {
            Pace::Closed { depth } => depth as usize * (bytes + 16) + 1_024,
            _ => 4 * 1_024,
        };
        let mut scenario = Self {
            framing,
            pace,
            connections,
            bytes,
            duration,
            warm_up,
            reply_timeout: random.time(2 * SECOND, 3 * SECOND),
            // Without verification every read of a raw stream is a response: nothing divides it
            // into messages.
            verify: framing == Framing::Raw || !random.one_in(8),
            lossy_above: random.pick(&[0.01, 0.01, 1.0]),
            service,
            network: random.time(10 * MICROSECOND, 200 * MICROSECOND),
            send_window: random.between(least, 64 * 1024),
            interrupted: random.pick(&[0, 0, 50]),
            faults: Vec::new(),
            stalls: Vec::new(),
        };
        for _ in 0..random.pick(&[0, 1, 1, 1, 2, 2]) {
            let fault = scenario.random_fault(&mut random);
            if scenario.allows(fault) {
                scenario.add(fault, &mut random);
            }
        }
        scenario
    }

    fn random_fault(&self, random: &mut Random) -> Fault {
        let at = random.time(0, self.duration);
        let one_in = random.pick(&[1, 2, 5, 20, 50, 200]);
        let how = random.pick(&[Ending::Fin, Ending::Reset, Ending::Close]);
        let length = random.time(50 * MILLISECOND, 800 * MILLISECOND);
        let disturbance = random.pick(&[
            Disturbance::Stopped,
            Disturbance::RunQueue,
            Disturbance::Steal,
            Disturbance::Throttled,
            Disturbance::LongTurns,
        ]);
        match random.between(0, 22) {
            0 => Fault::FixedDelay(random.time(MILLISECOND, 100 * MILLISECOND)),
            1 => Fault::RandomDelay(random.time(MILLISECOND, 50 * MILLISECOND)),
            2 | 3 => Fault::Pause { at, length },
            4 => Fault::Drop { one_in },
            5 => Fault::Duplicate { one_in },
            6 => Fault::Corrupt { one_in },
            7 => Fault::ChangeOpcode { one_in },
            8 => Fault::Reorder { one_in: one_in.max(5) },
            9 => Fault::Misdeliver { one_in },
            10 => Fault::Push { every: random.time(5 * MILLISECOND, 300 * MILLISECOND) },
            11 => Fault::Greeting,
            12 => Fault::WrongResponse { one_in },
            13 => Fault::Late { one_in },
            14 | 15 => Fault::End { how, connections: random.between(1, self.connections) },
            16 => Fault::Refuse { connections: random.between(1, self.connections) },
            17 => Fault::StopReading { at, length },
            18 => Fault::SlowConnect(random.time(MILLISECOND, 300 * MILLISECOND)),
            _ => Fault::Disturb(disturbance),
        }
    }

    /// Whether a fault is possible here, and not the second of its kind.
    fn allows(&self, fault: Fault) -> bool {
        let is_new = |it: &Fault| std::mem::discriminant(it) != std::mem::discriminant(&fault);
        let is_possible = match fault {
            Fault::ChangeOpcode { .. } | Fault::End { how: Ending::Close, .. } => {
                self.framing == Framing::WebSocket
            }
            Fault::Misdeliver { .. } | Fault::Refuse { .. } => self.connections > 1,
            _ => true,
        };
        // Without verification any message is a response: only what keeps one for each is counted.
        let is_counted = self.verify
            || matches!(
                fault,
                Fault::FixedDelay(_)
                    | Fault::RandomDelay(_)
                    | Fault::Pause { .. }
                    | Fault::StopReading { .. }
                    | Fault::SlowConnect(_)
                    | Fault::Refuse { .. }
                    | Fault::Disturb(_)
            );
        is_possible && is_counted && self.faults.iter().all(is_new)
    }

    fn add(&mut self, fault: Fault, random: &mut Random) {
        self.faults.push(fault);
        if !matches!(fault, Fault::Disturb(_)) {
            return;
        }
        let mut length_max = random.pick(&[2, 10, 50, 300]) * MILLISECOND;
        let mut gap = random.pick(&[10, 100, 1_000]) * MILLISECOND;
        if fault == Fault::Disturb(Disturbance::RunQueue) && random.one_in(2) {
            // Only the scheduler's own count shows waits as short as these.
            (length_max, gap) = (500 * MICROSECOND, MILLISECOND);
        }
        let mut at = random.time(0, gap);
        while at < self.duration + self.warm_up {
            let length = random.time(length_max / 2, length_max);
            self.stalls.push((at, length));
            at += length + random.time(gap / 2, gap);
        }
    }

    pub(crate) fn disturbance(&self) -> Option<Disturbance> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Disturb(disturbance) => Some(*disturbance),
            _ => None,
        })
    }

    pub(crate) fn has(&self, is_it: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(is_it)
    }

    pub(crate) fn is_hold(&self) -> bool {
        self.pace == Pace::Silent
    }

    /// The plan of the run.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            connections: self.connections as u32,
            pace: self.pace,
            verify: self.verify,
            warm_up: Duration::from_nanos(self.warm_up),
            end: WindowEnd::Time(Duration::from_nanos(self.duration)),
            reply_timeout: Duration::from_nanos(self.reply_timeout),
            lossy_above: self.lossy_above,
            keeps_ledger: self.is_hold(),
            beat: Duration::from_millis(if self.is_hold() { 100 } else { 2 }),
            ..Plan::new(Content::Stamped { bytes: self.bytes, binary: true })
        }
    }
}

//! Made-up results of measurements, for tests that show, save, merge and compare them.

use halloo::load::result::EndReason;
use halloo::load::result::Stalls;
use halloo::load::result::outcome::{
    Connecting, Connections, EndedBy, Environment, Generator, Histograms, Interval, Kind, Load,
    Loss, Memory, Messages, Outcome, PERCENTILE_MAX, SCHEMA_VERSION, Server,
};
use halloo::load::{Histogram, Latency, Verdict};
use std::collections::BTreeMap;

/// The reply timeout of the made-up measurements, in s.
const REPLY_TIMEOUT_S: f64 = 5.0;

/// A reproducible random number generator (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A uniform number from 0 to 1.
    pub(crate) fn even(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A normal number with mean 0 and standard deviation 1, approximately.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() - 6.0
    }

    /// A latency with a server's distribution: most are near the usual, a few much longer.
    pub(crate) fn latency_ns(&mut self, usual_us: f64) -> u64 {
        let spread = (self.normal() * 0.35).exp();
        let slow = if self.even() < 0.02 { 1.0 + self.even() * 12.0 } else { 1.0 };
        (usual_us * 1e3 * spread * slow) as u64
    }
}

/// A closed loop with this many intervals of this many echoes each, and this usual latency.
pub(crate) fn closed(seed: u64, intervals: u32, echoes: u32, usual_us: f64) -> Outcome {
    let mut random = Random::new(seed);
    let intervals = (0..intervals).map(|index| {
        let mut latency = Histogram::new();
        // The machine is slightly faster or slower in each interval.
        let usual_us = usual_us * (1.0 + 0.02 * random.normal());
        (0..echoes).for_each(|_| latency.record(random.latency_ns(usual_us)));
        let histograms = Histograms { latency, uncorrected: None, beyond: 0 };
        interval(index, histograms, &mut random)
    });
    summed(intervals.collect())
}

/// An open loop against a server that paused for a while in the middle. It has every part that an
/// outcome can have: the two latencies differ, one connection in a hundred was lost, and so on.
pub(crate) fn open(echoes: u32) -> Outcome {
    let mut random = Random::new(7);
    let intervals = (0..30_u32).map(|index| {
        let mut histograms = Histograms {
            latency: Histogram::new(),
            uncorrected: Some(Histogram::new()),
            beyond: 0,
        };
        for echo in 0..echoes {
            let service = random.latency_ns(180.0);
            // The pause ends with the interval; messages that were due during it wait for that.
            let into = f64::from(echo) / f64::from(echoes);
            let waited = if index == 17 && into > 0.3 { (1.0 - into) * 1e9 } else { 0.0 };
            histograms.latency.record(service + waited as u64);
            histograms.uncorrected.as_mut().expect("it is there").record(service);
        }
        interval(index, histograms, &mut random)
    });
    let mut outcome = summed(intervals.collect());
    let rate = f64::from(echoes);
    outcome.load = Load { depth: None, rate: Some(rate), ..outcome.load };
    outcome.command = format!("halloo bench -c 1000 -r {echoes} -d 30s ws://10.0.0.7:9527/echo");
    outcome.connections = Connections { requested: 1_000, established: 998, failed: 2, lost: 10 };
    outcome.messages.lost = 41;
    outcome.messages.reordered = 3;
    let errors = [("connection refused", 2), ("reset by the peer", 7), ("a message was lost", 41)];
    outcome.errors = counted(&errors);
    outcome.endings = counted(&[("close 1001 (going away)", 3), ("RST", 7)]);
    outcome.memory = Some(Memory {
        own_user_kib: 0.42,
        kernel_kib: 8.31,
        both_ends: true,
        server_user_kib: Some(0.13),
    });
    outcome.generator.late_sends = 12;
    outcome
}

/// Held connections: few messages, and a ledger.
pub(crate) fn hold() -> Outcome {
    let mut outcome = closed(3, 60, 20, 240.0);
    let mut random = Random::new(5);
    outcome.kind = Kind::Hold;
    outcome.command = "halloo hold -c 19900 -d 60s ws://10.0.0.7:9527/".into();
    outcome.connections =
        Connections { requested: 19_900, established: 19_900, failed: 0, lost: 64 };
    let mut ledger: Vec<Loss> = (0..64_u64)
        .map(|number| {
            let at_s = if number < 50 { 31.0 + random.even() } else { 60.0 * random.even() };
            let (by, how) = match number % 5 {
                0 => (EndedBy::Network, "RST"),
                1 => (EndedBy::Us, "silence"),
                _ => (EndedBy::Server, "close 1001"),
            };
            Loss {
                connection: number * 311,
                by,
                how: how.into(),
                at_s,
                after_s: at_s * 0.9,
                in_window_s: Some(at_s),
            }
        })
        .collect();
    ledger.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    for interval in &mut outcome.intervals {
        let lost = ledger.iter().filter(|loss| loss.at_s < interval.start_s + 1.0).count();
        interval.connections = 19_900 - lost as u64;
    }
    outcome.endings = counted(&[("close 1001", 38), ("RST", 13), ("silence", 13)]);
    outcome.ledger = ledger;
    outcome
}

fn interval(index: u32, histograms: Histograms, random: &mut Random) -> Interval {
    let received = histograms.latency.count();
    Interval {
        start_s: f64::from(index),
        duration_s: 1.0,
        connections: if index < 17 { 998 } else { 988 },
        sent: received,
        received,
        errors: if index == 17 { 10 } else { 0 },
        cpu: 0.41 + 0.02 * random.normal(),
        server_cpu: Some(0.63 + 0.03 * random.normal()),
        server_rss_kib: Some(4_200 + u64::from(index) * 8),
        own_rss_kib: Some(9_000 + u64::from(index) * 4),
        histograms,
        stalls: Histogram::new(),
    }
}

/// An outcome with these intervals and no anomalies.
fn summed(intervals: Vec<Interval>) -> Outcome {
    let mut histograms = Histograms::default();
    intervals.iter().for_each(|interval| histograms.add(&interval.histograms));
    let received = histograms.latency.count();
    let duration_s = intervals.len() as f64;
    let mut connecting = Histogram::new();
    let mut random = Random::new(11);
    (0..998).for_each(|_| connecting.record(random.latency_ns(900.0)));
    Outcome {
        schema_version: SCHEMA_VERSION,
        kind: Kind::Bench,
        program: format!("halloo {}", env!("CARGO_PKG_VERSION")),
        verdict: Verdict::Valid,
        ceiling: None,
        valid_to: Some(PERCENTILE_MAX),
        not_believed: Vec::new(),
        findings: Vec::new(),
        difference: None,
        machine: Environment {
            system: "Linux 6.18.5".into(),
            architecture: "x86_64".into(),
            processor: Some("AMD EPYC 9R14".into()),
            cpus: Some(2),
            memory_bytes: Some(24 << 30),
        },
        planned_s: Some(duration_s),
        interrupted: false,
        verdict_reason:
            "the generator kept 0.41 of a CPU busy, its longest turn took 1.90 ms, and 12 \
                         messages were late: what was measured is the server and the way to it"
                .into(),
        command: "halloo bench -c 1000 -d 30s ws://10.0.0.7:9527/echo".into(),
        target: "ws://10.0.0.7:9527/echo".into(),
        started_at: "2026-11-27T09:10:35.123Z".into(),
        duration_s,
        load: Load {
            message_bytes: 64,
            depth: Some(1),
            rate: None,
            verified: true,
            reply_timeout_s: REPLY_TIMEOUT_S,
            lossy_above: 0.01,
            spin: false,
        },
        connections: Connections { requested: 998, established: 998, failed: 0, lost: 0 },
        connecting: Connecting {
            duration_s: 0.061,
            per_second: 998.0 / 0.061,
            latency_us: connecting.latency(),
            histogram: connecting,
            phases: Vec::new(),
        },
        messages: Messages { sent: received, received, ..Messages::default() },
        messages_per_second: received as f64 / duration_s,
        bytes_per_second: 64.0 * received as f64 / duration_s,
        latency_us: histograms.latency_us(REPLY_TIMEOUT_S),
        latency_uncorrected_us: histograms.uncorrected_us(REPLY_TIMEOUT_S),
        errors: BTreeMap::new(),
        endings: BTreeMap::new(),
        generator: Generator {
            cpu: 0.41,
            cpu_of_busiest: 0.41,
            processes: 1,
            turn_us_max: 1_900.0,
            late_sends: 0,
        },
        stalls: Stalls { beat_us: 2_000.0, watched_s: duration_s, ..Stalls::default() },
        server: Some(Server {
            cpu: 0.63,
            cpu_us_per_message: 0.63e6 * duration_s / received.max(1) as f64,
            rss_kib: 4_432,
        }),
        memory: None,
        histograms,
        intervals,
        ledger: Vec::new(),
        runs: 1,
    }
}

/// An outcome in which no connection was made and nothing was measured.
pub(crate) fn nothing() -> Outcome {
    let mut outcome = summed(Vec::new());
    outcome.connecting = Connecting::default();
    outcome.connections = Connections { requested: 1, failed: 1, ..Connections::default() };
    outcome.latency_us = Latency::default();
    outcome.messages_per_second = 0.0;
    outcome.bytes_per_second = 0.0;
    outcome.server = None;
    outcome.verdict = Verdict::Ceiling;
    outcome.ceiling = Some("backlog".into());
    outcome.verdict_reason = "no connection was made".into();
    outcome
}

fn counted(counts: &[(&str, u64)]) -> BTreeMap<EndReason, u64> {
    counts.iter().map(|&(name, count)| (name.into(), count)).collect()
}

//! The measurements of one process, and the outcome computed from them.

use crate::load::generator::Counters;
use crate::load::generator::Record;
use crate::load::host::Limit;
use crate::load::host::usage::Usage;
use crate::load::plan::{Pace, Plan, WindowEnd};
use crate::load::result::Stalls;
use crate::load::result::histogram::Histogram;
use crate::load::result::judge::{Evidence, judge};
use crate::load::result::of_messages;
use crate::load::result::outcome::{
    ConnectPhase, Connecting, Connections, Environment, Generator, Kind, Load, Messages, Outcome,
    PERCENTILE_MAX, SCHEMA_VERSION, Server,
};
use crate::load::result::verdict::Verdict;
use jiff::Timestamp;
use std::time::Duration;

/// See the [module documentation](self).
pub(in crate::load) struct Measured {
    pub(in crate::load) plan: Plan,
    pub(in crate::load) message_bytes: usize,
    pub(in crate::load) started_at: Timestamp,
    /// The length of the window.
    pub(in crate::load) duration: Duration,
    /// The time that connecting took.
    pub(in crate::load) connecting: Duration,
    pub(in crate::load) counters: Counters,
    /// The times of the steps of connecting.
    pub(in crate::load) phases: Vec<ConnectPhase>,
    pub(in crate::load) record: Record,
    /// The number of CPUs that the load generator kept busy.
    pub(in crate::load) own_cpu: f64,
    pub(in crate::load) longest_turn: Duration,
    pub(in crate::load) stalls: Stalls,
    /// The server's usage in the window, if it was watched.
    pub(in crate::load) server: Option<Usage>,
    /// The server's process, if it was to be watched and has ended.
    pub(in crate::load) lost_server: Option<u32>,
    /// A limit of this machine that was reached.
    pub(in crate::load) limit: Option<Limit>,
    /// Further findings, in sentences.
    pub(in crate::load) findings: Vec<String>,
    /// Whether a stop was requested before the window was over.
    pub(in crate::load) is_interrupted: bool,
}

/// Facts that a run does not know itself.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The kind of run.
    pub kind: Kind,
    /// The command, as the user typed it.
    pub command: String,
    /// The URL.
    pub target: String,
    /// Metrics that must be valid, because a threshold names them.
    pub needed: Vec<String>,
}

impl Measured {
    /// Whether a stop was requested before anything could be measured.
    pub(in crate::load) fn is_empty_record(&self) -> bool {
        let Messages { sent, received, lost, .. } = self.record.messages;
        self.is_interrupted && !self.plan.keeps_ledger && sent.max(received).max(lost) == 0
    }

    /// The outcome, with its verdict.
    pub(in crate::load) fn outcome(mut self, labels: &Labels) -> Outcome {
        let mut findings = std::mem::take(&mut self.findings);
        findings.extend(self.lost_server.map(|pid| {
            format!("the server's process {pid} ended while it was watched: its figures are absent")
        }));
        let limit = self.limit.as_ref().map(|limit| (limit.name.to_owned(), limit.when_reached()));
        let mut outcome = self.build_outcome(labels);
        outcome.findings = of_messages(&outcome);
        judge(&mut outcome, &Evidence { limit, needed: labels.needed.clone() });
        outcome.findings.extend(findings);
        outcome
    }

    fn build_outcome(self, labels: &Labels) -> Outcome {
        let Self { plan, counters, record, mut stalls, .. } = self;
        record.intervals.iter().for_each(|interval| stalls.lateness.add(&interval.stalls));
        stalls.late_sends = counters.late;
        let seconds = self.duration.as_secs_f64().max(f64::MIN_POSITIVE);
        let server = self.server.map(|usage| Server {
            cpu: usage.cpu.as_secs_f64() / seconds,
            cpu_us_per_message: usage.cpu.as_secs_f64() * 1e6 / record.echoed.max(1) as f64,
            rss_kib: usage.resident_bytes / 1024,
        });
        let (depth, rate) = match plan.pace {
            Pace::Closed { depth } => (Some(depth), None),
            Pace::Open { rate } => (None, Some(rate)),
            Pace::Silent => (None, None),
        };
        let reply_timeout_s = plan.reply_timeout.as_secs_f64();
        let open = counters.established;
        let connecting = connecting(self.connecting, open, counters.connecting, self.phases);
        Outcome {
            schema_version: SCHEMA_VERSION,
            kind: labels.kind,
            program: concat!("halloo ", env!("CARGO_PKG_VERSION")).into(),
            verdict: Verdict::Valid,
            ceiling: None,
            valid_to: Some(PERCENTILE_MAX),
            not_believed: Vec::new(),
            verdict_reason: String::new(),
            findings: Vec::new(),
            difference: record.difference,
            machine: Environment::read(),
            command: labels.command.clone(),
            target: labels.target.clone(),
            started_at: format!("{:.3}", self.started_at),
            duration_s: self.duration.as_secs_f64(),
            planned_s: match plan.end {
                WindowEnd::Time(time) => Some(time.as_secs_f64()),
                WindowEnd::Messages(_) => None,
            },
            interrupted: self.is_interrupted,
            load: Load {
                message_bytes: self.message_bytes as u64,
                depth,
                rate,
                verified: plan.verify,
                reply_timeout_s,
                lossy_above: plan.lossy_above,
                spin: plan.spin,
            },
            connections: Connections {
                requested: u64::from(plan.connections),
                established: counters.established,
                failed: counters.failed,
                lost: counters.lost,
            },
            connecting,
            messages: record.messages,
            messages_per_second: record.echoed as f64 / seconds,
            bytes_per_second: record.echoed_bytes as f64 / seconds,
            latency_us: record.histograms.latency_us(reply_timeout_s),
            latency_uncorrected_us: record.histograms.uncorrected_us(reply_timeout_s),
            errors: counters.errors,
            endings: counters.endings,
            generator: Generator {
                cpu: self.own_cpu,
                cpu_of_busiest: self.own_cpu,
                processes: 1,
                turn_us_max: self.longest_turn.as_secs_f64() * 1e6,
                late_sends: counters.late_sends,
            },
            stalls,
            server,
            memory: None,
            histograms: record.histograms,
            intervals: record.intervals,
            ledger: counters.ledger,
            runs: 1,
        }
    }
}

/// The results of connecting: the time it took in total, the number of connections opened, and how
/// long each took, in total and by steps.
fn connecting(
    time: Duration,
    established: u64,
    histogram: Histogram,
    phases: Vec<ConnectPhase>,
) -> Connecting {
    let duration_s = time.as_secs_f64();
    let per_second = established as f64 / duration_s.max(f64::MIN_POSITIVE);
    Connecting { duration_s, per_second, latency_us: histogram.latency(), histogram, phases }
}

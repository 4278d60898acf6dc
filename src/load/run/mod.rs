//! A run in one process: connect, warm up, measure, wait for the last echoes, close.

mod close;
mod connect;
mod heartbeat;
mod progress;
mod prove;
mod send;
mod summary;

pub use progress::{Phase, Progress};
pub use summary::Labels;

use super::generator::Generator;
pub use super::generator::Upgrade;
use super::host::{Instruments, Limit, QueueCounters, QueueWatch};
use super::plan::{Plan, WindowEnd};
use super::result::Stalls;
use super::result::outcome::{Interval, Outcome};
use crate::limits::{Limits, RECEIVE_BUFFER_BYTES};
use crate::net::{ConnectionId, Endpoint, Network, Reactor};
use crate::proto::batch::Random;
use crate::proto::{Batch, Config, End};
use heartbeat::Heartbeat;
use jiff::Timestamp;
use std::borrow::Cow;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use summary::Measured;

/// The number of messages sent, or connections driven, before input is handled again: 64, less than
/// half a millisecond's worth.
const SENDS_PER_TURN: usize = 64;

/// How often progress is reported: 10 times a second.
const TICK: Duration = Duration::from_millis(100);

/// A tick that is due this soon is handled at once: 2 ms.
const TICK_EARLY: Duration = Duration::from_millis(2);

/// How often overdue echoes are searched for per reply timeout: 50 times, so that an overdue echo
/// is found 2 % late at most. Each search visits every connection.
const SWEEPS_PER_TIMEOUT: u32 = 50;

/// See the [module documentation](self).
pub struct Run<N: Network> {
    plan: Plan,
    config: Rc<Config>,
    /// The candidate addresses of the server, and the index of the one that is being tried or was
    /// found.
    endpoints: Vec<Endpoint>,
    endpoint: usize,
    reactor: Reactor<N, Generator>,
    /// The number of attempts to connect.
    attempts: u64,
    /// The id of each attempt; `None` for a connection that could not be registered.
    ids: Vec<Option<ConnectionId>>,
    /// The open connections in the order of their turns.
    places: Vec<usize>,
    /// The index of the next message of the schedule.
    next_due: u64,
    /// Connections with messages that are due and could not be sent.
    behind: Vec<usize>,
    heartbeat: Heartbeat,
    instruments: Box<dyn Instruments>,
    connecting: Duration,
    queue_before: QueueCounters,
    /// Watches the listener's accept queue while connecting.
    queue_watch: Option<QueueWatch>,
    next_queue_sample: u64,
    /// Further findings, in sentences.
    findings: Vec<String>,
    /// A limit of the machine that was reached while connecting.
    limit: Option<Limit>,
    /// The number of attempts in a row that could not even begin.
    failures_in_a_row: u64,
    window: Option<Window>,
    /// The stalls of the window; complete when it has ended.
    stalls: Stalls,
    /// Whether a stop was requested before the window was over.
    is_interrupted: bool,
    next_tick: u64,
    /// When overdue echoes are searched for next.
    next_sweep: u64,
}

/// The measuring window.
#[derive(Debug, Clone, Copy)]
struct Window {
    started_at: Timestamp,
    start: u64,
    /// When the current interval began.
    interval_start: u64,
    longest_turn: u64,
}

/// An observer of a run, which may stop it.
pub trait Watch {
    /// Handles readiness of a source that was registered with the network under this number.
    fn external(&mut self, number: u32);
    /// The time of day, for the record: nothing is timed with it.
    fn time_of_day(&mut self) -> Timestamp;
    /// Whether messages may be sent, now that all connections are open.
    fn wants_start(&mut self) -> bool {
        true
    }
    /// Whether the run is to stop, with what was measured until now as its result.
    fn wants_stop(&mut self) -> bool;
    /// Reports the progress, about ten times a second.
    fn progress(&mut self, progress: &Progress<'_>);
    /// Reports a completed interval of the window.
    fn interval(&mut self, _interval: &Interval) {}
}

/// Why there is nothing to measure.
#[derive(Debug)]
pub enum Stop {
    /// No connection was ever established, or all have ended and no message ever arrived; this is
    /// how the last one ended.
    Ended {
        /// How the last connection ended.
        end: End,
        /// Whether it had completed its handshakes.
        was_open: bool,
        /// The response to its opening handshake.
        upgrade: Upgrade,
    },
    /// No connection could be begun.
    NotBegun(io::Error),
    /// A stop was requested.
    Asked,
    /// Polling failed.
    Poll(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Poll(error)
    }
}

impl<N: Network> Run<N> {
    /// Creates a run to one of these endpoints, which are tried in this order. `network` may have
    /// the caller's own sources registered.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn new(
        plan: Plan,
        config: Config,
        endpoints: Vec<Endpoint>,
        mut network: N,
        instruments: Box<dyn Instruments>,
        random: Random,
    ) -> io::Result<Self> {
        network.keep_pace(plan.spin)?;
        let generator = Generator::new(&plan, config.framing, config.auth.is_some());
        let heartbeat = Heartbeat::new(nanoseconds(plan.beat));
        let limits = Limits {
            connections_max: usize::MAX,
            memory_bytes_max: usize::MAX,
            handshake_timeout: plan.connect_timeout,
            auth_timeout: plan.connect_timeout,
            close_timeout: close::close_timeout(&plan),
            ..Limits::default()
        };
        let batch = Batch::new(RECEIVE_BUFFER_BYTES, random);
        let mut ids = Vec::new();
        ids.reserve_exact(plan.connections as usize);
        Ok(Self {
            plan,
            config: Rc::new(config),
            endpoints,
            endpoint: 0,
            reactor: Reactor::new(network, generator, limits, batch),
            attempts: 0,
            ids,
            places: Vec::new(),
            next_due: 0,
            behind: Vec::new(),
            heartbeat,
            instruments,
            connecting: Duration::ZERO,
            queue_before: QueueCounters::read(),
            queue_watch: None,
            next_queue_sample: 0,
            findings: Vec::new(),
            limit: None,
            failures_in_a_row: 0,
            window: None,
            stalls: Stalls::default(),
            is_interrupted: false,
            next_tick: 0,
            next_sweep: 0,
        })
    }

    /// Sends messages, and counts them once it has warmed up, until the window ends or a stop is
    /// requested; then waits for the last echoes.
    ///
    /// # Errors
    /// Errors of polling.
    pub fn measure(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        let ready = self.now();
        while !watch.wants_start() {
            self.turn(u64::MAX, Phase::Ready, ready, watch)?;
            if watch.wants_stop() {
                return Err(Stop::Asked);
            }
        }
        let begin = self.now();
        let warm = begin + nanoseconds(self.plan.warm_up);
        let pace = self.plan.pace;
        self.places = self.generator_mut().take_places(begin, pace);
        if warm == begin {
            // Without a warm-up the first messages count, too.
            self.begin_window(begin, watch);
        }
        self.fill_all(watch, begin)?;
        while self.now() < warm && self.should_continue(watch)? {
            self.turn(warm, Phase::WarmingUp, begin, watch)?;
        }
        if self.window.is_none() {
            if watch.wants_stop() {
                return Err(Stop::Asked);
            }
            let now = self.now();
            self.begin_window(now, watch);
        }
        let start = self.window.map_or(begin, |window| window.start);
        while !self.is_window_over() && self.should_continue(watch)? {
            self.turn(self.interval_end(), Phase::Measuring, start, watch)?;
            if self.now() >= self.interval_end() {
                self.end_interval(watch);
            }
        }
        if self.now() < self.generator().shared.recorder.window_end()
            && !self.generator().shared.is_spent()
        {
            let now = self.now();
            self.generator_mut().shared.recorder.end(now);
            self.is_interrupted = watch.wants_stop();
        }
        self.generator_mut().shared.is_sending = false;
        self.record_stalls();
        self.wait_for_echoes(watch)?;
        self.end_interval(watch);
        self.probe_all(watch)
    }

    /// Closes every connection, and returns what was measured; `None` if there was no window, or if
    /// it was interrupted before anything was measured.
    ///
    /// # Errors
    /// Errors of polling.
    pub fn finish(
        mut self,
        labels: &Labels,
        watch: &mut dyn Watch,
    ) -> Result<Option<Outcome>, Stop> {
        self.close(watch)?;
        let Some(window) = self.window else { return Ok(None) };
        let end = self.generator().shared.recorder.window_end();
        let duration = Duration::from_nanos(end.saturating_sub(window.start));
        let Self { plan, mut reactor, connecting, instruments, limit, stalls, findings, .. } = self;
        let is_interrupted = self.is_interrupted;
        let generator = reactor.service_mut();
        let measured = Measured {
            plan,
            message_bytes: generator.shared.contents.bytes(),
            started_at: window.started_at,
            duration,
            connecting,
            counters: std::mem::take(&mut generator.shared.counters),
            phases: std::mem::take(&mut generator.shared.phases).finish(),
            record: generator.take_record(),
            own_cpu: instruments.own_cpu(),
            longest_turn: Duration::from_nanos(window.longest_turn),
            stalls,
            server: instruments.server(),
            lost_server: instruments.lost_server(),
            limit,
            findings,
            is_interrupted,
        };
        if measured.is_empty_record() {
            return Ok(None);
        }
        Ok(Some(measured.outcome(labels)))
    }

    /// Whether the run should continue.
    fn should_continue(&self, watch: &mut dyn Watch) -> Result<bool, Stop> {
        let counters = &self.generator().shared.counters;
        // A ledger is useful even if all connections are lost, unless authentication may be the
        // cause.
        let is_useless = !self.generator().shared.has_received
            && (!self.plan.keeps_ledger || self.config.auth.is_some());
        match counters.last_end {
            Some(end) if counters.open == 0 && is_useless => {
                Err(Stop::Ended { end, was_open: true, upgrade: Upgrade::default() })
            }
            _ => Ok(counters.open > 0 && !watch.wants_stop()),
        }
    }

    fn is_window_over(&mut self) -> bool {
        match self.plan.end {
            WindowEnd::Time(_) => self.now() >= self.generator().shared.recorder.window_end(),
            WindowEnd::Messages(_) => self.generator().shared.is_spent(),
        }
    }

    fn begin_window(&mut self, start: u64, watch: &mut dyn Watch) {
        let end = match self.plan.end {
            WindowEnd::Time(time) => start + nanoseconds(time),
            WindowEnd::Messages(_) => u64::MAX,
        };
        let recorder = &mut self.generator_mut().shared.recorder;
        recorder.begin(start);
        recorder.end(end);
        self.instruments.begin();
        // Earlier delays do not count.
        let now = self.now();
        self.heartbeat.begin(now, &mut *self.instruments);
        let started_at = watch.time_of_day();
        self.window = Some(Window { started_at, start, interval_start: start, longest_turn: 0 });
    }

    /// Ends the recording of stalls: the window is over.
    fn record_stalls(&mut self) {
        let Some(window) = self.window else { return };
        let now = self.now();
        let taken = self.instruments.taken();
        self.stalls = Stalls {
            beat_us: self.plan.beat.as_secs_f64() * 1e6,
            watched_s: now.saturating_sub(window.start) as f64 / 1e9,
            run_delay_s: taken.run_delay_s,
            timeslices: taken.timeslices,
            steal_s: taken.steal_s,
            throttled_s: taken.throttled_s,
            ..Stalls::default()
        };
    }

    /// When the current interval ends: no interval is shorter than half of the usual length.
    fn interval_end(&self) -> u64 {
        let Some(window) = self.window else { return u64::MAX };
        let interval = nanoseconds(self.plan.interval);
        let end = self.generator().shared.recorder.window_end();
        let next = window.interval_start + interval;
        if end > next && end - next < interval / 2 { end } else { next.min(end) }
    }

    fn end_interval(&mut self, watch: &mut dyn Watch) {
        let now = self.now();
        let (stalls, longest) = self.heartbeat.take();
        let Some(window) = &mut self.window else { return };
        window.longest_turn = window.longest_turn.max(longest);
        let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e9;
        let until = now.min(self.reactor.service_mut().shared.recorder.window_end());
        let duration_s = seconds(window.interval_start, until);
        if duration_s <= 0.0 {
            return;
        }
        let spent = self.instruments.delta();
        let interval = Interval {
            start_s: seconds(window.start, window.interval_start),
            duration_s,
            connections: self.reactor.service_mut().shared.counters.open as u64,
            cpu: spent.own_cpu,
            server_cpu: spent.server_cpu,
            server_rss_kib: spent.server_rss_kib,
            own_rss_kib: spent.own_rss_kib,
            stalls,
            ..Interval::default()
        };
        window.interval_start = now;
        watch.interval(self.reactor.service_mut().shared.recorder.end_interval(interval));
    }

    /// Waits until no message is in flight, due, or still to come.
    fn wait_for_echoes(&mut self, watch: &mut dyn Watch) -> Result<(), Stop> {
        let start = self.now();
        let deadline = start + nanoseconds(self.plan.reply_timeout) + nanoseconds(TICK);
        let is_done = |run: &Self| {
            run.generator().shared.counters.in_flight == 0
                && run.behind.is_empty()
                && run.is_all_sent()
        };
        while !is_done(self) && self.now() < deadline {
            self.turn(deadline, Phase::Waiting, start, watch)?;
        }
        let now = self.now();
        self.generator_mut().give_up_before(u64::MAX, now);
        if self.generator().shared.recorder.window_end() == u64::MAX {
            // Without a fixed window, the wait for echoes that never arrive must not count.
            self.generator_mut().shared.recorder.end_with_last(now);
        }
        Ok(())
    }

    /// One round: sends what is due, handles events, and returns at `wake` at the latest.
    fn turn(
        &mut self,
        wake: u64,
        phase: Phase,
        phase_start: u64,
        watch: &mut dyn Watch,
    ) -> Result<(), Stop> {
        let due = self.send_due();
        let now = self.now();
        let wake = wake.min(due).min(self.next_tick.max(now)).min(self.heartbeat.due());
        let wait = Duration::from_nanos(wake.saturating_sub(now));
        self.heartbeat.before_wait(now, &mut *self.instruments);
        self.reactor.turn(Some(wait), &mut |number| watch.external(number))?;
        let woke = nanoseconds(self.reactor.network_mut().awake_since());
        let has_beat = self.heartbeat.after_wait(woke, &mut *self.instruments);
        // If beats are as rare as ticks, a beat brings the tick with it and saves a wake-up.
        let is_shared = has_beat && self.plan.beat >= TICK;
        let early = nanoseconds(if is_shared { TICK / 2 } else { TICK_EARLY });
        if woke + early >= self.next_tick {
            self.next_tick = woke + nanoseconds(TICK);
            self.expire_echoes(phase)?;
            self.show(phase, phase_start, watch);
        }
        Ok(())
    }

    /// Gives up overdue echoes, and continues without them.
    fn expire_echoes(&mut self, phase: Phase) -> Result<(), Stop> {
        if matches!(phase, Phase::Connecting | Phase::Ready | Phase::Closing) {
            return Ok(());
        }
        let now = self.now();
        for index in self.generator_mut().expire_patience(now) {
            self.send_next(index, now);
        }
        if now < self.next_sweep {
            return Ok(());
        }
        self.next_sweep = now + nanoseconds(self.plan.reply_timeout / SWEEPS_PER_TIMEOUT);
        let deadline = now.saturating_sub(nanoseconds(self.plan.reply_timeout));
        for index in self.generator_mut().give_up_before(deadline, now) {
            self.send_next(index, now);
        }
        Ok(())
    }

    fn show(&mut self, phase: Phase, phase_start: u64, watch: &mut dyn Watch) {
        let now = self.now();
        let interval_start = self.window.map_or(phase_start, |window| window.interval_start);
        let generator = self.generator();
        let (received, histograms) = generator.shared.recorder.interval();
        let counters = &generator.shared.counters;
        let interval_s = now.saturating_sub(interval_start) as f64 / 1e9;
        watch.progress(&Progress {
            phase,
            elapsed: Duration::from_nanos(now - phase_start),
            connections: counters.open as u64,
            per_second: received as f64 / interval_s.max(f64::MIN_POSITIVE),
            latency: Cow::Borrowed(&histograms.latency),
            errors: generator.shared.recorder.errors() + counters.failed,
        });
    }

    fn generator(&self) -> &Generator {
        self.reactor.service()
    }

    fn generator_mut(&mut self) -> &mut Generator {
        self.reactor.service_mut()
    }

    /// The network's clock, in nanoseconds.
    fn now(&mut self) -> u64 {
        nanoseconds(self.reactor.network_mut().now())
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

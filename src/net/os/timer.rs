//! Waits that end on time, and when the last one ended: what a load generator must know of itself.
//!
//! epoll_wait(2) counts in milliseconds. A shorter wait is made exact by a timer among the events.

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::time::{Duration, Instant};

/// Waits longer than this are given to the poll itself, which may end them a millisecond late: 1 s.
const EXACT_MAX: Duration = Duration::from_secs(1);

/// A timer that is set to within this of a wait's end is not set again: 2 µs, less than waking up takes.
const SAME: Duration = Duration::from_micros(2);

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::net) struct Pacer {
    timer: Timer,
    /// When the timer rings, if it has not yet.
    rings_at: Option<Instant>,
    /// Whether the poll is to return at once, always.
    spins: bool,
    /// When the last wait ended.
    awake_since: Instant,
}

impl Pacer {
    /// Puts its timer among the events of a poll, under this token.
    pub(in crate::net) fn new(registry: &Registry, token: Token, spins: bool) -> io::Result<Self> {
        let timer = Timer::new(registry, token)?;
        Ok(Self { timer, rings_at: None, spins, awake_since: Instant::now() })
    }

    /// A wait of at most `timeout` begins; how long the poll is to wait at most.
    pub(in crate::net) fn begin_wait(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        match timeout {
            _ if self.spins => Some(Duration::ZERO),
            Some(Duration::ZERO) => timeout,
            // Should the timer fail, the poll ends the wait, if later.
            Some(timeout) if timeout <= EXACT_MAX => {
                self.set(timeout);
                Some(timeout + Duration::from_millis(1))
            }
            other => other,
        }
    }

    /// It has ended.
    pub(in crate::net) fn end_wait(&mut self) {
        self.awake_since = Instant::now();
    }

    /// When the last wait ended.
    pub(in crate::net) fn awake_since(&self) -> Instant {
        self.awake_since
    }

    /// Lets the timer ring after this time, unless it will anyway: a loop that handles events until its next
    /// deadline sets it once.
    fn set(&mut self, timeout: Duration) {
        let now = Instant::now();
        let at = now + timeout;
        let is_set = self.rings_at.is_some_and(|rings_at| {
            rings_at > now && rings_at.max(at).duration_since(rings_at.min(at)) < SAME
        });
        if !is_set {
            self.timer.set(timeout);
            self.rings_at = Some(at);
        }
    }
}

#[cfg(target_os = "linux")]
use timer_fd::Timer;

#[cfg(target_os = "linux")]
mod timer_fd {
    use super::{Duration, Interest, Registry, SourceFd, Token, io};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::os::fd::{AsRawFd, OwnedFd};

    /// timerfd_create(2). It is never read: setting it anew makes it unreadable, and edges tell the rest.
    #[derive(Debug)]
    pub(in crate::net) struct Timer(OwnedFd);

    impl Timer {
        pub(in crate::net) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self(descriptor))
        }

        pub(in crate::net) fn set(&self, wait: Duration) {
            let it_value = Timespec {
                tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: wait.subsec_nanos().into(),
            };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
            // It can only fail for values that are no times.
            let _ = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once);
        }
    }
}

#[cfg(not(target_os = "linux"))]
use coarse::Timer;

#[cfg(not(target_os = "linux"))]
mod coarse {
    use super::{Duration, Registry, Token, io};

    /// None: waits end as late as the poll ends them.
    #[derive(Debug)]
    pub(in crate::net) struct Timer;

    impl Timer {
        pub(in crate::net) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::net) fn set(&self, _wait: Duration) {}
    }
}

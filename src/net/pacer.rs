//! Waits that end on time, and how long the work between them takes: what a load generator must know of
//! itself.
//!
//! epoll_wait(2) counts in milliseconds. A shorter wait is made exact by a timer among the events.

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::time::{Duration, Instant};

/// Waits shorter than this are none: 100 µs. A virtual processor that was given up may come back a millisecond late,
/// which is more than what is timed takes.
const WAIT_MIN: Duration = Duration::from_micros(100);

/// Waits longer than this are given to the poll itself, which may end them a millisecond late: 1 s.
const EXACT_MAX: Duration = Duration::from_secs(1);

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct Pacer {
    timer: Timer,
    /// When the last wait ended.
    awake_since: Option<Instant>,
    longest: Duration,
}

impl Pacer {
    /// Puts its timer among the events of a poll, under this token.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self { timer: Timer::new(registry, token)?, awake_since: None, longest: Duration::ZERO })
    }

    /// A wait of at most `timeout` begins; how long the poll is to wait at most.
    pub(super) fn begin_wait(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        if let Some(since) = self.awake_since.take() {
            self.longest = self.longest.max(since.elapsed());
        }
        match timeout {
            Some(timeout) if timeout < WAIT_MIN => Some(Duration::ZERO),
            // Should the timer fail, the poll ends the wait, if later.
            Some(timeout) if timeout <= EXACT_MAX => {
                self.timer.set(timeout);
                Some(timeout + Duration::from_millis(1))
            }
            other => other,
        }
    }

    /// It has ended.
    pub(super) fn end_wait(&mut self) {
        self.awake_since = Some(Instant::now());
    }

    /// The longest time between two waits since this was asked last.
    pub(super) fn take_longest(&mut self) -> Duration {
        std::mem::take(&mut self.longest)
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
    pub(super) struct Timer(OwnedFd);

    impl Timer {
        pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&descriptor.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self(descriptor))
        }

        pub(super) fn set(&self, wait: Duration) {
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
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn set(&self, _wait: Duration) {}
    }
}

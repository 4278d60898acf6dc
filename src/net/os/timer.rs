//! Waits that end on time, and the time when the last one ended: a load generator needs both to
//! measure its own delay.
//!
//! epoll_wait(2) counts in milliseconds. A timer among the events makes a shorter wait exact.

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::time::{Duration, Instant};

/// Longer waits are left to the poll itself, which may end them a millisecond late: 1 s.
const EXACT_MAX: Duration = Duration::from_secs(1);

/// A timer that is already set to within this much of a wait's end is not set again: 2 µs, less
/// than a wake-up takes.
const TOLERANCE: Duration = Duration::from_micros(2);

/// See the [module documentation](self).
#[derive(Debug)]
pub(in crate::net) struct Pacer {
    timer: Timer,
    /// When the timer expires, if it has not yet.
    expires_at: Option<Instant>,
    /// Whether every poll returns at once.
    spins: bool,
    /// When the last wait ended.
    awake_since: Instant,
}

impl Pacer {
    /// Registers a timer with a poll, under this token.
    pub(in crate::net) fn new(registry: &Registry, token: Token, spins: bool) -> io::Result<Self> {
        let timer = Timer::new(registry, token)?;
        Ok(Self { timer, expires_at: None, spins, awake_since: Instant::now() })
    }

    /// Begins a wait of at most `timeout`. Returns the longest time that the poll may wait.
    pub(in crate::net) fn begin_wait(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        match timeout {
            _ if self.spins => Some(Duration::ZERO),
            Some(Duration::ZERO) => timeout,
            // If the timer fails, the poll still ends the wait, only later.
            Some(timeout) if timeout <= EXACT_MAX => {
                self.set(timeout);
                Some(timeout + Duration::from_millis(1))
            }
            other => other,
        }
    }

    /// Ends the wait.
    pub(in crate::net) fn end_wait(&mut self) {
        self.awake_since = Instant::now();
    }

    /// When the last wait ended.
    pub(in crate::net) fn awake_since(&self) -> Instant {
        self.awake_since
    }

    /// Sets the timer to expire after this time, unless it already will: a loop that handles events
    /// until its next deadline sets it once.
    fn set(&mut self, timeout: Duration) {
        let now = Instant::now();
        let at = now + timeout;
        let is_set = self.expires_at.is_some_and(|expires_at| {
            expires_at > now && expires_at.max(at).duration_since(expires_at.min(at)) < TOLERANCE
        });
        if !is_set {
            self.timer.set(timeout);
            self.expires_at = Some(at);
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

    /// timerfd_create(2). It is never read: setting it again makes it unreadable, and
    /// edge-triggered events do the rest.
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
            // It can only fail for invalid times.
            let _ = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once);
        }
    }
}

#[cfg(not(target_os = "linux"))]
use coarse::Timer;

#[cfg(not(target_os = "linux"))]
mod coarse {
    use super::{Duration, Registry, Token, io};

    /// A timer that does nothing: waits end as late as the poll ends them.
    #[derive(Debug)]
    pub(in crate::net) struct Timer;

    impl Timer {
        pub(in crate::net) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::net) fn set(&self, _wait: Duration) {}
    }
}

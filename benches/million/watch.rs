//! What ends a trial early: a signal, or that the machine has no memory left for others.

use crate::limits::{Machine, available_bytes};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// See the [module documentation](self).
pub(crate) struct Watch {
    is_told_to_stop: Arc<AtomicBool>,
}

impl Watch {
    /// How often it is worth a look.
    pub(crate) const INTERVAL: Duration = Duration::from_millis(200);

    pub(crate) fn new() -> io::Result<Self> {
        let is_told_to_stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&is_told_to_stop))?;
        }
        Ok(Self { is_told_to_stop })
    }

    /// # Errors
    /// The reason to stop, if there is one.
    pub(crate) fn look(&self) -> io::Result<()> {
        if self.is_told_to_stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped by a signal"));
        }
        match available_bytes() {
            Some(bytes) if bytes < Machine::MEMORY_LEFT => {
                Err(io::Error::other("stopped: the machine is about to run out of memory"))
            }
            _ => Ok(()),
        }
    }

    /// Waits.
    pub(crate) fn pause(&self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look()?;
            std::thread::sleep(Self::INTERVAL.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}

//! Stopping a measurement: the first signal ends it with its report, the second at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// See the [module documentation](self).
#[derive(Debug)]
pub(super) struct StopSignal {
    /// The number of the last signal that arrived; 0 if none has.
    signal: Arc<AtomicUsize>,
}

impl StopSignal {
    /// Installs the handlers.
    pub(super) fn listen() -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let was_asked = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // The order matters: the first signal finds the flag unset, and sets it.
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&was_asked))?;
            flag::register(number, Arc::clone(&was_asked))?;
            flag::register_usize(number, Arc::clone(&signal), number as usize)?;
        }
        Ok(Self { signal })
    }

    /// The signal that arrived, if any.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

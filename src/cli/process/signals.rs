//! The signals of a server, from the first moment of its process.
//!
//! Until a handler is installed, SIGHUP, SIGINT and SIGTERM would end the process, whatever it is
//! about to do. Blocked, they wait. A process that starts by blocking them loses none, and receives
//! them once it is ready for them.

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// Lets the signals of a server wait.
pub(in crate::cli) fn hold() {
    // It cannot fail with a set of real signals; and if it did, they would act as they always have.
    let _ = ours().thread_block();
}

/// Lets them act, also those that came since [`hold`].
pub(in crate::cli) fn release() {
    let _ = ours().thread_unblock();
}

/// Receives them from now on, also those that came since [`hold`].
pub(in crate::cli) fn receive() -> io::Result<Signals> {
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    release();
    Ok(signals)
}

fn ours() -> SigSet {
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

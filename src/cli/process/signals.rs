//! The signals of a server, from the first moment of its process.
//!
//! Until a handler is installed, SIGHUP, SIGINT and SIGTERM would end the process, whatever it is
//! about to do. Blocked, they wait. A process that starts by blocking them loses none, and receives
//! them once it is ready for them.

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// Blocks SIGHUP, SIGINT and SIGTERM.
pub(in crate::cli) fn hold() {
    // It cannot fail with a set of real signals; and if it did, they would act as they always have.
    let _ = ours().thread_block();
}

/// Unblocks them. Those that arrived since [`hold`] take effect now.
pub(in crate::cli) fn release() {
    let _ = ours().thread_unblock();
}

/// Installs the handlers and unblocks the signals. Those that arrived since [`hold`] are received.
pub(in crate::cli) fn receive() -> io::Result<Signals> {
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    release();
    Ok(signals)
}

fn ours() -> SigSet {
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

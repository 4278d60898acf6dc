//! The signals of a server, from the first moment of its process.
//!
//! Until a handler is installed, SIGHUP, SIGINT and SIGTERM would end the process. Blocked, they
//! stay pending. A process that blocks them first loses none: it receives them when it unblocks
//! them.

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::io;

/// Blocks SIGHUP, SIGINT and SIGTERM.
pub(in crate::cli) fn hold() {
    // This cannot fail for valid signals; if it did, they would keep their default action.
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

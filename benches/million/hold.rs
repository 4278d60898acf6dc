//! The clients: `halloo hold` with its processes.

use crate::options::Wish;
use crate::plan::Plan;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// The longest time between two echoes of a connection: 30 s, a common heartbeat interval.
const PING_EVERY_MAX: Duration = Duration::from_secs(30);

/// The timeout for a connection or an echo while this many processes share the CPUs.
const PATIENCE: &str = "60s";

/// See the [module documentation](self). Killed on drop if it has not exited.
pub(crate) struct Hold(Child);

impl Hold {
    pub(crate) fn start(
        plan: &Plan,
        wish: &Wish,
        server: SocketAddr,
        server_pid: u32,
    ) -> io::Result<Self> {
        // Each connection is probed at least twice.
        let every = PING_EVERY_MAX.min(wish.hold / 2);
        let child = Command::new(env!("CARGO_BIN_EXE_halloo"))
            .args(["hold", &format!("ws://{server}")])
            .args(["--connections", &plan.connections.to_string()])
            .args(["--processes", &plan.processes.to_string(), "--source", plan.sources])
            .args(["--connect-timeout", PATIENCE, "--reply-timeout", PATIENCE])
            .args(["--duration", &format!("{}s", wish.hold.as_secs())])
            .args(["--probe-every", &format!("{}ms", every.as_millis())])
            .args(["--pid", &server_pid.to_string()])
            .args(&wish.flags)
            // Signals reach this process, which passes them on.
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// The exit status, if it has exited.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks it to stop: at the first signal it reports what it has measured, at the second it
    /// exits.
    pub(crate) fn stop(&mut self) {
        // It has not been waited for yet, so the process id is still its own.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // Its worker processes exit with it.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

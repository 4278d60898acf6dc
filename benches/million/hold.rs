//! The clients: `halloo hold` with its processes.

use crate::options::Wish;
use crate::plan::Plan;
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// How often a connection echoes at least: every 30 s, as heartbeats often are.
const PING_EVERY_MAX: Duration = Duration::from_secs(30);

/// How long a connection, or an echo, may take when so many processes wait for their turn.
const PATIENCE: &str = "60s";

/// See the [module documentation](self). Ended with this value, if it has not ended.
pub(crate) struct Hold(Child);

impl Hold {
    pub(crate) fn start(
        plan: &Plan,
        wish: &Wish,
        server: SocketAddr,
        server_pid: u32,
    ) -> io::Result<Self> {
        // Each connection has at least two turns.
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
            // Signals are for us, and we pass them on.
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Tells it to stop: the first time it reports what was measured, the second time it just ends.
    pub(crate) fn stop(&mut self) {
        // It was not waited for yet, so the number is still its own.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            // Its processes end when it is gone.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

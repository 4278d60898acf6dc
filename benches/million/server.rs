//! The server: `halloo serve` with its workers.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long it may take to stop after each signal.
const PATIENCE: Duration = Duration::from_secs(15);

/// See the [module documentation](self).
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(workers: u64) -> io::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_halloo"))
            .args(["serve", "--quiet", "--handshake-timeout", "60s", "--close-timeout", "60s"])
            .args(["--workers", &workers.to_string(), "ws://127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Ctrl-C goes to this process only, which stops its children itself.
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening ws://");
        server.address = address.and_then(|address| address.parse().ok()).ok_or_else(|| {
            io::Error::other(format!("the server printed {line:?} and not its address"))
        })?;
        Ok(server)
    }

    /// The process id of the workers' parent.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it exited within `PATIENCE` after this signal.
    fn ends_by(&mut self, signal: Signal) -> bool {
        // It has not been waited for yet, so the process id is still its own.
        let _ = kill_process(Pid::from_child(&self.child), signal);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The first signal drains it, the second ends it; its workers exit with it.
        if !self.ends_by(Signal::TERM) && !self.ends_by(Signal::TERM) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

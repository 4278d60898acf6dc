//! The trial from start to end.

use crate::hold::Hold;
use crate::memory::{self, Memory};
use crate::options::Wish;
use crate::plan::Plan;
use crate::server::Server;
use halloo::load::host::Host;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The interval between checks for signals.
const TICK: Duration = Duration::from_millis(200);

/// The interval between samples of memory: 2 s, because the kernel's list is long.
const LOOK_PERIOD: Duration = Duration::from_secs(2);

/// How long the kernel may settle before the last sample of memory.
const SETTLE: Duration = Duration::from_secs(3);

/// Memory that must stay available to the rest of the machine: 512 MiB.
const MEMORY_LEFT: u64 = 512 << 20;

/// Runs the trial. Returns the exit status of `halloo hold`.
pub(crate) fn run(wish: &Wish) -> io::Result<ExitCode> {
    let plan = Plan::new(wish.connections, &Host::read()).map_err(io::Error::other)?;
    let is_told_to_stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&is_told_to_stop))?;
    }
    let server = Server::start(plan.processes)?;
    let before = Memory::look();
    let mut hold = Hold::start(&plan, wish, server.address, server.pid())?;
    let (status, most) = attend(&mut hold, &is_told_to_stop)?;
    if let Some(most) = most {
        sleep(SETTLE);
        memory::print(&before, &most, &Memory::look(), plan.connections);
    }
    Ok(exit_code(status))
}

/// Waits until it exits, passes signals on, and stops it before the machine runs out of memory.
/// Returns its status, and the largest sample of the kernel's memory if it ran long enough for one.
fn attend(
    hold: &mut Hold,
    is_told_to_stop: &AtomicBool,
) -> io::Result<(ExitStatus, Option<Memory>)> {
    let mut most: Option<Memory> = None;
    let mut looked_at = Instant::now();
    let mut is_short = false;
    loop {
        if let Some(status) = hold.ended()? {
            return Ok((status, most));
        }
        if is_told_to_stop.swap(false, Ordering::Relaxed) {
            hold.stop();
        }
        if looked_at.elapsed() >= LOOK_PERIOD {
            looked_at = Instant::now();
            let now = Memory::look();
            most = Some(match most {
                Some(most) => most.or_more(now),
                None => now,
            });
            let available = Host::read().memory_available;
            if available.is_some_and(|bytes| bytes < MEMORY_LEFT)
                && !std::mem::replace(&mut is_short, true)
            {
                eprintln!("million: stopped, since the machine is about to run out of memory");
                hold.stop();
            }
        }
        sleep(TICK);
    }
}

/// The same status, as our own exit code.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

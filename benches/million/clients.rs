//! The client processes, as their parent sees them.

use crate::options::Orders;
use crate::plan::Plan;
use crate::watch::Watch;
use crate::words::{Command, Report};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// See the [module documentation](self). They end with this value.
pub(crate) struct Clients {
    all: Vec<Client>,
    reports: Receiver<Heard>,
    /// Connections that were lost, by reason.
    pub(crate) losses: BTreeMap<String, usize>,
}

struct Client {
    child: Child,
    stdin: ChildStdin,
}

/// Which client, and what it said; nothing if it ended.
type Heard = (usize, Option<String>);

/// What all clients did together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feat {
    /// With how many connections.
    pub(crate) count: usize,
    /// Until the last client was done.
    pub(crate) time: Duration,
    /// Connections a second of the slowest client.
    pub(crate) slowest: f64,
}

impl Clients {
    pub(crate) fn start(plan: &Plan, server: SocketAddr, watch: &Watch) -> io::Result<Self> {
        let (sender, reports) = channel();
        let mut clients = Self { all: Vec::new(), reports, losses: BTreeMap::new() };
        for index in 0..plan.processes {
            let orders = Orders { index: index as u32, server, sources: plan.sources as u32 };
            clients.all.push(Client::start(index, &orders, sender.clone())?);
        }
        clients.await_each(watch, |report| *report == Report::Ready)?;
        Ok(clients)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.all.iter().map(|client| client.child.id()).collect()
    }

    /// Tells every client what `command` says for its index, and waits until all have done it.
    pub(crate) fn all_do(
        &mut self,
        watch: &Watch,
        command: impl Fn(usize) -> Command,
    ) -> io::Result<Feat> {
        let start = Instant::now();
        for (index, client) in self.all.iter_mut().enumerate() {
            writeln!(client.stdin, "{}", command(index))?;
        }
        let (mut total, mut slowest) = (0, f64::INFINITY);
        self.await_each(watch, |report| {
            let Report::Done { count, time } = report else { return false };
            total += count;
            slowest = slowest.min(*count as f64 / time.as_secs_f64().max(0.001));
            true
        })?;
        Ok(Feat { count: total, time: start.elapsed(), slowest })
    }

    /// Listens for losses for some time.
    pub(crate) fn hold(&mut self, watch: &Watch, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            watch.look()?;
            self.hear()?;
        }
        Ok(())
    }

    /// Connections that were lost so far.
    pub(crate) fn lost(&self) -> usize {
        self.losses.values().sum()
    }

    /// Waits until each client has said what is waited for.
    fn await_each(
        &mut self,
        watch: &Watch,
        mut is_it: impl FnMut(&Report) -> bool,
    ) -> io::Result<()> {
        let mut missing = self.all.len();
        while missing > 0 {
            watch.look()?;
            if self.hear()?.is_some_and(|report| is_it(&report)) {
                missing -= 1;
            }
        }
        Ok(())
    }

    /// The next report, if one comes soon. Losses are counted.
    fn hear(&mut self) -> io::Result<Option<Report>> {
        let (index, line) = match self.reports.recv_timeout(Watch::INTERVAL) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => (0, None),
        };
        let line = line.ok_or_else(|| io::Error::other(format!("client {index} has ended")))?;
        let report: Report = line.parse().map_err(io::Error::other)?;
        if let Report::Lost { count, reason } = &report {
            *self.losses.entry(reason.clone()).or_default() += count;
        }
        Ok(Some(report))
    }
}

impl Client {
    fn start(index: usize, orders: &Orders, reports: Sender<Heard>) -> io::Result<Self> {
        let mut child = std::process::Command::new(std::env::current_exe()?)
            .args(orders.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A Ctrl-C is for us: what we have started, we end.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        thread::spawn(move || pass_on(index, stdout, &reports));
        Ok(Self { child, stdin })
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for client in &mut self.all {
            // One that has ended already needs neither.
            let _ = writeln!(client.stdin, "{}", Command::Quit);
            let _ = client.child.kill();
        }
        for client in &mut self.all {
            let _ = client.child.wait();
        }
    }
}

fn pass_on(index: usize, stdout: ChildStdout, reports: &Sender<Heard>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // Whoever no longer listens has no use for the rest.
        let _ = reports.send((index, Some(line)));
    }
    let _ = reports.send((index, None));
}

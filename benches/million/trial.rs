//! The trial from start to end.

use crate::clients::{Clients, Feat};
use crate::limits::Machine;
use crate::memory::Memory;
use crate::plan::Plan;
use crate::process;
use crate::server::Server;
use crate::table;
use crate::watch::Watch;
use crate::words::Command;
use std::io;
use std::time::Duration;

/// How long processes and the kernel have to come to rest before memory is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// What was measured.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) hold: Duration,
    pub(crate) opened: Feat,
    pub(crate) proved: Feat,
    /// The second round, after they were held.
    pub(crate) proved_again: Feat,
    pub(crate) closed: Feat,
    /// CPU time of the server until all were open, and for the first round.
    pub(crate) server_time: [Duration; 2],
    pub(crate) before: Memory,
    pub(crate) held: Memory,
    pub(crate) after: Memory,
    /// By reason.
    pub(crate) losses: Vec<(String, usize)>,
}

impl Outcome {
    /// Whether every connection was made, kept and proved.
    pub(crate) fn is_whole(&self) -> bool {
        let counts = [self.opened.count, self.proved.count, self.proved_again.count];
        self.losses.is_empty() && counts.iter().all(|&count| count == self.plan.connections)
    }
}

/// Tries it, prints what was measured, and says whether nothing was lost.
pub(crate) fn run(connections: usize, hold: Duration) -> io::Result<bool> {
    let plan = Plan::new(connections, &Machine::look()).map_err(io::Error::other)?;
    let outcome = measure(plan, hold)?;
    table::print(&outcome);
    Ok(outcome.is_whole())
}

fn measure(plan: Plan, hold: Duration) -> io::Result<Outcome> {
    let watch = Watch::new()?;
    let server = Server::start(plan.processes)?;
    let mut clients = Clients::start(&plan, server.address, &watch)?;
    let pids = clients.pids();
    let look = || {
        watch.pause(SETTLE)?;
        Memory::look(&server.pids, &pids)
    };
    let before = look()?;
    let cpu = || process::cpu_time(&server.pids);
    let start = cpu()?;
    let opened = clients.all_do(&watch, |index| Command::Open(plan.share(index)))?;
    let at_open = cpu()?;
    announce("opened", &opened, &clients);
    let proved = clients.all_do(&watch, |_| Command::Prove(1))?;
    let at_proved = cpu()?;
    announce("echoed", &proved, &clients);
    clients.hold(&watch, hold)?;
    let held = look()?;
    let proved_again = clients.all_do(&watch, |_| Command::Prove(2))?;
    announce("echoed again", &proved_again, &clients);
    let closed = clients.all_do(&watch, |_| Command::Close)?;
    announce("closed", &closed, &clients);
    let after = look()?;
    Ok(Outcome {
        plan,
        hold,
        opened,
        proved,
        proved_again,
        closed,
        server_time: [at_open - start, at_proved - at_open],
        before,
        held,
        after,
        losses: std::mem::take(&mut clients.losses).into_iter().collect(),
    })
}

/// Tells a person who waits how far it is.
fn announce(what: &str, feat: &Feat, clients: &Clients) {
    let seconds = feat.time.as_secs_f64();
    eprintln!("{what} {} in {seconds:.1} s, {} lost so far", feat.count, clients.lost());
}

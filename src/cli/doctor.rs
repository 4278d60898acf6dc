//! `halloo doctor`: how many connections this machine can hold, and which limit comes first.

use super::args::heading;
use super::args::values::{bytes, count};
use super::terminal::logger;
use super::{CommonArgs, Failure};
use crate::load::host::{ControlGroupLimit, Demand, Host, Limit, Place};
use crate::load::sources::Sources;
use crate::load::units::{size, thousands};
use crate::net::{Address, Endpoint};
use clap::Args;
use log::LevelFilter;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};

/// The version of the `--json` format; it grows when a field changes or disappears.
const SCHEMA_VERSION: u32 = 1;

/// The headings of the table. The third column is right-aligned.
const HEADINGS: [&str; 4] = ["limit", "value", "connections", "how to lift it"];

/// See the [module documentation](self).
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Count connections to this server; if its host is this machine, both ends are counted
    #[arg(value_name = "URL", default_value = "ws://127.0.0.1:9527")]
    url: Address,
    /// Exit with 3 if this machine cannot hold N connections
    #[arg(short, long, value_name = "N", value_parser = count, help_heading = heading::LOAD)]
    connections: Option<u32>,
    /// Count N client processes, and as many workers of a local server
    #[arg(
        long,
        value_name = "N",
        value_parser = count,
        default_value = "1",
        help_heading = heading::LOAD
    )]
    processes: u32,
    /// Count these source addresses, as in 127.1.0.0/16 or 10.0.0.1-10.0.0.9
    /// [default: the one that the system chooses]
    #[arg(long, value_name = "CIDR|LIST", help_heading = heading::LOAD)]
    source: Option<Sources>,
    /// Count this much unread data in the kernel's buffers at each end of every connection
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = bytes,
        default_value = "0",
        help_heading = heading::LOAD
    )]
    unread: u64,
    /// Print everything that was read, as JSON
    #[arg(long, help_heading = heading::OUTPUT)]
    json: bool,
    #[command(flatten)]
    common: CommonArgs,
}

/// Examines the machine and prints the limits.
pub(super) fn run(arguments: &DoctorArgs) -> Result<(), Failure> {
    let common = &arguments.common;
    logger::init(common.log_format, LevelFilter::Warn, common.verbose, common.quiet, None);
    let finding = Finding::new(arguments, Host::read())?;
    let text = if arguments.json { format!("{:#}\n", finding.json()) } else { finding.text() };
    match std::io::stdout().write_all(text.as_bytes()) {
        // The reader of the output has closed it: it has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        other => other?,
    }
    match finding.demand.connections {
        Some(wanted) if !finding.is_enough() => Err(Failure::Check(format!(
            "--connections {}: this machine can hold {}",
            thousands(wanted),
            thousands(finding.connections().unwrap_or_default()),
        ))),
        _ => Ok(()),
    }
}

impl DoctorArgs {
    fn demand(&self) -> Result<Demand, Failure> {
        let endpoints = self
            .url
            .resolve()
            .map_err(|error| Failure::Runtime(format!("cannot resolve {}: {error}", self.url)))?;
        // A name may have addresses of both families: take one that the sources can reach.
        let is_reachable = |endpoint: &&Endpoint| match (endpoint, &self.source) {
            (Endpoint::Tcp(address) | Endpoint::Tls(address, _), Some(source)) => {
                address.is_ipv6() == source.is_ipv6()
            }
            _ => true,
        };
        let Some(endpoint) = endpoints.iter().find(is_reachable) else {
            let source = self.source.as_ref().map(Sources::to_string).unwrap_or_default();
            return Err(Failure::Usage(format!(
                "--source '{source}' is of another family than {}: expected addresses of the same family",
                self.url
            )));
        };
        Ok(Demand {
            connections: self.connections.map(u64::from),
            processes: self.processes.into(),
            sources: self.source.as_ref().map_or(1, Sources::len),
            targets: 1,
            place: Place::from(endpoint),
            tls: self.url.tls,
            unread_bytes: self.unread,
        })
    }
}

/// The limits of this machine for the planned connections.
struct Finding {
    host: Host,
    demand: Demand,
    /// The limiting factor comes first.
    limits: Vec<Limit>,
}

impl Finding {
    fn new(arguments: &DoctorArgs, host: Host) -> Result<Self, Failure> {
        let demand = arguments.demand()?;
        let mut limits = host.limits(&demand);
        if let Some(address) = arguments.source.as_ref().and_then(Sources::non_local) {
            limits.insert(0, Limit::non_local_source(address));
        }
        Ok(Self { host, demand, limits })
    }

    /// How many connections this machine can hold; `None` if no limit is known.
    fn connections(&self) -> Option<u64> {
        self.limits.first().map(|limit| limit.connections)
    }

    fn is_enough(&self) -> bool {
        let wanted = self.demand.connections.unwrap_or(0);
        self.connections().is_none_or(|connections| connections >= wanted)
    }

    fn sentence(&self) -> String {
        match self.limits.first() {
            Some(limit) => limit.to_string(),
            None => "this system reports no limit on connections".into(),
        }
    }

    fn text(&self) -> String {
        let rows = self.limits.iter().map(|limit| {
            let connections = thousands(limit.connections);
            [limit.name.to_owned(), limit.value.clone(), connections, limit.remedy.clone()]
        });
        let rows: Vec<[String; 4]> =
            [HEADINGS.map(str::to_owned)].into_iter().chain(rows).collect();
        let mut text = format!("{}\n\n{}\n", self.sentence(), table(&rows));
        for remark in self.remarks() {
            text.push_str(&remark);
            text.push('\n');
        }
        text
    }

    /// What was counted, and limits on something other than the number of open connections.
    fn remarks(&self) -> Vec<String> {
        let (host, demand) = (&self.host, &self.demand);
        let here = if demand.ends() == 2 { "both ends are" } else { "one end is" };
        let mut remarks = vec![format!(
            "Counted: {here} on this machine, {} of memory for a connection.",
            size(demand.bytes_per_connection())
        )];
        if let Some(most) = host.backlog_max {
            let most = thousands(most);
            remarks.push(format!(
                "Waiting: at most {most} connections in the accept queue of a listener \
                 (net.core.somaxconn); more are dropped and retried after a second."
            ));
        }
        if let (Some(memory), true) = (host.tcp_memory, demand.unread_bytes == 0) {
            let bytes = |pages: u64| size(pages.saturating_mul(rustix::param::page_size() as u64));
            remarks.push(format!(
                "Unread: TCP holds {} of {} (net.ipv4.tcp_mem); idle connections need none of it, \
                 and --unread counts those that do.",
                bytes(memory.held),
                bytes(memory.pressure)
            ));
        }
        if let (Some(processors), Some(congestion)) = (host.processors, &host.congestion_control) {
            remarks.push(format!(
                "CPUs for this process: {processors}. Congestion control: {congestion}."
            ));
        }
        remarks
    }

    fn json(&self) -> Value {
        let limits = self.limits.iter().map(|limit| {
            json!({
                "name": limit.name,
                "what": limit.what,
                "value": limit.value,
                "connections": limit.connections,
                "remedy": limit.remedy,
            })
        });
        json!({
            "schema_version": SCHEMA_VERSION,
            "sentence": self.sentence(),
            "connections": self.connections(),
            "wanted": self.demand.connections,
            "enough": self.is_enough(),
            "limits": limits.collect::<Vec<_>>(),
            "plan": {
                "processes": self.demand.processes,
                "sources": self.demand.sources,
                "targets": self.demand.targets,
                "ends": self.demand.ends(),
                "tls": self.demand.tls,
                "unread_bytes": self.demand.unread_bytes,
                "bytes_per_connection": self.demand.bytes_per_connection(),
            },
            "machine": host_json(&self.host),
        })
    }
}

/// The rows with two spaces between columns; the third column is right-aligned.
fn table(rows: &[[String; 4]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let [name_width, value_width, count_width] = [0, 1, 2].map(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for [name, value, connections, remedy] in rows {
        let cells = format!(
            "{name:name_width$}  {value:value_width$}  {connections:>count_width$}  {remedy}\n"
        );
        text.push_str(&cells);
    }
    text
}

fn host_json(host: &Host) -> Value {
    let group = |limit: &Option<ControlGroupLimit>| {
        limit.as_ref().map(|limit| {
            let file = limit.file.display().to_string();
            json!({ "max": limit.max, "used": limit.used, "file": file })
        })
    };
    json!({
        "descriptors_soft": host.descriptors_soft,
        "descriptors_hard": host.descriptors_hard,
        "descriptors_ceiling": host.descriptors_ceiling,
        "files_open": host.files_open,
        "files_max": host.files_max,
        "epoll_watches_max": host.epoll_watches_max,
        "ports": host.ports.map(|ports| json!({
            "first": ports.first,
            "last": ports.last,
            "reserved": ports.reserved,
        })),
        "backlog_max": host.backlog_max,
        "syn_backlog_max": host.syn_backlog_max,
        "tcp_memory_pages": host.tcp_memory.map(|memory| json!({
            "low": memory.low,
            "pressure": memory.pressure,
            "high": memory.high,
            "held": memory.held,
        })),
        "tracked": host.tracked,
        "tracked_max": host.tracked_max,
        "memory_available_bytes": host.memory_available,
        "memory_total_bytes": host.memory_total,
        "memory_of_group_bytes": group(&host.memory_of_group),
        "processes_of_group": group(&host.processes_of_group),
        "processes_of_user": host.processes_of_user,
        "threads": host.threads,
        "threads_max": host.threads_max,
        "processors": host.processors,
        "congestion_control": host.congestion_control,
    })
}

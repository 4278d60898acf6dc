//! The server under load on this machine: its cost per message, per connection and per idle
//! connection.
//!
//! The server runs on the first CPU and the client, which is this process, on the last one, so that
//! neither pays for the other. The figure of merit is the server's CPU time per message: messages
//! per second depend on the client too. Machines are noisy: compare only figures that were measured
//! alternately in one run.
//!
//! `cargo bench --bench loopback -- --help` lists the options, and explains how to measure another
//! server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that reports to a user")]

mod check;
mod client;
mod connects;
mod cpu;
mod deflate;
mod drain;
mod exchange;
mod fairness;
mod idle;
mod load;
mod machine;
mod options;
mod quiet;
mod server;
mod slow;
mod table;
mod workload;

use options::{Choice, Options};
use server::Server;
use std::io;
use std::process::ExitCode;
use table::{Figure, Row};
use workload::Workload;

fn main() -> ExitCode {
    let options = match Options::from_arguments(std::env::args().skip(1)) {
        Ok(Choice::Measure(options)) => options,
        Ok(Choice::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("loopback: {message}");
            return ExitCode::from(2);
        }
    };
    match measure_all(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loopback: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures every chosen workload, and prints each as soon as it is measured.
fn measure_all(options: &Options) -> io::Result<()> {
    if !cpu::pin_client() {
        eprintln!("only one CPU: server and client share it, and the figures mean little");
    }
    let mut servers = Vec::new();
    match &options.target {
        Some(target) => servers.push(Server::attach("target", target)?),
        None => servers.push(Server::start(&[])?),
    }
    if let Some(target) = &options.against {
        servers.push(Server::attach("against", target)?);
    }
    if !options.json {
        table::print_heading();
    }
    for workload in options.workloads() {
        let rows = measure(&workload, &mut servers, options)?;
        if options.json {
            table::print_json(&workload, &rows);
        } else {
            table::print(&workload, &rows);
        }
    }
    Ok(())
}

/// Measures one workload: each run visits every server, so that noise affects all of them alike.
fn measure(workload: &Workload, servers: &mut [Server], options: &Options) -> io::Result<Vec<Row>> {
    let mut rows: Vec<Row> = servers.iter().map(|server| Row::new(server.name())).collect();
    for _ in 0..options.runs {
        for (server, row) in servers.iter_mut().zip(&mut rows) {
            row.push(measure_once(workload, server, options)?);
        }
    }
    Ok(rows)
}

fn measure_once(workload: &Workload, server: &mut Server, options: &Options) -> io::Result<Figure> {
    match *workload {
        Workload::Load(load) => load::measure(&load, server, options),
        Workload::Connects { connections, .. } => connects::measure(connections, server, options),
        Workload::Idle { connections, bytes, .. } => {
            // Memory left from an earlier workload must not hide the memory of this one.
            server.renew(&[])?;
            idle::measure(connections, bytes, server, options)
        }
        Workload::Fairness { connections } => fairness::measure(connections, server, options.time),
        Workload::Slow { connections } => {
            // The profile for such clients.
            server.renew(&["--profile", "internet"])?;
            let figure = slow::measure(connections, server, options.time);
            server.renew(&[])?;
            figure
        }
        Workload::Drain { connections } => {
            server.renew(&[])?;
            let figure = drain::measure(connections, server, options);
            server.renew(&[])?;
            figure
        }
    }
}

//! Records runs of one server as if two servers were compared: A B B A and so on, each run with a
//! new server process.

use halloo::load::Outcome;
use halloo::load::result::compare::COMPARED;
use halloo::load::result::metric::Metric;
use halloo::load::result::read::parse;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_halloo");

/// The sides of four consecutive runs.
const SIDES: [&str; 4] = ["a", "b", "b", "a"];

/// Connections: enough to keep a server busy.
const CONNECTIONS: &str = "16";

/// Saves each result in the directory, and the figures of all as `runs.csv`.
pub(crate) fn record(directory: &Path, runs: usize, duration: &str) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let mut csv = format!("side,started_at,{}\n", COMPARED.join(","));
    for (number, side) in SIDES.iter().cycle().take(runs).enumerate() {
        let file = directory.join(format!("{number:04}-{side}.json"));
        let outcome = run(&file, duration).map_err(|reason| format!("run {number}: {reason}"))?;
        let figures = COMPARED.iter().map(|name| {
            let figure = Metric::named(name).and_then(|metric| metric.value(&outcome).known());
            figure
                .map(|value| value.to_string())
                .ok_or_else(|| format!("run {number} has no {name}"))
        });
        let figures = figures.collect::<Result<Vec<String>, String>>()?;
        // Writing to a string does not fail.
        let _ = writeln!(csv, "{side},{},{}", outcome.started_at, figures.join(","));
        println!("{number} {side} {} {}", outcome.headline(), figures.join(" "));
    }
    fs::write(directory.join("runs.csv"), csv).map_err(|error| error.to_string())
}

/// One result, of a server that was started for it.
fn run(file: &Path, duration: &str) -> Result<Outcome, String> {
    let mut server = Server::start()?;
    let url = server.url()?;
    let status = Command::new(PROGRAM)
        .args([
            "bench",
            "-c",
            CONNECTIONS,
            "-d",
            duration,
            "--warmup",
            "500ms",
            "--progress",
            "none",
        ])
        .args(["--pid", &server.0.id().to_string(), "--accept-invalid", "--json"])
        .arg(file)
        .arg(url)
        .stdout(Stdio::null())
        .status();
    match status.map_err(|error| error.to_string())? {
        status if status.success() => {}
        status => return Err(format!("the load generator ended with {status}")),
    }
    parse(&fs::read(file).map_err(|error| error.to_string())?)
}

/// A server that is killed when it goes out of scope.
struct Server(Child);

impl Server {
    fn start() -> Result<Self, String> {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "ws://127.0.0.1:0", "-q"]).stdout(Stdio::piped());
        command.spawn().map(Self).map_err(|error| error.to_string())
    }

    /// The URL from its line `listening URL`.
    fn url(&mut self) -> Result<String, String> {
        let stdout = self.0.stdout.as_mut().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let url = line.trim_end().strip_prefix("listening ");
        url.map(str::to_owned).ok_or_else(|| format!("the server said '{line}'"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it has already exited there is nothing to end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

//! Every console block of README and docs is run: what it shows must come out, up to numbers and
//! times.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a command may take, and what it shows may be late.
const TIME_LIMIT: Duration = Duration::from_secs(40);

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/measuring.md",
    "docs/scaling.md",
    "docs/serving.md",
    "docs/tutorials.md",
    "docs/wire.md",
];

/// Commands that build the project, or take a machine of their own: they are not run here.
const NOT_RUN: [&str; 6] = ["cargo ", "git ", ".ci/", "tests/", "benches/", "fuzz/"];

/// Run in a shell before the first command of a document: what the reader has got by then.
const BEFORE: [(&str, &str); 1] = [(
    "docs/measuring.md",
    "halloo -q ws://127.0.0.1:9527 tcp://127.0.0.1:9528 >/dev/null & sleep 0.5; \
     for i in 1 2 3 4 5; do for side in a:ws://127.0.0.1:9527 b:tcp://127.0.0.1:9528; do \
     halloo bench ${side#*:} -c 20 -r 5k/s -d 300ms --warmup 200ms --accept-invalid \
     --json ${side%%:*}$i.json --progress none >/dev/null 2>&1; done; done",
)];

/// Ends the output of a command.
const END: &str = "__end_of_output__";

/// A command, and the lines that follow it.
#[derive(Debug, Default, PartialEq)]
struct Step {
    command: String,
    expected: Vec<String>,
}

#[test]
fn console_blocks_show_what_comes_out() {
    let tools = ["bash", "python3", "openssl"];
    if let Some(missing) = tools.iter().find(|tool| !is_there(tool)) {
        eprintln!("skipped: console blocks are run with {missing}");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut run = 0;
    for document in DOCUMENTS {
        let Ok(text) = fs::read_to_string(root.join(document)) else { continue };
        let mut shell = Shell::start(document);
        if let Some((_, setup)) = BEFORE.iter().find(|(name, _)| *name == document) {
            let setup = shell.with_real_ports(setup);
            shell.run(&setup);
        }
        for step in steps(&text) {
            if NOT_RUN.iter().any(|prefix| step.command.starts_with(prefix)) {
                continue;
            }
            run += 1;
            shell.check(document, &step);
        }
        shell.check_log(document);
    }
    assert!(run > 20, "only {run} commands were found");
}

fn is_there(tool: &str) -> bool {
    let mut version = Command::new(tool);
    version.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok()
}

/// The commands of all console blocks, in their order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut is_inside, mut continues) = (false, false);
    for line in text.lines() {
        match line {
            "```console" => is_inside = true,
            "```" => is_inside = false,
            _ if !is_inside => {}
            _ if continues => {
                continues = line.ends_with('\\');
                if let Some(step) = steps.last_mut() {
                    step.command += "\n";
                    step.command += line;
                }
            }
            _ if line.starts_with("$ ") => {
                continues = line.ends_with('\\');
                steps.push(Step { command: line[2..].into(), expected: Vec::new() });
            }
            _ => {
                if let Some(step) = steps.last_mut() {
                    step.expected.push(line.into());
                }
            }
        }
    }
    steps
}

/// A shell in a directory and, with other ports, a machine of its own.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// Ports as they are written, and as they are.
    ports: HashMap<String, String>,
    /// Log lines that are written, and all lines that were shown.
    log: Vec<String>,
    shown: Vec<String>,
    directory: std::path::PathBuf,
}

impl Shell {
    fn start(document: &str) -> Self {
        let name = document.replace(['/', '.'], "-");
        let directory = std::env::temp_dir().join(format!("halloo-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::os::unix::fs::symlink(root.join("tests"), directory.join("tests")).expect("a link");
        let binary = Path::new(env!("CARGO_BIN_EXE_halloo")).parent().expect("it is in one");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("bash")
            .process_group(0)
            .current_dir(&directory)
            .env("PATH", format!("{}:{path}", binary.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("bash runs");
        let stdin = child.stdin.take().expect("it is piped");
        let lines = collect(child.stdout.take().expect("it is piped"));
        let mut shell = Self {
            child,
            stdin,
            lines,
            ports: HashMap::new(),
            log: Vec::new(),
            shown: Vec::new(),
            directory,
        };
        shell.run("exec 2>&1");
        shell
    }

    /// Runs a command; what it showed until it ended.
    fn run(&mut self, command: &str) -> Vec<String> {
        writeln!(self.stdin, "{command}\necho; echo {END}").expect("the shell reads");
        let deadline = Instant::now() + TIME_LIMIT;
        let mut shown = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline - Instant::now()) {
            self.shown.push(line.clone());
            if line == END {
                return shown;
            }
            shown.push(line);
        }
        panic!("{command}\ndid not end in time, and showed:\n{}", shown.join("\n"));
    }

    /// Runs a command, and waits until it has shown what the document says.
    #[track_caller]
    fn check(&mut self, document: &str, step: &Step) {
        let mut command = self.with_real_ports(&step.command);
        if command.starts_with("halloo serve") && !command.ends_with('&') {
            // The reader has another terminal for it.
            command += " &";
        }
        if command.starts_with("halloo") && command.ends_with('&') {
            // The server of an earlier block may have the same ports.
            self.run("kill $(jobs -p) 2>/dev/null; wait 2>/dev/null");
        }
        let mut shown = self.run(&command);
        let deadline = Instant::now() + TIME_LIMIT;
        while let Err(missing) = compare(&step.command, &step.expected, &shown) {
            // What runs in the background may say it later.
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.shown.push(line.clone());
                    shown.push(line);
                }
                Err(_) => panic!(
                    "{document}: $ {command}\ndoes not show {missing:?}, but:\n{}",
                    shown.join("\n")
                ),
            }
        }
        self.learn_ports(&step.expected, &shown);
        self.log.extend(step.expected.iter().filter(|line| is_log(line)).cloned());
    }

    /// Waits for the log lines of servers: they come when clients do, in later commands.
    fn check_log(&mut self, document: &str) {
        let deadline = Instant::now() + TIME_LIMIT;
        for line in std::mem::take(&mut self.log) {
            while !self.shown.iter().any(|shown| shape(shown) == shape(&line)) {
                match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                    Ok(line) => self.shown.push(line),
                    Err(_) => panic!(
                        "{document}: no server logs {line:?}, but:\n{}",
                        self.shown.join("\n")
                    ),
                }
            }
        }
    }

    /// Replaces each port by a free one, always the same.
    fn with_real_ports(&mut self, command: &str) -> String {
        let mut real = String::new();
        let mut rest = command;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let digits = rest[start..].find(|c: char| !c.is_ascii_digit());
            let end = digits.map_or(rest.len(), |count| start + count);
            real += &rest[..start];
            let number = &rest[start..end];
            let is_port = number.len() >= 4 && (real.ends_with(':') || real.ends_with(' '));
            let known = self.ports.get(number).cloned();
            let port = match known {
                Some(port) => port,
                None if is_port && !real.ends_with("connections ") => {
                    let port = free_port().to_string();
                    self.ports.insert(number.into(), port.clone());
                    port
                }
                None => number.into(),
            };
            real += &port;
            rest = &rest[end..];
        }
        real + rest
    }

    /// A program chooses its own port: what it said is what the commands that follow mean.
    fn learn_ports(&mut self, expected: &[String], shown: &[String]) {
        let said = |lines: &[String]| {
            lines.iter().find_map(|line| line.strip_prefix("listening ").map(str::to_owned))
        };
        if let (Some(written), Some(real)) = (said(expected), said(shown))
            && written.parse::<u16>().is_ok()
        {
            self.ports.insert(written, real);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn collect(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Compares what is written with what was shown; the line that is missing.
fn compare(command: &str, expected: &[String], shown: &[String]) -> Result<(), String> {
    let is_report = ["bench ", "hold ", "report ", "doctor "]
        .iter()
        .any(|name| command.contains(&format!("halloo {name}")));
    // `report` refuses runs that a busy machine disturbed.
    if command.contains("halloo report ")
        && shown.iter().any(|line| line.contains(" is GENERATOR-BOUND: "))
    {
        return Ok(());
    }
    let mut next = 0;
    let mut is_skipping = false;
    for line in expected {
        // What a run says of its own stalls differs from machine to machine.
        let depends = ["VALID", "stalls", "  ", "…"].iter().any(|start| line.starts_with(start));
        is_skipping = (is_report && line.starts_with("VALID"))
            || (is_skipping && !line.is_empty() && line != "…");
        let is_any = line == "…" || line.trim().is_empty() || is_log(line);
        if is_any || is_skipping || (is_report && depends) {
            continue;
        }
        let matches = |other: &String| match is_report {
            true => label(other) == label(line),
            false => shape(other) == shape(line),
        };
        let found = shown[next..].iter().position(matches).ok_or_else(|| line.clone())?;
        next += found + 1;
    }
    Ok(())
}

/// A log line begins with a time.
fn is_log(line: &str) -> bool {
    line.starts_with("20") && line.contains("Z ")
}

/// A line of a report up to its first number: what it is about.
fn label(line: &str) -> String {
    let words = line.split("  ").next().unwrap_or_default();
    let end = words.find(|c: char| c.is_ascii_digit()).unwrap_or(words.len());
    words[..end].trim().to_owned()
}

/// A line with `#` in place of numbers, times, names of days, and fingerprints.
fn shape(line: &str) -> String {
    const NAMES: [&str; 19] = [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut line = line.to_owned();
    for name in NAMES {
        line = line.replace(&format!("{name} "), "# ");
    }
    if let Some(start) = line.find("fingerprint ") {
        line.truncate(start);
    }
    let mut shape = String::new();
    for character in line.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        match character {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            other => shape.push(other),
        }
    }
    shape
}

#[test]
fn a_line_that_does_not_come_out_is_found() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let shown = lines("listening ws://127.0.0.1:41234\nhello");
    let expected = lines("listening ws://127.0.0.1:9527\nhello");
    assert_eq!(compare("halloo ws://a", &expected, &shown), Ok(()));
    assert_eq!(compare("halloo ws://a", &expected, &shown[..1]), Err("hello".into()));
    let log = "2026-01-02T03:04:05.678Z INFO  #1 ended peer=127.0.0.1:1";
    assert_eq!(shape(log), shape("2027-11-12T13:14:15.161Z INFO  #12 ended peer=127.0.0.1:41234"));
    assert_ne!(shape(log), shape("2027-11-12T13:14:15.161Z INFO  #12 connected"));
    let other = lines("listening tcp://127.0.0.1:9527");
    assert_eq!(compare("halloo ws://a", &other, &shown), Err(other[0].clone()));
    let table =
        lines("VALID to p99: x\nand so on\n\nmessages      25,000 sent\nstalls   0.1 %\nmore");
    let measured = lines("GENERATOR-BOUND: y\n\nmessages      3 sent   3 received");
    assert_eq!(compare("halloo bench ws://a", &table[..4], &measured), Ok(()));
    assert_eq!(compare("halloo bench ws://a", &table[..4], &measured[..1]), Err(table[3].clone()));
}

#[test]
fn blocks_become_steps() {
    let text = "text\n```console\n$ one \\\n    two\nshown\n```\n$ not a command\n```console\n$ three\n```\n";
    let step = |command: &str, expected: &[&str]| Step {
        command: command.into(),
        expected: expected.iter().map(|&line| line.to_owned()).collect(),
    };
    assert_eq!(steps(text), [step("one \\\n    two", &["shown"]), step("three", &[])]);
}

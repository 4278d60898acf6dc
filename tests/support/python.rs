//! Python interpreters, and the programs of `tests/tutorials` that they run.

// The test reports which interpreters it could not find.
#![allow(clippy::print_stderr)]

use super::program::{Finished, Program};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// In versions up to 3.7 `hmac.new(key, message)` means MD5; newer ones require the digest's name.
const NAMES: [&str; 4] = ["python3", "python2.7", "python3.6", "python3.7"];

/// An interpreter that works.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    name: &'static str,
    path: PathBuf,
}

/// The Python 3 of this machine, for tests that need any Python.
#[track_caller]
pub(crate) fn python() -> Python {
    let is_python_3 = |python: &&Python| python.name == "python3";
    pythons().iter().find(is_python_3).expect("these tests need a python3").clone()
}

/// The interpreters that this machine has. Prints which ones are missing.
pub(crate) fn pythons() -> &'static [Python] {
    static FOUND: OnceLock<Vec<Python>> = OnceLock::new();
    let found = FOUND.get_or_init(|| NAMES.iter().filter_map(|name| find(name)).collect());
    for name in NAMES {
        if !found.iter().any(|python| python.name == name) {
            eprintln!("skipped: there is no {name} here");
        }
    }
    found
}

impl Python {
    /// Starts a program of `tests/tutorials`.
    pub(crate) fn start(&self, script: &str, arguments: &[&str]) -> Program {
        Program::start(&mut self.command(script, arguments))
    }

    fn command(&self, script: &str, arguments: &[&str]) -> Command {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tutorials");
        let mut command = Command::new(&self.path);
        // -B: leave no compiled files beside the sources.
        command.arg("-B").arg(scripts.join(script)).args(arguments);
        command
    }

    /// Runs a program with this input. It must succeed.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, arguments: &[&str], input: &str) -> Finished {
        let mut program = self.start(script, arguments);
        program.write(input);
        program.close_stdin();
        let finished = program.wait();
        assert_eq!(finished.code, Some(0), "{} {script}: {finished:#?}", self.path.display());
        finished
    }
}

/// A server of `tests/tutorials`, killed when it goes out of scope.
pub(crate) struct PythonServer {
    program: Program,
    port: String,
}

impl PythonServer {
    /// Starts the server and waits until it prints `listening PORT`.
    #[track_caller]
    pub(crate) fn start(python: &Python, script: &str, arguments: &[&str]) -> Self {
        let program = Program::start_server(&mut python.command(script, arguments));
        let stdout = program.wait_for_stdout(|stdout| stdout.contains('\n'));
        let port = stdout.lines().next().and_then(|line| line.strip_prefix("listening "));
        let port = port.unwrap_or_else(|| panic!("{script} printed {stdout:?}")).to_owned();
        Self { program, port }
    }

    /// Its URL with this scheme.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Waits until it has printed this line.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, expected: &str) {
        self.program.wait_for_stdout(|stdout| stdout.lines().any(|line| line == expected));
    }
}

fn find(name: &'static str) -> Option<Python> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates: Vec<_> =
        std::env::split_paths(&on_path).map(|dir| dir.join(name)).collect();
    candidates.extend(installed_by_pyenv(name));
    let path = candidates.iter().find_map(|candidate| executable(candidate))?;
    Some(Python { name, path })
}

/// The commands that pyenv puts on the path may refuse to run; the interpreters are here.
fn installed_by_pyenv(name: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let root = root.or_else(|| Some(std::env::home_dir()?.join(".pyenv")));
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    let versions = versions.into_iter().flatten().flatten();
    versions.map(|version| version.path().join("bin").join(name)).collect()
}

/// The real path of an interpreter, if it runs.
fn executable(candidate: &Path) -> Option<PathBuf> {
    let mut command = Command::new(candidate);
    command.args(["-c", "import sys; sys.stdout.write(sys.executable)"]).stdin(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().filter(|path| !path.is_empty()).map(PathBuf::from)
}

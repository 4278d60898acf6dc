//! The measured server, and the system's figures about its process.

use crate::cpu;
use crate::options::Target;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// See the [module documentation](self).
pub(crate) struct Server {
    name: &'static str,
    target: Target,
    /// The child process, if we started it.
    child: Option<Child>,
}

impl Server {
    /// Starts our own server on a free port, with its defaults except for these arguments.
    pub(crate) fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_halloo"))
            .args(["serve", "ws://127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let url = line.trim().trim_start_matches("listening ");
        let target = Target::parse(url, &child.id().to_string()).map_err(|error| {
            io::Error::other(format!("our server printed {line:?} and not its address: {error}"))
        })?;
        let server = Self { name: "halloo", target, child: Some(child) };
        server.pin()?;
        Ok(server)
    }

    /// Takes a server that runs already.
    pub(crate) fn attach(name: &'static str, target: &Target) -> io::Result<Self> {
        let server = Self { name, target: target.clone(), child: None };
        server.pin()?;
        Ok(server)
    }

    /// Restarts the server with these arguments, if it is our own.
    pub(crate) fn renew(&mut self, arguments: &[&str]) -> io::Result<()> {
        if self.child.is_some() {
            *self = Self::start(arguments)?;
        }
        Ok(())
    }

    /// Asks our own server to stop.
    pub(crate) fn stop(&self) -> io::Result<()> {
        if self.child.is_none() {
            return Err(io::Error::other("only our own server is stopped"));
        }
        let pid = i32::try_from(self.target.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("not a process id"))?;
        Ok(kill_process(pid, Signal::TERM)?)
    }

    /// Waits until our own server has stopped.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        let child = self.child.as_mut();
        child.ok_or_else(|| io::Error::other("only our own server is waited for"))?.wait()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// CPU time used so far, by all threads, in user space and in the kernel.
    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in self.threads()? {
            let text =
                fs::read_to_string(format!("/proc/{}/task/{thread}/schedstat", self.target.pid))?;
            let first = text.split(' ').next().and_then(|field| field.parse::<u64>().ok());
            nanoseconds += first.ok_or_else(|| io::Error::other("schedstat cannot be parsed"))?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Private memory that was written to.
    pub(crate) fn private_bytes(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.target.pid))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
        let kibibytes = line
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|number| number.parse::<u64>().ok());
        Ok(kibibytes.ok_or_else(|| io::Error::other("smaps_rollup cannot be parsed"))? * 1024)
    }

    fn pin(&self) -> io::Result<()> {
        self.threads()?.into_iter().try_for_each(cpu::pin_server)
    }

    fn threads(&self) -> io::Result<Vec<u32>> {
        let directory = fs::read_dir(format!("/proc/{}/task", self.target.pid))?;
        Ok(directory.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok()).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // If it has already exited there is nothing to end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

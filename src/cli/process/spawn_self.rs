//! Starting this program again as a worker process.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// A command that runs this program, without arguments yet, in a process group of its own.
pub(in crate::cli) fn this_program() -> Command {
    // The program as it was when this process started, even if its file has been replaced since.
    let mut command = Command::new("/proc/self/exe");
    // A Ctrl-C at the terminal is for the parent only, which passes it on.
    command.arg0("halloo").process_group(0);
    command
}

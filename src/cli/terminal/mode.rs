//! Raw mode: the terminal delivers each byte at once and does not echo it.

use rustix::io::Result;
use rustix::process::{Signal, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

/// Raw mode, until this value is dropped.
pub(in crate::cli) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Switches the terminal of stdin to raw mode. Output is processed as before: a newline starts
    /// a new line.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub(in crate::cli) fn enter() -> Result<Self> {
        let before = tcgetattr(stdin())?;
        let mode = Self { before };
        mode.set()?;
        Ok(mode)
    }

    fn set(&self) -> Result<()> {
        let mut raw = self.before.clone();
        // Without ICANON a line may also exceed the 4,095 bytes of the line discipline.
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -=
            InputModes::IXON | InputModes::ICRNL | InputModes::INLCR | InputModes::ISTRIP;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Now, &raw)
    }

    /// Stops this process, as Ctrl-Z does, until it is continued.
    pub(in crate::cli) fn suspend(&self) -> Result<()> {
        self.restore();
        kill_process(getpid(), Signal::TSTP)?;
        self.set()
    }

    fn restore(&self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Whether the terminal can move its cursor.
pub(in crate::cli) fn can_edit() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// The width of the terminal, in characters; 80 if it is unknown.
pub(in crate::cli) fn columns() -> usize {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col >= 8 => size.ws_col.into(),
        _ => 80,
    }
}

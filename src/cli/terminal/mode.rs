//! The mode of the terminal while a line is edited: byte by byte, without echo.

use rustix::io::Result;
use rustix::process::{Signal, getpid, kill_process};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr,
};

/// Puts the terminal back as it was when it goes out of scope.
pub(in crate::cli) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Asks the terminal of stdin for each byte as it comes. Output stays as it is: a newline begins a line.
    pub(in crate::cli) fn enter() -> Result<Self> {
        let before = tcgetattr(stdin())?;
        let mode = Self { before };
        mode.set()?;
        Ok(mode)
    }

    fn set(&self) -> Result<()> {
        let mut raw = self.before.clone();
        // Without a line discipline a line may also be longer than its 4,095 bytes.
        raw.local_modes -=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        raw.input_modes -=
            InputModes::IXON | InputModes::ICRNL | InputModes::INLCR | InputModes::ISTRIP;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin(), OptionalActions::Now, &raw)
    }

    /// Stops this program, as Ctrl-Z does, until somebody lets it go on.
    pub(in crate::cli) fn suspend(&self) -> Result<()> {
        self.restore();
        kill_process(getpid(), Signal::TSTP)?;
        self.set()
    }

    fn restore(&self) {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Whether the terminal knows more than printing: a cursor that moves.
pub(in crate::cli) fn can_edit() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// How many characters fit beside each other; 80 where the terminal does not say.
pub(in crate::cli) fn columns() -> usize {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col >= 8 => size.ws_col.into(),
        _ => 80,
    }
}

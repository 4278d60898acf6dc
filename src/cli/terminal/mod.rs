//! A person's terminal, or the pipe or file in its place: what is written to it, and on a terminal keys, a line with
//! history that can be edited, and what the screen shows of it.
//!
//! Nothing here waits for keys: bytes are read when the reactor says that there are some. `rustyline` keeps line and
//! history; its own loop, which blocks, is not used. `vte` takes escape sequences apart.

pub(super) mod editor;
pub(super) mod failure;
mod keys;
pub(super) mod line;
pub(super) mod logger;
pub(super) mod mode;
pub(super) mod printable;
pub(super) mod progress;
mod screen;
pub(super) mod stream;

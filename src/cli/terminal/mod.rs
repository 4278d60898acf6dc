//! The user's terminal, or the pipe or file in its place: its output, and on a terminal keys, a
//! line editor with history, and the layout of the screen.
//!
//! Nothing here waits for keys: bytes are read when the reactor reports that stdin is readable.
//! `rustyline` keeps the line and its history; its own loop, which blocks, is not used. `vte`
//! parses escape sequences.

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

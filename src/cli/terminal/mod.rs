//! A person's terminal: keys in, a line with history that can be edited, and what the screen shows of it.
//!
//! Nothing here waits: bytes are read when the reactor says that there are some. `rustyline` keeps line and history;
//! its own loop, which blocks, is not used. `vte` takes escape sequences apart.

pub(super) mod editor;
mod keys;
pub(super) mod mode;
mod screen;

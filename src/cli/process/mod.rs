//! What a process does about itself, whichever command it runs.

pub(super) mod arguments;
pub(super) mod signals;

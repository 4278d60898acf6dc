//! What a process does to itself or starts, whichever command it runs.

pub(super) mod arguments;
pub(super) mod descriptors;
pub(super) mod signals;
pub(super) mod spawn_self;

//! What is written to a terminal, or to the pipe or file in its place.

pub(super) mod failure;
pub(super) mod line;
pub(super) mod stream;

//! What is written to a terminal, or to the pipe or file in its place.

pub(super) mod stream;

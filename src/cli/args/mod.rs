//! What surrounds the flags of every command: variables of the environment, and what may have been meant by
//! what is none of them.

pub(super) mod environment;
mod explanation;
mod suggestion;

pub(super) use explanation::explain;
pub(super) use suggestion::{nearest, unknown_command};

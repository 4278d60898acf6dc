//! Flags and what surrounds them: types of values, variables of the environment, and what may have been meant by
//! an argument that is wrong.

pub(super) mod environment;
mod explanation;
pub(super) mod policy;
mod suggestion;

pub(super) use explanation::explain;
pub(super) use suggestion::{nearest, unknown_command};

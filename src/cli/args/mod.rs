//! Flags and what surrounds them: groups of flags that commands share, types of values, the configuration file,
//! variables of the environment, and what may have been meant by an argument that is wrong.

pub(super) mod auth;
pub(super) mod client;
pub(super) mod config_file;
pub(super) mod deflate;
pub(super) mod early_drop;
pub(super) mod environment;
mod explanation;
pub(super) mod policy;
mod suggestion;
#[cfg_attr(not(feature = "tls"), path = "tls_absent.rs")]
pub(super) mod tls;
pub(super) mod values;

pub(super) use explanation::explain;
pub(super) use suggestion::{nearest, unknown_command};

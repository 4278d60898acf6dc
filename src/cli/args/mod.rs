//! The arguments: groups of flags that commands share, parsers of values, the configuration file,
//! environment variables, and suggestions for mistyped arguments.

pub(super) mod auth;
pub(super) mod client;
pub(super) mod config_file;
pub(super) mod deflate;
pub(super) mod early_drop;
pub(super) mod environment;
mod explanation;
pub(super) mod heading;
pub(super) mod help;
pub(super) mod policy;
mod suggestion;
#[cfg_attr(not(feature = "tls"), path = "tls_absent.rs")]
pub(super) mod tls;
pub(super) mod values;

pub(super) use explanation::explain;
pub(super) use suggestion::{nearest, unknown_command};
